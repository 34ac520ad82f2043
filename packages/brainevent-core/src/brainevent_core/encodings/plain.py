"""Encodings with one element per entry: numbers, numbers that are mostly zero, and events.

Binary events are drawn with the values 2, -3, NaN, ...; each of them counts as one.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from brainevent_core.encodings.encoding import Encoding

__all__ = ["BINARY", "FLOAT", "PLAIN", "SPARSE_FLOAT", "is_event"]


def is_event(x: Any) -> Any:
    """Which entries of ``x`` are events: those that are nonzero (including NaN) or True."""
    return x if x.dtype == jnp.bool_ else x != 0


def _numbers(rng: np.random.Generator, mask: np.ndarray, malformed: bool, dtype: str) -> np.ndarray:
    # Most of them are positive, so that large sums don't cancel and rounding stays relative to them.
    values = rng.uniform(0.25, 0.75, size=mask.shape) * rng.choice([-1, 1, 1, 1, 1], size=mask.shape)
    return np.asarray(np.where(mask, values, 0)).astype(jnp.dtype(dtype))


def _events(rng: np.random.Generator, mask: np.ndarray, malformed: bool, dtype: str) -> np.ndarray:
    if dtype == "bool":
        return mask
    values = rng.choice([2.0, -3.0, 1.0, np.nan] if dtype == "float32" else [2, -3, 1], size=mask.shape)
    return np.where(mask, values, 0).astype(dtype)


FLOAT = Encoding("float", event=False, decode=lambda x, n: x, selects=False, draw=_numbers)
SPARSE_FLOAT = Encoding("sparse_float", event=False, decode=lambda x, n: x, draw=_numbers)
BINARY = Encoding(
    "binary", event=True, decode=lambda x, n: is_event(x), draw=_events, dtypes=("bool", "int32", "float32")
)

#: The encodings with one element per entry.
PLAIN = (FLOAT, SPARSE_FLOAT, BINARY)
