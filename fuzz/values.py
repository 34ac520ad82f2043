"""Random contents of arrays, well-formed and malformed."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

__all__ = ["INTEGERS", "indices", "numbers", "picks", "pointers", "spikes"]

Random = np.random.Generator

_HUGE = 2**31

#: The integer dtypes of indices.
INTEGERS = ["int32", "uint8", "int16", "uint32", "int64", "uint64", "int8", "uint16"]
_NOT_FINITE = (np.nan, np.inf, -np.inf)


def _held(values: np.ndarray, dtype: str) -> np.ndarray:
    """Integers in ``dtype``, clipped to its range."""
    limits = np.iinfo(dtype)
    return np.clip(values, int(limits.min), int(limits.max)).astype(dtype)


def indices(random: Random, shape: tuple[int, ...], bound: int, dtype: str) -> np.ndarray:
    """Indices into ``bound`` rows: half of the time in range, otherwise some or all are negative, huge or too large."""
    limits = np.iinfo(dtype)
    inside = random.integers(max(bound, 1), size=shape)
    strays = np.array(
        [-1, -bound, -bound - 1, bound, bound + 1, _HUGE - 1, -_HUGE, 2 * _HUGE + 1, limits.min, limits.max], object
    )
    share = random.choice([0.0, 0.0, 0.0, 0.1, 0.5, 1.0])
    chosen = np.where(random.random(shape) < share, random.choice(strays, size=shape), inside.astype(object))
    order = random.integers(3)
    if order == 0:
        chosen = np.sort(chosen, axis=-1)
    elif order == 1:
        chosen = chosen[..., ::-1]
    return _held(chosen, dtype)


def picks(random: Random, shape: tuple[int, ...], length: int, dtype: str) -> np.ndarray:
    """Row indices as users write them, nonnegative or negative; a few are out of range, some of them by far."""
    limits = np.iinfo(dtype)
    near = random.integers(max(-length - 1, int(limits.min)), length + 2, size=shape)
    far = random.choice(np.array([limits.min, limits.max, _HUGE, 2 * _HUGE], object), size=shape)
    inside = random.integers(max(length, 1), size=shape)
    kind = random.choice(3, size=shape, p=[0.85, 0.1, 0.05])
    return _held(np.choose(kind, [inside.astype(object), near.astype(object), far]), dtype)


def pointers(random: Random, lines: int, entries: int, dtype: str) -> np.ndarray:
    """Pointers of ``lines`` rows into ``entries`` entries: half of the time valid, otherwise with some fault."""
    limits = np.iinfo(dtype)
    inner = np.sort(random.integers(entries + 1, size=max(lines - 1, 0)))
    good = np.concatenate([[0], inner, [entries]])[: lines + 1].astype(object)
    if lines == 0:
        good = np.array([0], object)
    fault = random.integers(12)
    strays = np.array([-1, -_HUGE, _HUGE - 1, entries + 1, 3 * entries + 5, 0, limits.min, limits.max], object)
    if fault == 6:
        good = good[::-1]
    elif fault == 7:
        good = good[random.permutation(good.size)]
    elif fault == 8:
        good = good + random.integers(-3, 4)
    elif fault == 9:
        good = np.full(good.shape, random.choice(strays), object)
    elif fault >= 10:
        where = random.random(good.size) < random.choice([0.2, 0.7])
        good = np.where(where, random.choice(strays, size=good.size), good)
    return _held(good, dtype)


def numbers(random: Random, shape: tuple[int, ...], dtype: str, finite: bool = False) -> np.ndarray:
    """Numbers of moderate size (sums must not overflow), with zeros; every other array has some NaN or infinity."""
    if dtype == "bool":
        return random.random(shape) < 0.5
    values = random.normal(size=shape)
    values[random.random(shape) < 0.1] = random.choice([0.0, -0.0])
    if not finite and random.random() < 0.5:
        where = random.random(shape) < random.choice([0.05, 0.3])
        values = np.where(where, random.choice(_NOT_FINITE, size=shape), values)
    kept = np.dtype(jnp.dtype(dtype))
    return np.rint(3 * values).astype(dtype) if kept.kind in "iu" else values.astype(kept)


def spikes(random: Random, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Values interpreted as events (none, some or all are): NaN and infinities are events, both zeros are not."""
    active = random.random(shape) < random.choice([0.0, 0.05, 0.5, 1.0])
    if dtype == "bool":
        return active
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        return np.where(active, random.choice([1, 2, limits.min or 3, limits.max], size=shape), 0).astype(dtype)
    values = random.choice([1.0, -2.5, 1e-30, *_NOT_FINITE], size=shape)
    return np.where(active, values, random.choice([0.0, -0.0], size=shape)).astype(dtype)
