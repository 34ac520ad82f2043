"""Rows, columns and elements of a matrix as dense arrays.

A single row of a stored matrix is the product with a single event: an event-driven kernel reads only this row. Several
rows are gathered in one pass over all entries. For a generated matrix, the windows that contain them are generated.
"""

from collections.abc import Callable
from functools import partial, singledispatch
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._jax import INLINED
from brainevent_core.encodings import COMPACT
from brainevent_core.errors import UnsupportedOperationError
from brainevent_core.formats import Format, InBlocks, Shape, within
from brainevent_core.jitc import ConnectionRule
from brainevent_core.ops.entries import broadcast_weights, entries_of, segment_sum
from brainevent_core.ops.generated import window
from brainevent_core.ops.matmul import matrix_product
from brainevent_core.ops.spec import EventSpec, MatrixSpec
from brainevent_core.ops.split import not_in_blocks

__all__ = ["columns", "elements", "rows"]


def rows(spec: MatrixSpec, at: Any, *, backend: str | None = None) -> Any:
    """Rows of a matrix, (m, n).

    Args:
        spec: the matrix.
        at: indices of rows, of any shape: non-negative integers. Rows from m on are zeros.
        backend: the backend that must run it. Several rows are then also computed as products with single events.

    Returns:
        An array or quantity of shape (\\*at.shape, n), with the dtype of the weights; duplicate entries are summed.
    """
    return _slices(spec.format, spec, 0, at, backend)


def columns(spec: MatrixSpec, at: Any) -> Any:
    """Columns of a matrix, as :func:`rows`: of shape (\\*at.shape, m)."""
    return _slices(spec.format, spec, 1, at, None)


def elements(spec: MatrixSpec, row: Any, col: Any) -> Any:
    """The elements at (row, col), of the shape to which both broadcast; zero where one is outside."""
    return _elements(spec.format, spec, row, col)


@singledispatch
def _slices(format: Any, spec: MatrixSpec, axis: int, at: Any, backend: str | None) -> Any:
    raise UnsupportedOperationError(f"Matrices of the kind {type(format).__name__} have no rows to slice.")


@singledispatch
def _elements(format: Any, spec: MatrixSpec, row: Any, col: Any) -> Any:
    raise UnsupportedOperationError(f"Matrices of the kind {type(format).__name__} have no elements to look up.")


@_slices.register
@_elements.register
def _in_blocks(format: InBlocks, *arguments: Any) -> Any:
    raise not_in_blocks("rows, columns and elements by index")


# -- stored ------------------------------------------------------------------------------------------------------------


@_slices.register
def _stored_slices(format: Format, spec: MatrixSpec, axis: int, at: Any, backend: str | None) -> Any:
    spec = spec.unannotated
    data, unit = units.detach(spec.data)
    size = spec.matrix_shape[axis]
    at = jnp.asarray(at)
    if spec.stores_all:
        return units.attach(_dense_slices(axis, units.detach(spec.elements)[0], at), unit)
    # A compact event has a 32-bit index, and event products convert integer weights to floats.
    possible = jnp.issubdtype(data.dtype, jnp.floating) and size < np.iinfo(np.int32).max
    if possible and (at.ndim == 0 or (at.ndim == 1 and backend is not None)):
        events = _single_events(at, size, in_rows=axis == 0)
        slices = matrix_product(spec, events, from_left=axis == 0, backend=backend)
        return slices.T if axis and at.ndim else slices
    static = (axis, spec.format, spec.shape, spec.transposed)
    slices = _gathered_slices(static, spec.structure, data, at.reshape(-1))
    return units.attach(slices.reshape(*at.shape, slices.shape[1]), unit)


def _single_events(at: Any, size: int, *, in_rows: bool) -> EventSpec:
    """For each index, events with a single event at this index."""
    index = within(at, size)
    count_and_index = jnp.stack([jnp.ones_like(index), index], -1 if in_rows else 0)
    return EventSpec(COMPACT, count_and_index, -1 if in_rows else -count_and_index.ndim, size)


