"""Random words from (seed, row), and uniform numbers made from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.errors import DTypeError, MathError
from brainevent_core.jitc import as_seed, block_keys

__all__ = [
    "CHUNK",
    "DELAYS",
    "DELAY_FUNCTIONS",
    "DISTANCE",
    "FUNCTIONS",
    "PAIRS",
    "PARTNERS",
    "VERSION",
    "WEIGHTS",
    "below",
    "below_wide",
    "chunks",
    "function_key",
    "host_seed",
    "number_dtype",
    "row_keys",
    "unseen",
]

#: Version of the specification, ``docs/connection-rules.md``.
VERSION = 1

#: The purposes of words, the second word of the counter. Blocks of just-in-time connectivity are below 2³¹.
PARTNERS, PAIRS, DISTANCE, WEIGHTS, FUNCTIONS, DELAYS, DELAY_FUNCTIONS = (2**31 + number for number in range(7))

#: Number of words drawn at once, so that temporary arrays stay in the processor's cache, and memory is bounded.
CHUNK = 1 << 16


def host_seed(seed: Any) -> np.ndarray:
    """``seed`` as two uint32 words, see :func:`~brainevent_core.jitc.as_seed`.

    Raises:
        MathError: if it is traced.
        DTypeError: if it is not a seed, or several seeds.
    """
    if isinstance(seed, jax.core.Tracer):
        raise MathError("Connections are drawn on the host: seed must be a concrete number or key, not a traced one.")
    with jax.ensure_compile_time_eval():
        words = np.asarray(as_seed(seed))
    if words.shape != (2,):
        raise DTypeError(f"seed must be one seed, got several: words of shape {words.shape}.")
    return words


def row_keys(seed: np.ndarray, rows: np.ndarray, domain: int) -> tuple[np.ndarray, np.ndarray]:
    """The two key words of rows, uint32, for one of the domains above."""
    # Arrays, because NumPy warns about the overflow of scalars.
    return block_keys(seed.reshape(2, 1), rows.astype(np.uint32), np.full(1, domain, np.uint32))


def function_key(seed: np.ndarray, domain: int = FUNCTIONS) -> Any:
    """The ``jax.random`` key that is passed to users' functions of weights or delays."""
    words = row_keys(seed, np.zeros(1, np.uint32), domain)
    return jax.random.wrap_key_data(jnp.concatenate(words), impl="threefry2x32")


def number_dtype(bound: int) -> type[np.signedinteger[Any]]:
    """The dtype of numbers up to ``bound``, itself included."""
    return np.int32 if bound < 2**31 else np.int64


def below(words: np.ndarray, bound: int) -> tuple[np.ndarray, np.ndarray]:
    """Uniform numbers below ``bound``, and which words are valid, that is, yield a number.

    The number is the upper half of the product of word and bound. So that every number results from the same count of
    words, words whose lower half is below 2³² mod bound are rejected (Lemire 2019, doi:10.1145/3230636).

    Args:
        words: uint32.
        bound: from 1 to 2³².

    Returns:
        (numbers, valid): int32, or int64 if ``bound`` needs it; and bool.
    """
    product = words.astype(np.uint64) * np.uint64(bound)
    return (product >> np.uint64(32)).astype(number_dtype(bound)), product.astype(np.uint32) >= np.uint32(2**32 % bound)


def below_wide(high: np.ndarray, low: np.ndarray, bound: int) -> tuple[np.ndarray, np.ndarray]:
    """Like :func:`below`, with 64 bits in two words per number, for bounds up to 2⁶³ - 1; the numbers are int64."""
    half, mask = np.uint64(32), np.uint64(2**32 - 1)
    bound_high, bound_low = np.uint64(bound >> 32), np.uint64(bound & 2**32 - 1)
    high, low = high.astype(np.uint64), low.astype(np.uint64)
    lowest, first, second = low * bound_low, low * bound_high, high * bound_low
    middle = (lowest >> half) + (first & mask) + (second & mask)
    numbers = high * bound_high + (first >> half) + (second >> half) + (middle >> half)
    return numbers.astype(np.int64), (middle << half | lowest & mask) >= np.uint64(2**64 % bound)


def unseen(values: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """The distinct values that are in none of the ``others``; all of these are sorted."""
    if values.size:
        values = values[np.concatenate([[True], values[1:] != values[:-1]])]
    for other in others:
        if other.size and values.size:
            at = np.minimum(np.searchsorted(other, values), other.size - 1)
            values = values[other[at] != values]
    return values


def chunks(counts: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges of rows with about ``CHUNK`` items each, of which each row has ``counts``; a row is never divided."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        done = int(ends[start - 1]) if start else 0
        stop = max(int(np.searchsorted(ends, done + CHUNK, side="right")), start + 1)
        yield start, stop
        start = stop
