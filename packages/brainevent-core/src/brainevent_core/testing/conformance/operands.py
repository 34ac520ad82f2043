"""Random numbers and events in every encoding, in NumPy alone."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from brainevent_core.encodings import ENCODINGS, Encoding, get_encoding

__all__ = ["RATES", "dtype_of", "encoding_of", "kinds", "numbers", "operand", "random_mask"]

#: The rates of nonzero entries.
RATES = ("some", "silent", "single", "all")


def kinds(*, events_only: bool = False) -> list[str]:
    """The kinds of x: every registered encoding, once for each dtype that it can have."""
    return [
        f"{encoding.name}_{dtype}" if dtype else encoding.name
        for encoding in ENCODINGS.values()
        if encoding.event or not events_only
        for dtype in encoding.dtypes or ("",)
    ]


def encoding_of(kind: str) -> Encoding:
    """The encoding of a kind of x, one of :func:`kinds`."""
    return get_encoding(kind if kind in ENCODINGS else kind.rpartition("_")[0])


def dtype_of(kind: str, weights: str) -> str:
    """The dtype of a kind of x, for weights of a given dtype."""
    encoding = encoding_of(kind)
    if encoding.dtype is not None:
        return jnp.dtype(encoding.dtype).name
    return kind.rpartition("_")[2] if encoding.dtypes else weights


def numbers(shape: tuple[int, ...], dtype: str, rng: np.random.Generator, *, nonfinite: bool = False) -> np.ndarray:
    """Random numbers, most of them positive, so that large sums don't cancel and rounding stays relative to them."""
    values = rng.uniform(0.25, 0.75, size=shape) * rng.choice([-1, 1, 1, 1, 1], size=shape)
    if nonfinite:
        values = np.where(rng.random(shape) < 0.4, rng.choice([np.inf, -np.inf, np.nan], size=shape), values)
    return np.asarray(values).astype(jnp.dtype(dtype))


def random_mask(shape: tuple[int, ...], rate: str, rng: np.random.Generator) -> np.ndarray:
    """Which entries are nonzero: with the rate "single" one in every column, with "10%" about a tenth of them."""
    if rate == "single" and shape[0]:
        places = np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
        return np.asarray(places == rng.integers(shape[0], size=shape[1:]))
    if rate.endswith("%"):
        return rng.random(shape) < float(rate[:-1]) / 100
    return rng.random(shape) < {"some": 0.3, "silent": 0.0, "single": 0.0, "all": 1.1}[rate]


def operand(
    kind: str, shape: tuple[int, ...], dtype: str, rate: str, rng: np.random.Generator, *, malformed: bool
) -> np.ndarray:
    """x: a vector of ``shape[0]`` entries, or several in columns.

    Args:
        kind: one of :func:`kinds`.
        shape: shape of the decoded entries.
        dtype: dtype of the weights.
        rate: how many are nonzero, see ``RATES``.
        rng: the random generator.
        malformed: whether encodings contain values that must be ignored: surplus bits, indices outside, a large count.
    """
    encoding = encoding_of(kind)
    assert encoding.draw is not None, f"{encoding} draws no arrays: give it draw="
    return encoding.draw(rng, random_mask(shape, rate, rng), malformed, dtype_of(kind, dtype))
