"""The primitive ``jitc_matmul``: one strategy for each direction of the stream."""

from __future__ import annotations

from . import generated_rows, generated_scatter
from .strategies import first_of

__all__ = ["SUPPORTS", "jitc_matmul"]

SUPPORTS, jitc_matmul = first_of(
    {
        "generated_rows": (generated_rows.TAKES, generated_rows.generated_rows_product),
        "generated_scatter": (generated_scatter.TAKES, generated_scatter.generated_scatter_product),
    }
)
