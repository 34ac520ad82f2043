"""The primitive ``matmul``: which strategy computes a call, the first that takes it."""

from __future__ import annotations

from collections.abc import Callable

import jax

from brainevent_core.plugins import Takes

from . import active_rows, dense_rows, fan_in, one_hot_rows
from .strategies import first_of

__all__ = ["STRATEGIES", "SUPPORTS", "matmul"]

#: In the order in which they are asked: what each takes, and its function.
STRATEGIES: dict[str, tuple[Takes, Callable[..., jax.Array]]] = {
    "fan_in": (fan_in.TAKES, fan_in.fan_in_product),
    "one_hot_rows": (one_hot_rows.TAKES, one_hot_rows.one_hot_rows_product),
    "active_rows": (active_rows.TAKES, active_rows.active_rows_product),
    "dense_rows": (dense_rows.TAKES, dense_rows.dense_rows_product),
}

SUPPORTS, matmul = first_of(STRATEGIES)