def _dense_slices(axis: int, data: Any, at: Any) -> Any:
    if data.shape[axis] == 0:
        return jnp.zeros((*at.shape, data.shape[1 - axis]), data.dtype)
    return (data.T if axis else data).at[at].get(mode="fill", fill_value=0)


@partial(jax.jit, inline=INLINED, static_argnums=0)
def _gathered_slices(static: tuple[int, Format, Shape, bool], structure: Any, data: Any, at: Any) -> Any:
    axis, fmt, shape, transposed = static
    spec = MatrixSpec(fmt, data, structure, shape, transposed)
    row, col, *_ = entries_of(spec)
    major, minor = (col, row) if axis else (row, col)
    size, width = spec.matrix_shape[axis], spec.matrix_shape[1 - axis]
    count = at.shape[0]
    if size == 0 or count == 0:
        return jnp.zeros((count, width), data.dtype)
    # A row that is requested twice is gathered once, at the position of the last request.
    place_of = _places(within(at, size), size)
    slices = segment_sum(broadcast_weights(spec, data), (place_of(major), minor), (count, width))
    return slices.at[place_of(within(at, size))].get(mode="fill", fill_value=0)


# The maximum number of rows for which a table of positions is built; 32 MiB.
_LONGEST_TABLE = 2**23


def _places(at: Any, size: int) -> Callable[[Any], Any]:
    """A function that maps an index below ``size`` to the position of its last occurrence in ``at``, or to the length
    of ``at`` if it doesn't occur. Negative indices never occur."""
    count = at.shape[0]
    order = jnp.arange(count, dtype=jnp.int32)
    if size <= _LONGEST_TABLE:
        table = jnp.full(size, count, jnp.int32).at[at].set(order, mode="drop", wrap_negative_indices=False)
        return lambda index: table.at[index].get(mode="fill", fill_value=count, wrap_negative_indices=False)
    order = jnp.argsort(at, stable=True)
    ascending = at[order]

    def search(index: Any) -> Any:
        found = jnp.searchsorted(ascending, index, side="right") - 1
        same = (found >= 0) & (index >= 0) & (ascending[found] == index)
        return jnp.where(same, order[found], count)

    return search


@_elements.register
def _stored_elements(format: Format, spec: MatrixSpec, row: Any, col: Any) -> Any:
    if spec.stores_all:
        data, unit = units.detach(spec.elements)
        if data.size == 0 or jnp.size(row) == 0 or jnp.size(col) == 0:
            return units.attach(jnp.zeros(jnp.broadcast_shapes(jnp.shape(row), jnp.shape(col)), data.dtype), unit)
        return units.attach(data.at[row, col].get(mode="fill", fill_value=0), unit)
    which: Any = np.arange(jnp.size(row))
    asked: Any = jnp.ravel(row)
    if isinstance(row, np.ndarray):
        asked, which = np.unique(row, return_inverse=True)
        if isinstance(col, np.ndarray) and not spec.is_traced and asked.size * spec.matrix_shape[1] > _MOST_ELEMENTS:
            return _elements_by_key(spec, *np.broadcast_arrays(row, col))
    picked, unit = units.detach(rows(spec, asked))
    if picked.size == 0 or jnp.size(col) == 0:
        return units.attach(jnp.zeros(jnp.broadcast_shapes(jnp.shape(row), jnp.shape(col)), picked.dtype), unit)
    found = picked.at[which.reshape(jnp.shape(row)), col].get(mode="fill", fill_value=0)
    return units.attach(found, unit)


# The maximum number of elements of whole rows that are computed to pick some of them.
_MOST_ELEMENTS = 2**22


