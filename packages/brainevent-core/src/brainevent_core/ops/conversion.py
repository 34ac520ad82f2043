"""The entries of a matrix in another order: compressed by rows or columns, and sorted coordinates."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.formats import COLUMN_INDEX, COO_FORMAT, column_index, get_format
from brainevent_core.ops.entries import entries_of
from brainevent_core.ops.spec import MatrixSpec

__all__ = ["compressed", "coordinate_order", "coordinates"]


def compressed(stored: MatrixSpec, axis: int) -> tuple[Any, Any, Any]:
    """The entries compressed by rows (``axis`` 0) or by columns (1), in storage order within each.

    On the host if the structure is concrete.

    Returns:
        ``(slots, indices, indptr)``: the position of each entry in storage order, None if the order is that; its
        column (row); and where each row (column) begins. If they were reordered, entries that do not exist stand
        behind the last pointer.
    """
    fmt = get_format(stored.format)
    fmt.require_integers(stored.structure)
    if (axis == 1) == stored.transposed:
        if fmt.by_rows is not None:
            return None, *fmt.by_rows(stored.structure, stored.shape)
        row, col = stored.structure
        other, indptr, slots = column_index(COO_FORMAT, (col, row), stored.shape[::-1])
    elif fmt.structure[-len(COLUMN_INDEX) :] == COLUMN_INDEX:
        other, indptr, slots = stored.structure[-len(COLUMN_INDEX) :]
    else:
        other, indptr, slots = column_index(fmt, stored.structure, stored.shape)
    return slots, other, indptr


def coordinates(stored: MatrixSpec) -> tuple[Any, Any]:
    """Row and column of every entry, as vectors."""
    row, col, _ = entries_of(stored)
    return row.reshape(-1), col.reshape(-1)


def coordinate_order(row: Any, col: Any) -> Any:
    """The permutation that sorts entries by row, then column, then position; on the host if they are concrete."""
    if isinstance(row, jax.core.Tracer) or isinstance(col, jax.core.Tracer):
        return jnp.lexsort((col, row))
    return np.lexsort((np.asarray(col), np.asarray(row)))
