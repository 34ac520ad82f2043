"""Conversions of index arrays between formats. NumPy arrays are converted to NumPy arrays, JAX arrays to JAX arrays.

Concrete indices are checked as in the constructors of matrices. Traced indices can't be checked: entries whose index is
outside the shape are then placed after all others, beyond the last pointer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core._jax import x64_enabled
from brainevent_core._typing import Array, Shape
from brainevent_core.formats import COO_FORMAT, CSR_FORMAT, INT32_MAX, Format, column_index, signed
from brainevent_core.matrices.arguments import as_index_array, as_integers, as_shape, check_values

__all__ = ["coo2csr", "coo_to_csc_index", "csc_to_csr_index", "csr_to_coo_index", "csr_to_csc_index"]

#: For type checkers, all arrays of a call are NumPy arrays, or all are JAX arrays. Mixed arrays and lists work too.
IndexArray = TypeVar("IndexArray", np.ndarray, Array)


def csr_to_coo_index(indptr: IndexArray, indices: IndexArray) -> tuple[IndexArray, IndexArray]:
    """Row and column of every entry of compressed rows (for compressed columns, column and row).

    Args:
        indptr: the position of each row's first entry, (m + 1,), any integer dtype.
        indices: column of every entry, (nse,), any integer dtype.

    Returns:
        ``(row, col)``, each (nse,), int32, or int64 if the arguments are int64 or the values need it.

    Raises:
        StructureError: if pointers decrease or indices are negative.
        MathError: if an array is not a vector, or an index needs 64 bits and JAX's 64-bit mode is off.
        DTypeError: if an array does not hold integers.

    Example:
        >>> import brainevent, numpy as np
        >>> brainevent.csr_to_coo_index(np.array([0, 2, 2, 3]), np.array([2, 0, 1]))
        (array([0, 0, 2], dtype=int32), array([2, 0, 1], dtype=int32))
    """
    # No column is outside, because there is no shape.
    shape = (max(np.shape(indptr)[0] - 1, 0) if np.ndim(indptr) else 0, _columns(as_integers("indices", indices)))

    def convert(indices: Any, indptr: Any) -> tuple[Any, Any]:
        row, col, _ = CSR_FORMAT.entries((indices, indptr), shape)
        return row, signed(col, shape[1])

    return _converted(convert, CSR_FORMAT, (indices, indptr), shape)


def _columns(indices: Any) -> int:
    """A number of columns that is larger than all indices."""
    if not isinstance(indices, jax.core.Tracer):
        return int(np.asarray(indices).max(initial=0)) + 1
    large = x64_enabled() and (indices.dtype.itemsize == 8 or indices.dtype == jnp.uint32)
    return int(np.iinfo(np.int64).max) if large else INT32_MAX


def coo_to_csc_index(
    row: IndexArray, col: IndexArray, *, shape: Sequence[int]
) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Compressed columns of a list of entries.

    Args:
        row: row of every entry, (nse,), any integer dtype.
        col: column of every entry, (nse,), any integer dtype.
        shape: (rows, columns).

    Returns:
        ``(indptr, indices, order)``: the position of each column's first entry, (columns + 1,); the row of every entry,
        (nse,); and its position in the list, (nse,), so that ``data[order]`` are the weights. Entries of a column keep
        their order. The dtype is int32, or int64 if the numbers of entries, rows or columns need it (and JAX's 64-bit
        mode is on).

    Raises:
        StructureError: if an index is out of range.
        MathError: if lengths do not fit.
        DTypeError: if an array does not hold integers.

    Example:
        >>> import brainevent, numpy as np
        >>> indptr, indices, order = brainevent.coo_to_csc_index(np.array([0, 2, 0]), np.array([2, 0, 1]), shape=(3, 4))
        >>> indptr.tolist(), indices.tolist(), order.tolist()
        ([0, 1, 2, 3, 3], [2, 0, 0], [1, 2, 0])
    """
    size = as_shape(shape)
    return _converted(partial(_by_column, COO_FORMAT, size), COO_FORMAT, (row, col), size)


