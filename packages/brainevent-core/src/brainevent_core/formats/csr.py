"""Compressed rows: the entries of row i are ``indptr[i]`` to ``indptr[i + 1]``, ``indices`` holds their columns.

A CSC matrix is the transpose of a matrix in this format; it has no format of its own.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.formats.format import Format, Part, Shape, Structure
from brainevent_core.formats.indices import INT32_MAX, out_of_range, pointer_dtype, random_indices, shifted, signed

__all__ = ["CSR_FORMAT", "row_bounds"]


def row_bounds(indptr: Any, nse: int) -> Any:
    """The pointers in the form in which every backend reads them: clipped to [0, nse], then replaced by their running
    maximum.

    Well-formed pointers don't change; malformed ones get a defined meaning, and stay inside the buffers.
    """
    if jnp.issubdtype(indptr.dtype, jnp.unsignedinteger) and indptr.dtype.itemsize >= 4:
        indptr = jnp.minimum(indptr, nse)  # before it becomes signed, where large values would turn negative
    return jax.lax.cummax(jnp.clip(signed(indptr), 0, nse))


def _check_abstract(structure: Structure, shape: Shape) -> str | None:
    indices, indptr = structure.indices, structure.indptr
    if indices.ndim != 1 or indptr.ndim != 1:
        return f"indices and indptr must be vectors, got shapes {tuple(indices.shape)} and {tuple(indptr.shape)}."
    if indptr.shape[0] != shape[0] + 1:
        return (
            f"indptr must have one entry more than there are rows (CSR) or columns (CSC), {shape[0] + 1}; got "
            f"{indptr.shape[0]}."
        )
    nse = int(indices.shape[0])
    if nse > INT32_MAX and indptr.dtype.itemsize < np.dtype(pointer_dtype(nse)).itemsize:
        return (
            f"indptr must have dtype int64 to count {nse} entries, got {indptr.dtype}: convert it with "
            "`.astype('int64')`."
        )
    return None


def _check_values(structure: Structure, shape: Shape) -> str | None:
    indices, indptr = structure.indices, structure.indptr
    if int(indptr[0]) != 0 or int(indptr[-1]) != indices.shape[0]:
        return (
            f"indptr must run from 0 to the number of entries, {indices.shape[0]}; "
            f"it runs from {int(indptr[0])} to {int(indptr[-1])}."
        )
    falls = np.flatnonzero(indptr[1:] < indptr[:-1])  # no np.diff: unsigned pointers would wrap
    if falls.size:
        i = int(falls[0])
        return f"indptr must not decrease, but falls from {int(indptr[i])} to {int(indptr[i + 1])} at position {i}."
    return out_of_range("indices", indices, shape[1], "columns (CSR) or rows (CSC)")


def _coordinates(structure: Structure, shape: Shape) -> tuple[Any, Any]:
    nse = structure.indices.shape[0]
    bounds = row_bounds(structure.indptr, nse)
    # Entry k belongs to row (number of bounds <= k) - 1: -1 before the first row and `rows` after the last one. Both
    # are outside the shape, so entries that no row contains do not exist.
    starts = jnp.zeros(nse, pointer_dtype(structure.indptr.shape[0])).at[bounds].add(1, mode="drop")
    return jnp.cumsum(starts) - 1, structure.indices


def _coordinates_at(structure: Structure, shape: Shape, positions: np.ndarray) -> tuple[Any, Any]:
    search = jnp.searchsorted if isinstance(structure.indptr, jax.Array) else np.searchsorted
    return search(structure.indptr, positions, side="right") - 1, structure.indices[positions]


def _draw(rng: np.random.Generator, shape: Shape, per_row: int, malformed: bool, dtype: str) -> Sequence[np.ndarray]:
    rows, columns = shape
    # If malformed, there may be entries that no row contains.
    count = max(rows, 1) * per_row if malformed else rows * per_row if columns else 0
    row = np.sort(rng.integers(max(rows, 1), size=count))
    indptr = np.searchsorted(row, np.arange(rows + 1))
    if malformed:
        at = rng.integers(rows + 1, size=3)
        indptr[at] = rng.choice([-3, count + 1, np.iinfo(np.int32).max, 0], size=3)
    indices = random_indices(rng, columns, count, malformed=malformed)
    return [indices.astype(dtype), indptr.astype(np.int32)]


def _bounds(structure: Structure) -> np.ndarray:
    """The result of :func:`row_bounds`, on the host, in 64 bits."""
    indptr = structure.indptr
    if indptr.dtype.kind == "u":
        indptr = np.minimum(indptr, structure.indices.size)
    return np.maximum.accumulate(np.clip(indptr.astype(np.int64), 0, structure.indices.size))


def _part(structure: Structure, shape: Shape, axis: int, start: int, stop: int) -> Part:
    bounds, indices = _bounds(structure), structure.indices
    if axis == 0:
        begin, end = bounds[start], bounds[stop]
        pointers = bounds[start : stop + 1] - begin
        arrays = indices[begin:end], pointers.astype(pointer_dtype(int(end - begin)))
        return Part(arrays, np.arange(begin, end))
    claimed = slice(bounds[0], bounds[-1])
    found = bounds[0] + np.flatnonzero((indices[claimed] >= start) & (indices[claimed] < stop))
    pointers = np.searchsorted(found, bounds)
    return Part((shifted(indices[found], start), pointers.astype(pointer_dtype(found.size))), found)


def _join(parts: Sequence[Structure], shapes: Sequence[Shape], axis: int) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    starts = np.cumsum([0, *(shape[axis] for shape in shapes)])
    offsets = np.cumsum([0, *(part.indices.size for part in parts)])
    rows, columns, weights = [], [], []
    for part, shape, start, offset in zip(parts, shapes, starts, offsets):
        bounds = _bounds(part)
        claimed = np.arange(bounds[0], bounds[-1])
        index = part.indices[claimed]
        exists = (index >= 0) & (index < shape[1])  # an index outside its part could be inside the next one
        rows.append(np.repeat(np.arange(shape[0]), np.diff(bounds))[exists] + (start if axis == 0 else 0))
        columns.append(shifted(index[exists], -start if axis == 1 else 0))
        weights.append(claimed[exists] + offset)
    row = np.concatenate(rows)
    order = np.argsort(row, kind="stable")  # by row, then by part, then as in the part
    length = starts[-1] if axis == 0 else shapes[0][0]
    indptr = np.searchsorted(row[order], np.arange(length + 1))
    return (np.concatenate(columns)[order], indptr.astype(pointer_dtype(row.size))), np.concatenate(weights)[order]


CSR_FORMAT = Format(
    name="csr",
    label="CSR or CSC",
    structure=("indices", "indptr"),
    data_shape=lambda structure, shape: tuple(structure.indices.shape),
    check_abstract=_check_abstract,
    check_values=_check_values,
    coordinates=_coordinates,
    draw=_draw,
    compressed_rows=lambda structure, shape: (structure.indices, structure.indptr),
    column_array="indices",
    coordinates_at=_coordinates_at,
    part=_part,
    join=_join,
)
