"""Compressed sparse rows, and their transpose, compressed sparse columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._jax import replicated
from brainevent_core._typing import Array, ArrayLike, Index, OperandLike, Quantity, QuantityLike
from brainevent_core.errors import MathError, UnsupportedOperationError
from brainevent_core.formats import CSR_FORMAT, Split, row_bounds
from brainevent_core.matrices.annotations import annotated, annotations_of, rows_selected
from brainevent_core.matrices.arguments import as_data, dense_parts, nonzero
from brainevent_core.matrices.diagonal import plus_diagonal
from brainevent_core.matrices.indexing import selected
from brainevent_core.matrices.structural import Rewirable
from brainevent_core.ops import require_whole, solve

if TYPE_CHECKING:
    from brainevent_core.matrices.delay_layout import CSRDelayLayout

__all__ = ["CSC", "CSR"]


class _Compressed(Rewirable):
    _format = CSR_FORMAT

    def __init__(
        self,
        data: QuantityLike,
        indices: ArrayLike | None = None,
        indptr: ArrayLike | None = None,
        *,
        shape: Sequence[int],
        delay: ArrayLike | None = None,
        check: bool = True,
        split: Split | None = None,
    ) -> None:
        super().__init__(data, indices, indptr, shape=shape, delay=delay, check=check, split=split)

    @property
    def indices(self) -> Array:
        """Column of every entry (row, for CSC), ``(nse,)``."""
        return self._structure[0]

    @property
    def indptr(self) -> Array:
        """The position of the first entry of each row (column, for CSC)."""
        return self._structure[1]

    def _in_rows(self, data: Any, columns: np.ndarray, indptr: np.ndarray) -> Self:
        return type(self)(data, columns, indptr, shape=self.shape, check=False)

    def solve(self, b: QuantityLike) -> Array | Quantity:
        """Solve ``A @ x == b`` for a square matrix, by an LU decomposition on the host.

        The result is differentiable with respect to the weights and ``b``. ``jit`` and ``vmap`` are supported; a batch
        is solved sequentially.

        Args:
            b: right-hand side, (n,) or (n, k), an array or a quantity.

        Returns:
            x, an array of the shape of ``b``, whose unit is that of ``b`` divided by that of the weights. NaN if the
            matrix is singular or has weights that are not finite. float16 and bfloat16 are solved in float32.

        Raises:
            MathError: if the matrix is not square or the lengths do not fit.
            DTypeError: for complex numbers.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> weights = brainevent.CSR.fromdense(jnp.array([[2.0, 0.0], [1.0, 4.0]]))
            >>> weights.solve(jnp.array([2.0, 5.0]))
            Array([1., 1.], dtype=float32)
        """
        return solve(self.__matrix_spec__, b)

    def diag_add(self, values: QuantityLike) -> Self:
        """Add values to the diagonal of the matrix.

        Args:
            values: one number, or one per element of the diagonal, (min(rows, columns),); in the unit of the weights.

        Returns:
            A matrix of the same structure if every element of the diagonal has an entry. Otherwise entries are added:
            only missing ones if the indices are concrete, one for each element if they are traced (inside ``jit`` with
            the matrix as an argument).

        Raises:
            MathError: if the length does not fit.
            UnsupportedOperationError: if entries would be added to a matrix with delays.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> weights = brainevent.CSR.fromdense(jnp.array([[0.0, 2.0], [0.0, 3.0]]))
            >>> weights.diag_add(1.0).todense()
            Array([[1., 2.],
                   [0., 4.]], dtype=float32)
        """
        require_whole(self.__matrix_spec__.format, "diagonal to add to")
        plain: Any = self
        if self.__matrix_spec__.changes_entries:
            plain = self.tocsc() if self._transposed else self.tocsr()
        data, structure = plus_diagonal(plain.__matrix_spec__, as_data(values), int(self._transposed))
        if structure is None:
            matrix = plain._replace(data)
        elif plain.__matrix_spec__.format.annotations:
            raise UnsupportedOperationError(
                f"This {type(self).__name__} has delays, and not every element of its diagonal has an entry, as far as "
                "can be seen: added ones would have no delay. Add to `matrix.with_delay(None)`, and give delays then."
            )
        else:
            matrix = type(plain)(data, *structure, shape=self.shape, check=False)
        return matrix.with_csc_index() if self.has_csc_index else matrix

    def slice_rows(self, index: Index) -> Self:
        """Select rows as a sparse matrix; ``matrix[index]`` gives them as an array.

        Args:
            index: a row, several rows, a slice or a mask, as in ``matrix[index]``. It must be concrete, and so must the
                matrix's indices, because they determine the number of entries. The weights may be traced.

        Returns:
            A matrix of the same class with one row for each selected row.

        Raises:
            IndexError: if a row is out of range.
            MathError: if rows or indices are traced.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> weights = brainevent.CSR.fromdense(jnp.array([[0.0, 2.0], [1.0, 3.0]]))
            >>> weights.slice_rows([1]).todense()
            Array([[1., 3.]], dtype=float32)
        """
        raise NotImplementedError


class CSR(_Compressed):
    """Compressed sparse rows: entries ``indptr[i]`` to ``indptr[i + 1]`` belong to row i.

    Use this format for ``spikes @ weights`` with one row per presynaptic neuron: only rows of neurons that spiked are
    touched.

    Args:
        data: weights, ``(nse,)``, or one for all (a scalar or ``(1,)``); numbers, an array or a quantity.
        indices: column of every entry, ``(nse,)``, any integer dtype.
        indptr: the position of each row's first entry, ``(rows + 1,)``, any integer dtype.
        shape: (rows, columns).
        delay: delays of events in whole steps: one for all, one per row, ``(rows,)``, or one per entry, ``(nse,)``; see
            :meth:`with_delay`.
        check: whether to check the values of ``indices`` and ``indptr``. Without the check, entries outside the shape
            are ignored in every result; nothing is ever read or written outside the arrays.
        split: splits the matrix into blocks over devices, see :func:`brainevent.sharding.shard`.

    The three arrays can also be given as one tuple.

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

    def _transpose(self) -> CSC:
        return self._view(CSC, self.shape[::-1])

    @replicated
    def slice_rows(self, index: Index) -> Self:
        require_whole(self.__matrix_spec__.format, "rows by index")
        if any(isinstance(array, jax.core.Tracer) for array in (*self._structure, index)):
            raise MathError(
                "slice_rows needs concrete rows and indices, which say how many entries there are; use `matrix[rows]`, "
                "which gives an array."
            )
        if self.__matrix_spec__.changes_entries:
            return self.tocsr().slice_rows(index)  # type: ignore[return-value]
        at = np.atleast_1d(selected(index, self.shape[0]))
        with jax.ensure_compile_time_eval():
            bounds = np.asarray(row_bounds(self.indptr, self.nse))
        counts = bounds[at + 1] - bounds[at]
        indptr = np.concatenate([[0], np.cumsum(counts)])
        # The entries of a row are contiguous, from the start of the row.
        entries = np.arange(indptr[-1]) + np.repeat(bounds[at] - indptr[:-1], counts)
        data = self.data if self.data.size == 1 else self.data[entries]
        rows = type(self)(data, self.indices[entries], indptr, shape=(at.size, self.shape[1]), check=False)
        return annotated(rows, rows_selected(annotations_of(self.__matrix_spec__), at, entries))

    def delay_deliver(
        self,
        ring: QuantityLike,
        events: OperandLike,
        delays: ArrayLike,
        t: ArrayLike,
        *,
        weighted: bool | None = None,
        backend: str | None = None,
    ) -> Array | Quantity:
        """Deliver events to a ring buffer; see :func:`csr_delay_deliver`, with this matrix.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> weights = brainevent.CSR.fromdense(jnp.array([[1.0, 0.0], [0.0, 2.0]]))
            >>> weights.delay_deliver(jnp.zeros((3, 2)), jnp.array([True, True]), jnp.array([1, 2]), 0)
            Array([[0., 0.],
                   [1., 0.],
                   [0., 2.]], dtype=float32)
        """
        from brainevent_core.matrices.delay_layout import deliver_to_ring

        return deliver_to_ring(self.with_delay(delays), ring, events, t, weighted=weighted, backend=backend)

    def delay_layout(self, delays: ArrayLike, n_slots: int) -> CSRDelayLayout:
        """The matrix as a :class:`CSRDelayLayout` for rings of ``n_slots`` slots; see :meth:`CSRDelayLayout.build`."""
        from brainevent_core.matrices.delay_layout import CSRDelayLayout

        require_whole(self.__matrix_spec__.format, "layout of its delays")
        parts = (self.data, self.indices, self.indptr)
        return CSRDelayLayout.build(*parts, delays, n_slots=n_slots, shape=self.shape)

    @classmethod
    def fromdense(cls, dense: QuantityLike, *, nse: int | None = None) -> Self:
        """Convert a dense array or quantity of shape (rows, columns).

        Args:
            dense: the elements; zeros are not stored.
            nse: the capacity for entries, required inside ``jit`` and otherwise counted. Unused entries are outside the
                matrix. Inside ``jit``, where nonzero elements can't be counted, those beyond the capacity are dropped.

        Raises:
            MathError: if there are more nonzero elements than ``nse``, and they are concrete.
        """
        elements, unit = dense_parts(dense)
        values, row, col = nonzero(elements, nse)
        module = jnp if isinstance(elements, jax.core.Tracer) else np
        indptr = module.searchsorted(row, module.arange(elements.shape[0] + 1), side="left")
        # NumPy's pointers are 64-bit, and become 32-bit only if they fit.
        indptr = indptr.astype(np.int32) if row.size <= np.iinfo(np.int32).max else indptr
        return cls(units.attach(values, unit), col, indptr, shape=elements.shape, check=False)


class CSC(_Compressed):
    """Compressed sparse columns: entries ``indptr[j]`` to ``indptr[j + 1]`` belong to column j, ``indices`` holds rows.

    The arguments are those of :class:`CSR`, with ``indptr`` for the columns. ``CSC @ spikes`` touches only the
    columns of neurons that spiked.
    """

    _transposed = True

    def _transpose(self) -> CSR:
        return self._view(CSR, self.shape[::-1])

    @classmethod
    def fromdense(cls, dense: QuantityLike, *, nse: int | None = None) -> Self:
        """Convert a dense array or quantity, see :meth:`CSR.fromdense`."""
        elements, unit = dense_parts(dense)
        return CSR.fromdense(units.attach(elements.T, unit), nse=nse)._view(cls, elements.shape)

    def slice_rows(self, index: Index) -> CSC:
        return self.tocsr().slice_rows(index).tocsc()