def coo2csr(row: IndexArray, col: IndexArray, *, shape: Sequence[int]) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Compressed rows of a list of entries; arguments, errors and results are those of :func:`coo_to_csc_index`.

    Returns:
        ``(indptr, indices, order)``: the position of each row's first entry, the column of every entry, and its
        position in the list.

    Example:
        >>> import brainevent, numpy as np
        >>> indptr, indices, order = brainevent.coo2csr(np.array([2, 0, 0]), np.array([1, 2, 0]), shape=(3, 4))
        >>> indptr.tolist(), indices.tolist(), order.tolist()
        ([0, 2, 2, 3], [2, 0, 1], [1, 2, 0])
    """
    size = as_shape(shape)

    def convert(row: Any, col: Any) -> tuple[Any, Any, Any]:
        return _by_column(COO_FORMAT, size[::-1], col, row)

    return _converted(convert, COO_FORMAT, (row, col), size)


def csr_to_csc_index(
    indptr: IndexArray, indices: IndexArray, *, shape: Sequence[int]
) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Compressed columns of a matrix in compressed rows.

    Args:
        indptr: the position of each row's first entry, (rows + 1,), any integer dtype.
        indices: column of every entry, (nse,), any integer dtype.
        shape: (rows, columns).

    Returns:
        ``(indptr, indices, order)``: the position of each column's first entry, the row of every entry, and its
        position in the compressed rows, so that ``data[order]`` are the weights; as for :func:`coo_to_csc_index`.

    Raises:
        StructureError: if an index is out of range or pointers decrease.
        MathError: if lengths do not fit.
        DTypeError: if an array does not hold integers.

    Example:
        >>> import brainevent, numpy as np
        >>> rows = np.array([0, 2, 2, 3]), np.array([2, 0, 1])
        >>> indptr, indices, order = brainevent.csr_to_csc_index(*rows, shape=(3, 4))
        >>> indptr.tolist(), indices.tolist(), order.tolist()
        ([0, 1, 2, 3, 3], [0, 2, 0], [1, 2, 0])
    """
    size = as_shape(shape)
    return _converted(partial(_by_column, CSR_FORMAT, size), CSR_FORMAT, (indices, indptr), size)


def csc_to_csr_index(
    indptr: IndexArray, indices: IndexArray, *, shape: Sequence[int]
) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Compressed rows of a matrix in compressed columns: :func:`csr_to_csc_index` with rows and columns exchanged.

    Args:
        indptr: the position of each column's first entry, (columns + 1,), any integer dtype.
        indices: row of every entry, (nse,), any integer dtype.
        shape: (rows, columns).

    Returns:
        ``(indptr, indices, order)``: the position of each row's first entry, the column of every entry, and its
        position in the compressed columns.

    Example:
        >>> import brainevent, numpy as np
        >>> columns = np.array([0, 1, 2, 3, 3]), np.array([0, 2, 0])
        >>> indptr, indices, order = brainevent.csc_to_csr_index(*columns, shape=(3, 4))
        >>> indptr.tolist(), indices.tolist(), order.tolist()
        ([0, 2, 2, 3], [0, 2, 1], [0, 2, 1])
    """
    return csr_to_csc_index(indptr, indices, shape=as_shape(shape)[::-1])


def _by_column(fmt: Format, shape: Shape, *structure: Any) -> tuple[Any, Any, Any]:
    rows, indptr, order = column_index(fmt, structure, shape)
    return indptr, rows, order


def _converted(convert: Callable[..., tuple[Any, ...]], fmt: Format, structure: tuple[Any, ...], shape: Shape) -> Any:
    """``convert(*structure)`` of a structure, after checks; returns arrays of the kind that was given."""
    given = [as_integers(label, array) for label, array in zip(fmt.structure, structure, strict=True)]
    fmt.validate(jax.ShapeDtypeStruct(fmt.weights_shape(given, shape), jnp.float32), given, shape)
    check_values(fmt, given, shape)
    if any(isinstance(array, jax.Array) for array in given):
        return convert(*map(as_index_array, given))
    with jax.ensure_compile_time_eval():
        return tuple(np.asarray(array) for array in convert(*map(as_index_array, given)))
