"""The column index: the positions of the entries of each column, in a format that stores them in another order.

With it, a kernel can compute ``A @ events`` from the columns that have an event, instead of reading all entries. It is
derived from the entries, and never changes the matrix: the reference ignores it.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.formats.format import Component, Format, Shape
from brainevent_core.formats.indices import pointer_dtype, within

__all__ = ["CSC_INDEX", "column_index"]


def column_index(fmt: Format, arrays: Sequence[Any], shape: Shape) -> tuple[Any, Any, Any]:
    """The arrays of :data:`CSC_INDEX` for a matrix stored in ``fmt``, on the host if its structure is concrete.

    Args:
        fmt: a format without the index.
        arrays: its structure.
        shape: shape of the stored matrix.

    Returns:
        Rows, pointers and weight positions, as int32, or as int64 if there are too many rows or entries for that.

    Raises:
        DTypeError: if index arrays have become floats.
        MathError: if there are too many entries, rows or columns for 32 bits, and JAX's 64-bit mode is off.
    """
    fmt.require_integers(arrays)
    wide = pointer_dtype(fmt.nse(arrays, shape))
    if any(isinstance(array, jax.core.Tracer) for array in arrays):
        return _sorted_by_column(*_existing(fmt, arrays, shape), shape[1], wide)
    with jax.ensure_compile_time_eval():
        row, col, weight = (None if one is None else np.asarray(one) for one in _existing(fmt, arrays, shape))
        rows, indptr, perm = _sorted_by_column(row, col, weight, shape[1], wide)
        return jnp.asarray(rows), jnp.asarray(indptr), jnp.asarray(perm)


def _existing(fmt: Format, arrays: Sequence[Any], shape: Shape) -> tuple[Any, Any, Any]:
    """Row, column and weight of every entry; the column is the number of columns for entries that do not exist."""
    entries = fmt.entries(arrays, shape)
    row, col = map(within, entries[:2], shape)
    return row, jnp.where((row >= 0) & (col >= 0), col, shape[1]), entries.weight


def _sorted_by_column(row: Any, col: Any, weight: Any, columns: int, wide: Any) -> tuple[Any, Any, Any]:
    order: Any
    indptr: Any
    if isinstance(row, np.ndarray):
        order = _stable_order(col, columns)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(col, minlength=columns + 1)[:columns])])
    else:
        order = jnp.argsort(col, stable=True)
        indptr = jnp.cumsum(jnp.zeros(columns + 1, wide).at[col + 1].add(1, mode="drop"))
    perm = order if weight is None else within(weight, row.size)[order]
    return row[order], indptr.astype(wide), perm.astype(wide)


def _stable_order(keys: np.ndarray, largest: int) -> np.ndarray:
    """Stable argsort of numbers up to ``largest``, 16 bits at a time: NumPy has a radix sort only for 16 bits, which is
    2 to 4 times as fast as its sort of 32 bits."""
    order = np.argsort(keys.astype(np.uint16), kind="stable")
    for shift in range(16, int(largest).bit_length(), 16):
        digits = (keys >> shift).astype(np.uint16)
        order = order[np.argsort(digits[order], kind="stable")]
    return order


#: Entries are sorted by column, and are in storage order within each. Those that do not exist are in no column: they
#: come after ``csc_indptr[-1]``.
CSC_INDEX = Component(
    name="csc_index",
    structure=(
        "csc_indices",  # (nse,): the row of each entry
        "csc_indptr",  # (columns + 1,): the start of each column
        "csc_perm",  # (nse,): the position of each entry's weight
    ),
    lengths=lambda nse, shape: (nse, shape[1] + 1, nse),
    remedy="with_csc_index() makes it.",
    build=column_index,
    compressed_columns=lambda structure: (structure.csc_indices, structure.csc_indptr, structure.csc_perm),
    fits=lambda fmt: fmt.compressed_rows is not None,
)
