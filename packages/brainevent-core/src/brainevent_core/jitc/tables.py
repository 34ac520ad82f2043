"""What the host works out from a probability: the length of blocks, and the tables from which gaps are drawn.

The gap between two connections of a line is geometric: ``P(gap = g) = p (1 - p)^g``. A table turns one 32-bit draw
into one digit of a gap in base 1024, by Walker's alias method with integer weights that add up to 2³² exactly.
Arithmetic is on integers of 256 fractional bits, so that every host finds the same tables.
"""

import functools
import itertools
import operator
from typing import Any

import jax
import numpy as np

from brainevent_core.errors import DTypeError, MathError

__all__ = ["CELLS", "CELL_BITS", "VERSION", "as_probability", "block_size", "gap_tables"]

#: Version of the specification. Another stream means another number.
VERSION = 1

#: A table has ``2**CELL_BITS`` cells, one for each value of a digit.
CELL_BITS = 10
CELLS = 1 << CELL_BITS

# More digits than this reach behind the longest line there is, of 2³¹ entries.
_MAX_LEVELS = 3

_FRACTION_BITS = 256
_ONE = 1 << _FRACTION_BITS
_DRAWS = 1 << 32

# Blocks hold some 256 connections: enough to make the key of a block cheap, few enough to generate one alone.
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


@functools.lru_cache(maxsize=256)
def gap_tables(prob: float) -> np.ndarray:
    """The tables of a probability.

    Args:
        prob: probability of a connection, between 0 and 1.

    Returns:
        uint32 array of shape (levels, 1024), read-only; the most significant digit of a gap first. Each entry is
        ``threshold · 1024 + alias``, see :func:`~brainevent_core.jitc.outcome`.
    """
    numerator, denominator = prob.as_integer_ratio()
    silent = _ONE - numerator * _ONE // denominator  # probability of no connection
    digits = [silent]
    # One more digit while the leading one would rarely end a gap: then most draws are "go on".
    while len(digits) < _MAX_LEVELS and (_ONE - digits[-1]) * 256 < _ONE:
        digits.append(_to_the_cells(digits[-1]))
    rows = [_leading(q) if level == len(digits) - 1 else _digit(q) for level, q in enumerate(digits)]
    tables = np.array([_alias_table(row) for row in reversed(rows)], np.uint32)
    tables.flags.writeable = False
    return tables


def _to_the_cells(q: int) -> int:
    """``q ** 1024`` by ten squarings, each rounded down."""
    for _ in range(CELL_BITS):
        q = q * q >> _FRACTION_BITS
    return q


def _not_reached(q: int) -> list[int]:
    """``1 - q**g`` for g from 0 to 1024, each power rounded down from the one before."""
    powers = [_ONE]
    for _ in range(CELLS):
        powers.append(powers[-1] * q >> _FRACTION_BITS)
    return [_ONE - power for power in powers]


def _leading(q: int) -> list[int]:
    """Weights of the leading digit: geometric; the last outcome is "1023 units further, and no connection"."""
    return _weights([*_not_reached(q)[:CELLS], _ONE])


def _digit(q: int) -> list[int]:
    """Weights of any other digit: geometric, given that it is below 1024."""
    reached = _not_reached(q)
    if q == _ONE:
        return _weights([g * _ONE // CELLS for g in range(CELLS + 1)])
    whole = _ONE - _to_the_cells(q)
    return _weights([min(part * _ONE // whole, _ONE) for part in reached[:CELLS]] + [_ONE])


def _weights(cumulative: list[int]) -> list[int]:
    """Differences of a distribution function after rounding it to multiples of 2⁻³²: they add up to 2³²."""
    rounded = [(2 * value * _DRAWS + _ONE) // (2 * _ONE) for value in cumulative]
    return [high - low for low, high in itertools.pairwise(rounded)]


def _alias_table(weights: list[int]) -> list[int]:
    """Walker's table: cell i keeps ``threshold`` of its 2²² draws, and gives the rest to ``alias``."""
    capacity = _DRAWS >> CELL_BITS
    left = list(weights)
    small = [cell for cell in range(CELLS) if left[cell] < capacity]
    large = [cell for cell in range(CELLS) if left[cell] >= capacity]
    table = list(range(CELLS))  # a full cell: all of it goes to its alias, which is itself
    while small:
        cell, donor = small.pop(), large[-1]
        table[cell] = left[cell] << CELL_BITS | donor
        left[donor] -= capacity - left[cell]
        if left[donor] < capacity:
            small.append(large.pop())
    return table
