"""Several strategies for a primitive: the first one that supports a call computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax

from brainevent_core.plugins import FirstOf, Takes

__all__ = ["first_of"]


def first_of(strategies: Mapping[str, tuple[Takes, Callable[..., jax.Array]]]) -> tuple[FirstOf, Callable[..., Any]]:
    """The calls that any strategy supports, and a kernel that dispatches to the first one that supports a call.

    Args:
        strategies: for each strategy, the supported calls and the function.
    """
    supports = FirstOf({name: takes for name, (takes, _) in strategies.items()})

    def kernel(*operands: jax.Array, interpret: Any = False, **static: Any) -> jax.Array:
        strategy = supports.first(*operands, **static)
        assert strategy is not None, static  # checked by selection
        return strategies[strategy][1](*operands, **static, interpret=interpret)

    return supports, kernel
