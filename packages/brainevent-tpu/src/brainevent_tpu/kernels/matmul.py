"""The primitive ``matmul``: which strategy computes a call, the first that takes it."""

from __future__ import annotations

from . import active_rows, dense_rows, fan_in
from .strategies import first_of

__all__ = ["SUPPORTS", "matmul"]

SUPPORTS, matmul = first_of(
    {
        "fan_in": (fan_in.TAKES, fan_in.fan_in_product),
        "active_rows": (active_rows.TAKES, active_rows.active_rows_product),
        "dense_rows": (dense_rows.TAKES, dense_rows.dense_rows_product),
    }
)
