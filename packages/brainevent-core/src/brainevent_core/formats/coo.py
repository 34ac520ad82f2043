"""Coordinates: entry k stands at (row[k], col[k])."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from brainevent_core.formats.base import Format, Shape, out_of_range

__all__ = ["COO_FORMAT"]


def _check_abstract(structure: Sequence[Any], shape: Shape) -> str | None:
    row, col = structure
    if row.ndim != 1 or row.shape != col.shape:
        return f"row and col must be vectors of one length, got shapes {tuple(row.shape)} and {tuple(col.shape)}."
    return None


def _check_values(structure: Sequence[np.ndarray], shape: Shape) -> str | None:
    row, col = structure
    return out_of_range("row", row, shape[0], "rows") or out_of_range("col", col, shape[1], "columns")


COO_FORMAT = Format(
    name="coo",
    structure=("row", "col"),
    data_shape=lambda structure, shape: tuple(structure[0].shape),
    check_abstract=_check_abstract,
    check_values=_check_values,
    entries=lambda structure, shape: (structure[0], structure[1]),
)
