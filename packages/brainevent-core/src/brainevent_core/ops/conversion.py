"""The entries of a matrix in another order: compressed by rows or columns, and sorted coordinates."""

from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core._jax import INLINED
from brainevent_core.formats import COO_FORMAT, Format, Shape, SplitFormat, column_index
from brainevent_core.ops.entries import entries_of
from brainevent_core.ops.spec import MatrixSpec
from brainevent_core.ops.split import on_blocks, require_whole

__all__ = ["Compressed", "compressed", "coordinate_order", "coordinates", "index_of_columns"]


class Compressed(NamedTuple):
    """The entries of a matrix compressed by rows (or by columns).

    Attributes:
        weight: position of each entry's weight in the flattened data; None if weights are in the order of entries. An
            entry whose position is outside the data has weight 0.
        indices: column (row) of each entry.
        indptr: start of each row (column). If entries were reordered, those that do not exist come after the last
            pointer.
    """

    weight: Any
    indices: Any
    indptr: Any


def compressed(spec: MatrixSpec, axis: int) -> Compressed:
    """The entries compressed by rows (``axis`` 0) or by columns (1), in storage order within each.

    On the host if the structure is concrete.
    """
    fmt = spec.format
    require_whole(fmt, "entries in another order")
    assert isinstance(fmt, Format)
    fmt.require_integers(spec.structure)
    if (axis == 1) != spec.transposed:
        columns = fmt.columns_of(spec.structure)
        indices, indptr, weight = column_index(fmt, spec.structure, spec.shape) if columns is None else columns
        return Compressed(weight, indices, indptr)
    rows = fmt.rows_of(spec.structure, spec.shape)
    if rows is not None:
        return Compressed(fmt.entries(spec.structure, spec.shape).weight, *rows)
    with nullcontext() if spec.is_traced else jax.ensure_compile_time_eval():
        row, col, weight = fmt.entries(spec.structure, spec.shape)
    indices, indptr, order = column_index(COO_FORMAT, (col, row), spec.shape[::-1])
    return Compressed(order if weight is None else weight[order], indices, indptr)


def index_of_columns(spec: MatrixSpec) -> tuple[Any, Any, Any]:
    """The arrays of the column index, see :func:`~brainevent_core.formats.column_index`; for a matrix in blocks, each
    device computes those of its blocks."""
    fmt = spec.format
    if not isinstance(fmt, SplitFormat):
        return column_index(fmt, spec.structure, spec.shape)
    return _index_of_blocks(fmt, spec.here.shape, spec.structure)


@partial(jax.jit, inline=INLINED, static_argnums=(0, 1))
def _index_of_blocks(fmt: SplitFormat, shape: Shape, structure: tuple[Any, ...]) -> Any:
    def index(encodings: Any, shape: Shape, entries: Any, operands: Any) -> Any:
        return column_index(fmt.block, entries, shape)

    return on_blocks(fmt, shape, index, structure, [], None)


def coordinates(spec: MatrixSpec) -> tuple[Any, Any]:
    """Row and column of every entry, as vectors; outside the matrix for an entry that does not exist."""
    row, col, exists, weight = entries_of(spec)
    if weight is not None:
        row, col = jnp.where(exists, row, -1), jnp.where(exists, col, -1)
    return row.reshape(-1), col.reshape(-1)


def coordinate_order(row: Any, col: Any) -> Any:
    """The permutation that sorts entries by row, then column, then position; on the host if they are concrete."""
    if isinstance(row, jax.core.Tracer) or isinstance(col, jax.core.Tracer):
        return jnp.lexsort((col, row))
    return np.lexsort((np.asarray(col), np.asarray(row)))
