"""The column index: where the entries of each column stand in a format that is compressed by rows.

A kernel that has it can compute ``A @ events`` from the columns that have an event, instead of reading all entries.
It is derived from the structure, and never changes what a matrix means: the reference doesn't look at it.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.formats.base import Format, Shape, pointer_dtype, within
from brainevent_core.formats.extended import extended

__all__ = ["COLUMN_INDEX", "column_index", "with_column_index"]

#: The arrays that an indexed format has behind those of its base. Entries are sorted by column, and stay in storage
#: order within one.
COLUMN_INDEX = (
    "column_rows",  # (nse,): the row of each entry
    "column_indptr",  # (columns + 1,): where each column begins
    "column_slots",  # (nse,): the position of each entry in storage order
)


def with_column_index(fmt: Format) -> Format:
    """``fmt`` with the column index as further structure arrays; everything else is that of ``fmt``.

    Entries that do not exist are in no column: they stand behind ``column_indptr[-1]``.
    """
    return extended(
        fmt, "indexed", COLUMN_INDEX, lambda nse, shape: (nse, shape[1] + 1, nse), "with_csc_index() makes it."
    )


def column_index(fmt: Format, structure: Sequence[Any], shape: Shape) -> tuple[Any, Any, Any]:
    """The arrays of :data:`COLUMN_INDEX` for a matrix stored in ``fmt``, on the host if its structure is concrete.

    Args:
        fmt: a format without the index.
        structure: its arrays.
        shape: shape of what is stored.

    Returns:
        The rows as int32, pointers and slots as int32, or as int64 if there are too many entries for that.

    Raises:
        DTypeError: if index arrays have become floats.
        MathError: if there are too many entries for 32 bits, and JAX has no others.
    """
    assert fmt.entries is not None
    fmt.require_integers(structure)
    wide = pointer_dtype(prod(fmt.data_shape(structure, shape)))
    if any(isinstance(array, jax.core.Tracer) for array in structure):
        return _sorted_by_column(*_entries(fmt, structure, shape), shape[1], wide)
    with jax.ensure_compile_time_eval():
        row, col = map(np.asarray, _entries(fmt, structure, shape))
        rows, indptr, slots = _sorted_by_column(row, col, shape[1], wide)
        return jnp.asarray(rows), jnp.asarray(indptr), jnp.asarray(slots)


def _entries(fmt: Format, structure: Sequence[Any], shape: Shape) -> tuple[Any, Any]:
    """Row and column of every entry; the column is the number of columns for entries that do not exist."""
    assert fmt.entries is not None
    row, col = map(within, fmt.entries(structure, shape), shape)
    return row.astype(jnp.int32), jnp.where((row >= 0) & (col >= 0), col, shape[1])


def _sorted_by_column(row: Any, col: Any, columns: int, wide: Any) -> tuple[Any, Any, Any]:
    order: Any
    indptr: Any
    if isinstance(row, np.ndarray):
        order = _stable_order(col, columns)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(col, minlength=columns + 1)[:columns])])
    else:
        order = jnp.argsort(col, stable=True)
        indptr = jnp.cumsum(jnp.zeros(columns + 1, wide).at[col + 1].add(1, mode="drop"))
    return row[order], indptr.astype(wide), order.astype(wide)


def _stable_order(keys: np.ndarray, largest: int) -> np.ndarray:
    """Stable argsort of numbers up to ``largest``, 16 bits at a time: only those NumPy sorts by radix, which is 2 to 4
    times as fast as its sort of 32 bits."""
    order = np.argsort(keys.astype(np.uint16), kind="stable")
    for shift in range(16, int(largest).bit_length(), 16):
        digits = (keys >> shift).astype(np.uint16)
        order = order[np.argsort(digits[order], kind="stable")]
    return order
