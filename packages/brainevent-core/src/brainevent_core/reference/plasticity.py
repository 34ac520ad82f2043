"""Weights changed by events, for every format.

With entries e = (row, col, weight) of the stored matrix A, and (out, in) = (row, col), or (col, row) if transposed, an
event of row (or column) ``in`` adds ``trace[out]`` to the weight. The added values are ``sddmm(trace, x)``.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from brainevent_core.reference.matmul import sddmm

__all__ = ["stdp_update"]


def stdp_update(data: Any, *operands: Any, clip: str, sddmm: Callable[..., Any] = sddmm, **params: Any) -> Any:
    """``jnp.clip(data + update, lower, upper)``, for all weights or only for those that an event has changed.

    ``params`` are those of ``sddmm``: format, shape, transpose and encoding.
    """
    *structure, x, trace, lower, upper = operands
    clipped = jnp.clip(data + sddmm(trace, *structure, x, **params), lower, upper)
    if clip == "all":
        return clipped
    changed = sddmm(jnp.ones_like(trace), *structure, x, **params) != 0
    return jnp.where(changed, clipped, data)
