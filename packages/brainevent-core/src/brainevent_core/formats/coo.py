"""Coordinates: entry k stands at (row[k], col[k])."""

from collections.abc import Sequence

import numpy as np

from brainevent_core.formats.format import Format, Shape, Structure
from brainevent_core.formats.indices import out_of_range, random_indices

__all__ = ["COO_FORMAT"]


def _check_abstract(structure: Structure, shape: Shape) -> str | None:
    row, col = structure.row, structure.col
    if row.ndim != 1 or row.shape != col.shape:
        return f"row and col must be vectors of one length, got shapes {tuple(row.shape)} and {tuple(col.shape)}."
    return None


def _check_values(structure: Structure, shape: Shape) -> str | None:
    return out_of_range("row", structure.row, shape[0], "rows") or out_of_range(
        "col", structure.col, shape[1], "columns"
    )


def _draw(rng: np.random.Generator, shape: Shape, per_row: int, malformed: bool, dtype: str) -> Sequence[np.ndarray]:
    count = max(shape[0], 1) * per_row if malformed else shape[0] * per_row if shape[1] else 0
    return [random_indices(rng, length, count, malformed=malformed).astype(dtype) for length in shape]


COO_FORMAT = Format(
    name="coo",
    label="COO",
    structure=("row", "col"),
    data_shape=lambda structure, shape: tuple(structure.row.shape),
    check_abstract=_check_abstract,
    check_values=_check_values,
    coordinates=lambda structure, shape: (structure.row, structure.col),
    draw=_draw,
    coordinates_at=lambda structure, shape, positions: (structure.row[positions], structure.col[positions]),
)
