"""Random matrices in every format, well-formed or not, in NumPy alone."""

from __future__ import annotations

import numpy as np

from brainevent_core.formats import COLUMN_INDEX, FORMATS

__all__ = ["SHAPES", "entries_per_line", "random_structure", "shape_of"]

#: Shapes by name, and entries per line. Results of 16 numbers fill their cache line, so that a write behind the last
#: of them leaves the buffer instead of its padding; the largest is enough work for several threads.
SHAPES = {"0x3": 3, "3x0": 3, "1x1": 2, "13x7": 3, "16x16": 4, "1021x517": 40}

_BIG = 2**31 - 1


def shape_of(name: str) -> tuple[int, int]:
    """The shape of that name."""
    rows, columns = name.split("x")
    return int(rows), int(columns)


def entries_per_line(name: str) -> int:
    """How many entries a row of a matrix of that shape has, on average; if ``SHAPES`` lacks it, one in 100 elements."""
    return SHAPES.get(name, max(1, shape_of(name)[1] // 100))


def random_structure(
    format: str, shape: tuple[int, int], per_line: int, rng: np.random.Generator, *, malformed: bool, index: str
) -> list[np.ndarray]:
    """The structure of a random matrix: unsorted, with duplicates and, where the format allows, empty lines.

    Args:
        format: name of the format.
        shape: of what is stored.
        per_line: how many entries a row has, on average.
        rng: where the numbers come from.
        malformed: whether there are indices outside, among them -1 and the length, and pointers that fall or point
            outside.
        index: the dtype of the indices.

    Returns:
        The arrays of the format.
    """
    rows, columns = shape
    base = format.removesuffix("_indexed").removesuffix("_slots")
    assert format in FORMATS, format
    if base == "dense":
        return []
    if malformed and base != "fixed_num":  # there may be entries that no row claims
        count = max(rows, 1) * per_line
    else:
        count = rows * per_line if columns or malformed else 0
    line = np.sort(rng.integers(max(rows, 1), size=count))
    other = _indices(columns, count, rng, malformed)
    if base == "coo":
        order = rng.permutation(count)
        row = _indices(rows, count, rng, malformed) if malformed else line[order]
        return [row.astype(index), other.astype(index)]
    if base == "fixed_num":
        structure: list[np.ndarray] = [other.reshape(rows, count // rows if rows else per_line).astype(index)]
        pointers = np.arange(rows + 1) * structure[0].shape[1]
    else:
        pointers = np.searchsorted(line, np.arange(rows + 1))
        if malformed:
            at = rng.integers(rows + 1, size=3)
            pointers[at] = rng.choice([-3, count + 1, _BIG, 0], size=3)
        structure = [other.astype(index), pointers.astype(np.int32)]
    if format.endswith("_slots"):
        slots = _indices(count, count, rng, True) if malformed else rng.permutation(count)
        structure.append(slots.astype(np.int32))
    if format.endswith("_indexed"):
        structure += _column_index(structure[0].reshape(-1), pointers, shape)
    return structure


def _indices(length: int, count: int, rng: np.random.Generator, malformed: bool) -> np.ndarray:
    """So many indices below ``length``; if malformed, some outside, those nearest to it first."""
    indices = rng.integers(max(length, 1), size=count)
    if malformed:
        beyond = np.array([length, -1, -length, length + 1, _BIG])
        where = rng.permutation(count)[: max(len(beyond), count // 4)]
        indices[where] = np.resize(beyond, where.size)
    return indices


def _column_index(indices: np.ndarray, pointers: np.ndarray, shape: tuple[int, int]) -> list[np.ndarray]:
    """The arrays of ``COLUMN_INDEX``, straight from their definition."""
    rows, columns = shape
    bounds = np.maximum.accumulate(np.clip(pointers, 0, indices.size))
    row = np.searchsorted(bounds, np.arange(indices.size), side="right") - 1
    position = indices.astype(np.int64)
    exists = (row >= 0) & (row < rows) & (position >= 0) & (position < columns)
    column = np.where(exists, position, columns)
    slots = np.argsort(column, kind="stable")
    starts = np.searchsorted(column[slots], np.arange(columns + 1))
    index = [row[slots], starts, slots]
    assert len(index) == len(COLUMN_INDEX)
    return [array.astype(np.int32) for array in index]
