"""Coordinates: entry k is at (row[k], col[k])."""

from collections.abc import Sequence

import numpy as np

from brainevent_core.formats.format import Format, Part, Shape, Structure
from brainevent_core.formats.indices import out_of_range, random_indices, shifted

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


def _part(structure: Structure, shape: Shape, axis: int, start: int, stop: int) -> Part:
    index = (structure.row, structure.col)
    found = np.flatnonzero((index[axis] >= start) & (index[axis] < stop))
    row, col = (shifted(one[found], start if along == axis else 0) for along, one in enumerate(index))
    return Part((row, col), found)


def _join(parts: Sequence[Structure], shapes: Sequence[Shape], axis: int) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    starts = np.cumsum([0, *(shape[axis] for shape in shapes)])
    offsets = np.cumsum([0, *(part.row.size for part in parts)])
    rows, columns, weights = [], [], []
    for part, shape, start, offset in zip(parts, shapes, starts, offsets):
        # An index outside its part could be inside the next one.
        exists = (part.row >= 0) & (part.row < shape[0]) & (part.col >= 0) & (part.col < shape[1])
        (found,) = np.nonzero(exists)
        rows.append(shifted(part.row[found], -start if axis == 0 else 0))
        columns.append(shifted(part.col[found], -start if axis == 1 else 0))
        weights.append(found + offset)
    index, at = (np.concatenate(rows), np.concatenate(columns)), np.concatenate(weights)
    for keys, joined in zip((rows, columns), index):
        if all((np.diff(each) >= 0).all() for each in keys):  # the whole may be declared as sorted
            order = np.argsort(joined, kind="stable")
            return (index[0][order], index[1][order]), at[order]
    return index, at


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
    part=_part,
    join=_join,
)
