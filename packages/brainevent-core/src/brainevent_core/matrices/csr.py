"""Compressed sparse rows, and their transpose, compressed sparse columns."""

from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core.formats import CSR_FORMAT, CSR_INDEXED_FORMAT
from brainevent_core.matrices.base import dense_parts, nonzero
from brainevent_core.matrices.column_index import ColumnIndexed

__all__ = ["CSC", "CSR"]


class _Compressed(ColumnIndexed):
    _format = CSR_FORMAT
    _indexed_format = CSR_INDEXED_FORMAT

    @property
    def indices(self) -> Any:
        """Column of every entry (row, for CSC), ``(nse,)``."""
        return self._structure[0]

    @property
    def indptr(self) -> Any:
        """Where each row (column, for CSC) begins."""
        return self._structure[1]


class CSR(_Compressed):
    """Compressed sparse rows: entries ``indptr[i]`` to ``indptr[i + 1]`` belong to row i.

    The format for ``spikes @ weights`` with rows of presynaptic neurons: it costs the rows that have a spike.

    Args:
        data: weights, ``(nse,)``, or one for all (a scalar or ``(1,)``); numbers, an array or a quantity.
        indices: column of every entry, ``(nse,)``, any integer dtype.
        indptr: where each row begins, ``(rows + 1,)``, any integer dtype.
        shape: (rows, columns).
        check: whether to look at the values of ``indices`` and ``indptr``. Without, entries outside the shape are
            left out of every result; nothing is ever read or written outside the arrays.

    The three arrays can also come as one tuple.

    Raises:
        StructureError: if indices or pointers are out of range or pointers decrease.
        MathError: if lengths do not fit.
        DTypeError: if index arrays do not hold integers.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> data, indices, indptr = jnp.array([1.0, 2.0, 3.0]), jnp.array([1, 0, 2]), jnp.array([0, 1, 3])
        >>> weights = brainevent.CSR((data, indices, indptr), shape=(2, 3))
        >>> weights.todense()
        Array([[0., 1., 0.],
               [2., 0., 3.]], dtype=float32)
        >>> brainevent.BinaryArray(jnp.array([False, True])) @ weights
        Array([2., 0., 3.], dtype=float32)
    """

    def _transpose(self) -> "CSC":
        return self._view(CSC, self.shape[::-1])

    @classmethod
    def fromdense(cls, dense: Any, *, nse: int | None = None) -> Self:
        """From a dense array or quantity of shape (rows, columns).

        Args:
            dense: the elements; zeros are not stored.
            nse: number of slots for entries; needed inside ``jit``, otherwise counted. Surplus slots stay unused.
        """
        elements, unit = dense_parts(dense)
        values, row, col = nonzero(elements, nse)
        module = jnp if isinstance(elements, jax.core.Tracer) else np
        indptr = module.searchsorted(row, module.arange(elements.shape[0] + 1), side="left")
        # NumPy's are 64-bit, and become 32-bit only if they fit.
        indptr = indptr.astype(np.int32) if row.size <= np.iinfo(np.int32).max else indptr
        return cls(units.attach(values, unit), col, indptr, shape=elements.shape, check=False)


class CSC(_Compressed):
    """Compressed sparse columns: entries ``indptr[j]`` to ``indptr[j + 1]`` belong to column j, ``indices`` are rows.

    It takes the same arguments as :class:`CSR`, with ``indptr`` over the columns. ``CSC @ spikes`` costs the columns
    that have a spike.
    """

    _transposed = True

    def _transpose(self) -> CSR:
        return self._view(CSR, self.shape[::-1])

    @classmethod
    def fromdense(cls, dense: Any, *, nse: int | None = None) -> Self:
        """From a dense array or quantity, see :meth:`CSR.fromdense`."""
        elements, unit = dense_parts(dense)
        return CSR.fromdense(units.attach(elements.T, unit), nse=nse).T
