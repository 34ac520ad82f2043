"""Several strategies for a primitive: the first that takes a call computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax

from brainevent_core.plugins import FirstOf, Takes

__all__ = ["first_of"]


def first_of(strategies: Mapping[str, tuple[Takes, Callable[..., jax.Array]]]) -> tuple[FirstOf, Callable[..., Any]]:
    """What all of them take, and the kernel, from what each takes and its function."""
    supports = FirstOf({name: takes for name, (takes, _) in strategies.items()})

    def kernel(*operands: jax.Array, interpret: Any = False, **static: Any) -> jax.Array:
        strategy = supports.first(*operands, **static)
        assert strategy is not None, static  # selection asked
        return strategies[strategy][1](*operands, **static, interpret=interpret)

    return supports, kernel
