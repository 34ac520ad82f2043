"""The primitive ``matmul``: which strategy computes a call, the first that takes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from brainevent_core.plugins import FirstOf

from . import active_rows, dense_rows, fan_in

__all__ = ["SUPPORTS", "matmul"]

#: What the strategies take.
SUPPORTS = FirstOf({"fan_in": fan_in.TAKES, "active_rows": active_rows.TAKES, "dense_rows": dense_rows.TAKES})

_STRATEGIES: dict[str, Callable[..., jax.Array]] = {
    "fan_in": fan_in.fan_in_product,
    "active_rows": active_rows.active_rows_product,
    "dense_rows": dense_rows.dense_rows_product,
}


def matmul(*operands: jax.Array, interpret: Any = False, **static: Any) -> jax.Array:
    """The primitive ``matmul``, see there; compiled by Mosaic, or interpreted."""
    strategy = SUPPORTS.first(*operands, **static)
    assert strategy is not None, static  # selection asked
    return _STRATEGIES[strategy](*operands, **static, interpret=interpret)
