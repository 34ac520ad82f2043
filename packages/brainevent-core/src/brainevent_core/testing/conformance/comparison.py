"""Whether two results are the same: connectivity and encodings exactly, numbers up to rounding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from brainevent_core.testing.numerics import tolerance

__all__ = ["difference"]

# Derivatives are sums of several rounded results.
_ROUNDINGS = 4


def difference(found: Sequence[Any], expected: Sequence[Any], precision: str | None = None) -> str | None:
    """What differs, in words; None if nothing does.

    Args:
        found: the results.
        expected: what they should be.
        precision: the dtype in which they were computed, whose rounding errors are allowed as well.
    """
    if len(found) != len(expected):
        return f"expected {len(expected)} arrays, got {len(found)}"
    for number, pair in enumerate(zip(map(np.asarray, found), map(np.asarray, expected))):
        text = _of_arrays(*pair, precision)
        if text:
            return f"in result {number + 1} of {len(found)}, {text}" if len(found) > 1 else text
    return None


def _of_arrays(found: np.ndarray, expected: np.ndarray, precision: str | None) -> str | None:
    if (found.shape, found.dtype) != (expected.shape, expected.dtype):
        return f"expected {expected.dtype}{list(expected.shape)}, got {found.dtype}{list(found.shape)}"
    if jnp.issubdtype(expected.dtype, jnp.floating):
        rtol = _ROUNDINGS * max(tolerance(expected.dtype), tolerance(precision or expected.dtype))
        f, e = found.astype(np.float64), expected.astype(np.float64)
        # The largest number sets the scale of the rounding errors of all.
        scale = np.abs(e[np.isfinite(e)]).max(initial=1.0)
        wrong = ~np.isclose(f, e, rtol=rtol, atol=rtol * scale, equal_nan=True)
    else:
        wrong = found != expected
    if not wrong.any():
        return None
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    return (
        f"{int(wrong.sum())} of {wrong.size} elements differ; the first, at {list(at)}: expected {expected[at]}, "
        f"got {found[at]}"
    )
