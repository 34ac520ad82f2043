"""Random numbers and events in every encoding, in NumPy alone."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from brainevent_core.formats import WORD_BITS

__all__ = ["EVENTS", "NUMBERS", "RATES", "encoding_of", "numbers", "operand", "random_mask"]

#: How many entries are nonzero.
RATES = ("some", "silent", "single", "all")

NUMBERS = ("float", "sparse_float")
#: Encodings of events; spikes of "binary" have a dtype.
EVENTS = ("binary_bool", "binary_int32", "binary_float32", "bitpacked", "compact")


def encoding_of(operand: str) -> str:
    """The primitive's parameter ``operand``."""
    return "binary" if operand.startswith("binary") else operand


def numbers(shape: tuple[int, ...], dtype: str, rng: np.random.Generator, *, nonfinite: bool = False) -> np.ndarray:
    """Random numbers, most of them positive, so that large sums don't cancel and rounding stays relative to them."""
    values = rng.uniform(0.25, 0.75, size=shape) * rng.choice([-1, 1, 1, 1, 1], size=shape)
    if nonfinite:
        values = np.where(rng.random(shape) < 0.4, rng.choice([np.inf, -np.inf, np.nan], size=shape), values)
    return np.asarray(values).astype(jnp.dtype(dtype))


def random_mask(shape: tuple[int, ...], rate: str, rng: np.random.Generator) -> np.ndarray:
    """Which entries are nonzero: with the rate "single" one in every column, with "10%" about a tenth of them."""
    if rate == "single" and shape[0]:
        lines = np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
        return np.asarray(lines == rng.integers(shape[0], size=shape[1:]))
    if rate.endswith("%"):
        return rng.random(shape) < float(rate[:-1]) / 100
    return rng.random(shape) < {"some": 0.3, "silent": 0.0, "single": 0.0, "all": 1.1}[rate]


def operand(
    kind: str, shape: tuple[int, ...], dtype: str, rate: str, rng: np.random.Generator, *, malformed: bool
) -> np.ndarray:
    """The operand x: a vector of ``shape[0]`` entries, or several in columns.

    Args:
        kind: one of ``NUMBERS`` or ``EVENTS``. Events as numbers are 2, -3, NaN, ...: each counts as one.
        shape: of the entries.
        dtype: of numbers.
        rate: how many are nonzero, see ``RATES``.
        rng: where the numbers come from.
        malformed: whether encodings hold what has to be left out: surplus bits, indices outside, a large count.
    """
    mask = random_mask(shape, rate, rng)
    if kind in NUMBERS:
        return np.where(mask, numbers(shape, dtype, rng), 0).astype(jnp.dtype(dtype))
    if kind == "binary_bool":
        return mask
    if kind.startswith("binary"):
        dtype = kind.removeprefix("binary_")
        values = rng.choice([2.0, -3.0, 1.0, np.nan] if dtype == "float32" else [2, -3, 1], size=shape)
        return np.where(mask, values, 0).astype(dtype)
    columns = mask.reshape(shape[0], math.prod(shape[1:])).T
    encode = _bits if kind == "bitpacked" else _list
    encoded = [encode(column, malformed, rng) for column in columns]
    return np.stack(encoded, axis=-1).reshape(-1, *shape[1:])


def _bits(mask: np.ndarray, malformed: bool, rng: np.random.Generator) -> np.ndarray:
    surplus = np.full(-mask.size % WORD_BITS, malformed)
    bits = np.concatenate([mask, surplus])
    return np.packbits(bits, bitorder="little").view("<u4").astype(np.uint32)


def _list(mask: np.ndarray, malformed: bool, rng: np.random.Generator) -> np.ndarray:
    """A count and indices in any order; if malformed, among indices outside, and all of them are counted twice over."""
    indices = rng.permutation(np.flatnonzero(mask))
    slots = mask.size + 6
    if not malformed:
        filled = np.full(slots, mask.size)
        filled[: indices.size] = indices
        return np.array([indices.size, *filled], np.int32)
    filled = np.resize([mask.size, -1, -mask.size, mask.size + 1, 2**31 - 1], slots)
    filled[rng.permutation(slots)[: indices.size]] = indices
    return np.array([2 * slots, *filled], np.int32)