def _elements_by_key(spec: MatrixSpec, row: np.ndarray, col: np.ndarray) -> Any:
    """Elements, looked up among the entries, which are concrete; whole rows would have too many elements."""
    data, unit = units.detach(spec.data)
    with jax.ensure_compile_time_eval():
        entry_row, entry_col, exists = (np.asarray(index).reshape(-1) for index in entries_of(spec)[:3])
    (rows_asked, row_rank), (columns_asked, col_rank) = (_ranked(index) for index in (row, col))
    # Ranks, because the product of two axes can overflow.
    entry_keys = _rank_in(rows_asked, entry_row) * columns_asked.size + _rank_in(columns_asked, entry_col)
    asked, which = np.unique(row_rank * columns_asked.size + col_rank, return_inverse=True)
    entry_keys = np.where(exists & np.isin(entry_row, rows_asked) & np.isin(entry_col, columns_asked), entry_keys, -1)
    at = _rank_in(asked, entry_keys)
    found = np.flatnonzero(asked[at] == entry_keys) if asked.size else np.zeros(0, int)
    sums = segment_sum(broadcast_weights(spec, data).reshape(-1)[found], (at[found],), (asked.size,))
    return units.attach(sums[which.reshape(row.shape)], unit)


def _ranked(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct numbers of an array in increasing order, and the rank of each element among them."""
    distinct, rank = np.unique(index, return_inverse=True)
    return distinct, rank.reshape(index.shape)


def _rank_in(ascending: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The position of each number in a sorted array, or where a missing number would be inserted."""
    return np.minimum(np.searchsorted(ascending, numbers), max(ascending.size - 1, 0))


# -- generated ---------------------------------------------------------------------------------------------------------


@_slices.register
def _generated_slices(rule: ConnectionRule, spec: MatrixSpec, axis: int, at: Any, backend: str | None) -> Any:
    unit, width = units.unit_of(spec.data), spec.matrix_shape[1 - axis]
    size, given, at = spec.matrix_shape[axis], at, jnp.asarray(at)
    along = (axis == 1) == spec.transposed  # whether a slice is a row of the generated matrix

    def one(index: Any) -> Any:
        if along:
            return window(spec, index, 0, (1, width), backend)[0]
        return window(spec, 0, index, (width, 1), backend)[:, 0]

    if isinstance(given, np.ndarray) and given.ndim == 1 and _is_range(given, size):
        # Consecutive rows or columns are generated in one window.
        if along:
            return units.attach(window(spec, given[0], 0, (given.size, width), backend), unit)
        return units.attach(window(spec, 0, given[0], (width, given.size), backend).T, unit)
    if at.size == 0 or width == 0:
        return units.attach(jnp.zeros((*at.shape, width), window(spec, 0, 0, (0, 0)).dtype), unit)
    exists = (at >= 0) & (at < size)
    found = jax.vmap(one)(jnp.where(exists, at, 0).reshape(-1)).reshape(*at.shape, width)
    return units.attach(jnp.where(exists[..., None], found, 0), unit)


def _is_range(at: np.ndarray, size: int) -> bool:
    return bool(at.size and at[0] >= 0 and at[-1] < size and (at == np.arange(at[0], at[0] + at.size)).all())


@_elements.register
def _generated_elements(rule: ConnectionRule, spec: MatrixSpec, row: Any, col: Any) -> Any:
    row, col = jnp.broadcast_arrays(jnp.asarray(row), jnp.asarray(col))
    exists = (row >= 0) & (row < spec.matrix_shape[0]) & (col >= 0) & (col < spec.matrix_shape[1])
    at = [jnp.where(exists, index, 0).reshape(-1) for index in (row, col)]
    unit = units.unit_of(spec.data)
    if row.size == 0:
        return units.attach(jnp.zeros(row.shape, window(spec, 0, 0, (0, 0)).dtype), unit)
    found = jax.vmap(lambda i, j: window(spec, i, j, (1, 1))[0, 0])(*(at[::-1] if spec.transposed else at))
    return units.attach(jnp.where(exists, found.reshape(row.shape), 0), unit)
