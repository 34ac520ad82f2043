"""The primitive ``matmul``: the first strategy that supports a call computes it."""

from __future__ import annotations

from collections.abc import Callable

import jax

from brainevent_core.plugins import Takes

from . import active_rows, dense_rows, fan_in, one_hot_rows
from .strategies import first_of

__all__ = ["STRATEGIES", "SUPPORTS", "matmul"]

#: The supported calls and the function of each strategy, in the order in which they are tried.
STRATEGIES: dict[str, tuple[Takes, Callable[..., jax.Array]]] = {
    "fan_in": (fan_in.TAKES, fan_in.fan_in_product),
    "one_hot_rows": (one_hot_rows.TAKES, one_hot_rows.one_hot_rows_product),
    "active_rows": (active_rows.TAKES, active_rows.active_rows_product),
    "dense_rows": (dense_rows.TAKES, dense_rows.dense_rows_product),
}

SUPPORTS, matmul = first_of(STRATEGIES)
