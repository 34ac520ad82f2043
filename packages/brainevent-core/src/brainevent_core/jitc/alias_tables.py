"""The host's computations from a probability: the length of blocks, and the tables from which gaps are drawn.

The gap between two connections of a row is geometric: ``P(gap = g) = p (1 - p)^g``. A table turns one 32-bit draw
into one digit of a gap, by Walker's alias method with integer weights that add up to 2³² exactly.
Arithmetic is on integers of 256 fractional bits, so that every host finds the same tables.
"""

import functools
import itertools
import operator
from typing import Any

import jax
import numpy as np

from brainevent_core.errors import DTypeError, MathError

__all__ = ["LONGEST", "VERSION", "as_probability", "block_size", "cells", "gap_tables"]

#: Version of the specification. It is increased when the stream changes.
VERSION = 1

#: Maximum number of rows and columns of a matrix: 32-bit integers, with a margin of a block on either side.
LONGEST = 2**31 - 2**17

# A table has a cell for each value of a digit. Small tables stay in the L1 cache, together with the product's data.
_CELLS, _MANY_CELLS = 1 << 10, 1 << 12

# More digits would reach beyond the longest possible row, of 2³¹ entries.
_MAX_DIGITS = 3

_FRACTION_BITS = 256
_ONE = 1 << _FRACTION_BITS
_DRAWS = 1 << 32

# Blocks hold about 256 connections: enough to amortise the key of a block, few enough to generate a single block.
_CONNECTIONS_PER_BLOCK = 256
_SHORTEST_BLOCK, _LONGEST_BLOCK = 1 << 11, 1 << 16


def as_probability(prob: Any) -> float:
    """``prob`` as a float.

    Raises:
        DTypeError: if it is traced, or not a number.
        MathError: if it is not between 0 and 1.
    """
    if isinstance(prob, jax.core.Tracer):
        raise DTypeError(
            "prob is part of the compiled program (its tables are constants) and must be a concrete number, not a "
            "traced value. Pass it to jit as a static argument."
        )
    number = operator.index(prob) if isinstance(prob, int) else np.asarray(prob)
    try:
        if isinstance(number, np.ndarray) and (number.size != 1 or number.dtype.kind in "US"):
            raise TypeError
        value = float(number if isinstance(number, int) else number.reshape(()))
    except (TypeError, ValueError, OverflowError):
        raise DTypeError(f"prob must be a number between 0 and 1, got {prob!r}.") from None
    if not 0.0 <= value <= 1.0:
        raise MathError(f"prob must be between 0 and 1, got {value}.")
    return value


def block_size(prob: float) -> int:
    """Entries of a block: the least power of two that holds 256 connections on average, between 2¹¹ and 2¹⁶."""
    size = _SHORTEST_BLOCK
    while size < _LONGEST_BLOCK and size * prob < _CONNECTIONS_PER_BLOCK:
        size *= 2
    return size


def cells(prob: float) -> int:
    """The base of the digits of a gap: 4096 where one such digit suffices, otherwise 1024."""
    return _MANY_CELLS if 4 / _MANY_CELLS <= prob < 4 / _CELLS else _CELLS


@functools.lru_cache(maxsize=256)
def gap_tables(prob: float) -> np.ndarray:
    """The tables of a probability.

    Args:
        prob: probability of a connection, between 0 and 1.

    Returns:
        uint32 array of shape (digits, cells), read-only; the most significant digit of a gap first. Each entry is
        ``threshold · cells + alias``, see :func:`~brainevent_core.jitc.outcome`.
    """
    base = cells(prob)
    numerator, denominator = prob.as_integer_ratio()
    silent = _ONE - numerator * _ONE // denominator  # probability of no connection
    digits = [silent]
    # Another digit while the leading one would rarely end a gap, because most draws would only continue it.
    while len(digits) < _MAX_DIGITS and (_ONE - digits[-1]) * base < 4 * _ONE:
        digits.append(_power(digits[-1], base))
    rows = [(_leading if place == len(digits) - 1 else _digit)(q, base) for place, q in enumerate(digits)]
    tables = np.array([_alias_table(row) for row in reversed(rows)], np.uint32)
    tables.flags.writeable = False
    return tables


def _power(q: int, exponent: int) -> int:
    """``q`` to a power of two, by squarings, each rounded down."""
    for _ in range(exponent.bit_length() - 1):
        q = q * q >> _FRACTION_BITS
    return q


def _not_reached(q: int, base: int) -> list[int]:
    """``1 - q**g`` for g from 0 to ``base``, each power rounded down from the one before."""
    powers = [_ONE]
    for _ in range(base):
        powers.append(powers[-1] * q >> _FRACTION_BITS)
    return [_ONE - power for power in powers]


def _leading(q: int, base: int) -> list[int]:
    """Weights of the leading digit: geometric; the last outcome means to advance without a connection."""
    return _weights([*_not_reached(q, base)[:base], _ONE])


def _digit(q: int, base: int) -> list[int]:
    """Weights of any other digit: geometric, conditioned on being below the base."""
    reached = _not_reached(q, base)
    if q == _ONE:
        return _weights([g * _ONE // base for g in range(base + 1)])
    whole = _ONE - _power(q, base)
    return _weights([min(part * _ONE // whole, _ONE) for part in reached[:base]] + [_ONE])


def _weights(cumulative: list[int]) -> list[int]:
    """Differences of a distribution function after rounding it to multiples of 2⁻³²: they add up to 2³²."""
    rounded = [(2 * value * _DRAWS + _ONE) // (2 * _ONE) for value in cumulative]
    return [high - low for low, high in itertools.pairwise(rounded)]


def _alias_table(weights: list[int]) -> list[int]:
    """Walker's table: cell i keeps ``threshold`` of its share of the draws, and gives the rest to ``alias``."""
    base = len(weights)
    capacity = _DRAWS // base
    left = list(weights)
    small = [cell for cell in range(base) if left[cell] < capacity]
    large = [cell for cell in range(base) if left[cell] >= capacity]
    table = list(range(base))  # a full cell is its own alias
    while small:
        cell, donor = small.pop(), large[-1]
        table[cell] = left[cell] * base + donor
        left[donor] -= capacity - left[cell]
        if left[donor] < capacity:
            small.append(large.pop())
    return table
