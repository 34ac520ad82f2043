"""Conversions between formats. They neither sum duplicates nor drop entries, so all of them work inside ``jit``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._jax import replicated
from brainevent_core.errors import DTypeError, MathError
from brainevent_core.formats import signed, within
from brainevent_core.matrices.annotations import annotated, annotations_of, padded, taken
from brainevent_core.ops import broadcast_weights, compressed, coordinates

if TYPE_CHECKING:
    from brainevent_core.matrices.coo import COO
    from brainevent_core.matrices.csr import CSC, CSR
    from brainevent_core.matrices.stored import StoredMatrix

__all__ = ["Convertible"]

_C = TypeVar("_C", bound="StoredMatrix")


class Convertible:
    """Conversions of a matrix, whose entries :meth:`_listed` returns.

    A homogeneous weight stays homogeneous. Entries that do not exist stay nonexistent. Converting a matrix to its own
    format returns the matrix itself.
    """

    def _listed(self, nse: int | None) -> StoredMatrix:
        """The matrix with its entries in arrays: itself, or its generated connections, with a capacity of ``nse``."""
        raise NotImplementedError

    @replicated
    def tocoo(self, *, nse: int | None = None) -> COO:
        """Convert to coordinates, with entries in the order in which they are stored or generated.

        Args:
            nse: the capacity of the result, at least the number of entries; surplus entries are outside the matrix.
                Dense matrices and just-in-time connectivity need it inside ``jit``.

        Raises:
            MathError: if there are more entries than ``nse``, if they can be counted. Surplus entries of a traced dense
                matrix or seed are dropped.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]])).tocoo().col
            Array([1, 0, 1], dtype=int32)
        """
        from brainevent_core.matrices.coo import COO  # these modules import this one

        matrix = self._listed(nse)
        spec = matrix.__matrix_spec__
        if spec.stores_all:
            return COO.fromdense(matrix.todense(), nse=nse)
        if isinstance(matrix, COO) and not spec.changes_entries and nse in (None, matrix.nse):
            return matrix
        data, unit = units.detach(matrix.data)
        each = data.reshape(-1) if spec.is_homogeneous else broadcast_weights(spec, data).reshape(-1)
        row, col = coordinates(spec)
        annotations = padded(annotations_of(spec), 0 if nse is None else nse - matrix.nse)
        sorted_by_row = spec.format.rows_of(spec.structure, spec.shape) is not None
        coo = COO(
            _padded(matrix, units.attach(each, unit), nse),
            _padded(matrix, row, nse, outside=matrix.shape[0]),
            _padded(matrix, col, nse, outside=matrix.shape[1]),
            shape=matrix.shape,
            rows_sorted=sorted_by_row and not spec.transposed,
            cols_sorted=sorted_by_row and spec.transposed,
            check=False,
        )
        return annotated(coo, annotations)

    @replicated
    def tocsr(self, *, nse: int | None = None) -> CSR:
        """Convert to compressed rows, with the entries of each row in stored order; see :meth:`tocoo`.

        The columns of generated rows are in ascending order.
        """
        from brainevent_core.matrices.csr import CSR

        matrix = self._listed(nse)
        spec = matrix.__matrix_spec__
        if spec.stores_all:
            return CSR.fromdense(matrix.todense(), nse=nse)
        if isinstance(matrix, CSR) and not spec.changes_entries and nse in (None, matrix.nse):
            return matrix
        return _compressed(CSR, matrix, 0, nse)

    @replicated
    def tocsc(self, *, nse: int | None = None) -> CSC:
        """Convert to compressed columns, with the entries of each column in stored order; see :meth:`tocoo`.

        The rows of generated columns are in ascending order.
        """
        from brainevent_core.matrices.csr import CSC

        matrix = self._listed(nse)
        spec = matrix.__matrix_spec__
        if spec.stores_all:
            return CSC.fromdense(matrix.todense(), nse=nse)
        if isinstance(matrix, CSC) and not spec.changes_entries and nse in (None, matrix.nse):
            return matrix
        return _compressed(CSC, matrix, 1, nse)

    def toarray(self) -> Any:
        """SciPy's name for ``todense()``; returns a JAX array or a quantity."""
        return self.todense()  # type: ignore[attr-defined]

    def to_scipy(self) -> Any:
        """Convert to SciPy: to ``coo_array`` or ``csc_array`` for these formats, otherwise to ``csr_array``.

        Entries keep their order, including duplicates and zeros; nonexistent entries are dropped. A homogeneous weight
        is repeated for each entry.

        Raises:
            MathError: inside ``jit``, where the matrix has no values.
            DTypeError: for weights with a unit, or in float16 or bfloat16, which SciPy doesn't support.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]])).to_scipy().toarray()
            array([[0., 1.],
                   [2., 3.]], dtype=float32)
        """
        import scipy.sparse

        matrix = self._listed(None)
        spec = matrix.__matrix_spec__
        data, unit = units.detach(matrix.data)
        if spec.is_traced or isinstance(data, jax.core.Tracer):
            raise MathError("Inside jit a matrix has no values for SciPy: return it, and convert it outside.")
        if unit is not None or data.dtype in (jnp.float16, jnp.bfloat16):
            what, remedy = ("a unit", "`(matrix / unit)`") if unit is not None else (data.dtype, '`.astype("float32")`')
            raise DTypeError(f"Matrices of SciPy hold plain numbers, and no {what}: use {remedy} first.")
        entries = matrix.tocoo()
        row, col, weight = (np.asarray(array) for array in (entries.row, entries.col, entries.data))
        exists = (row >= 0) & (row < entries.shape[0]) & (col >= 0) & (col < entries.shape[1])
        weight, row, col = np.broadcast_to(weight, row.shape)[exists], row[exists], col[exists]
        if entries is matrix:
            return scipy.sparse.coo_array((weight, (row, col)), shape=entries.shape)
        by_column = spec.transposed and spec.format.rows_of(spec.structure, spec.shape) is not None
        line, other = (col, row) if by_column else (row, col)
        if (np.diff(line) < 0).any():
            order = np.argsort(line, kind="stable")
            weight, line, other = weight[order], line[order], other[order]
        indptr = np.searchsorted(line, np.arange(entries.shape[by_column] + 1))
        cls = scipy.sparse.csc_array if by_column else scipy.sparse.csr_array
        return cls((weight, other, indptr), shape=entries.shape)

    def to_bcoo(self) -> Any:
        """Convert to ``jax.experimental.sparse.BCOO``, with entries in the same order; also inside ``jit``.

        A homogeneous weight is repeated for each entry. Nonexistent entries become padding.

        Raises:
            DTypeError: for weights with a unit.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]])).to_bcoo()
            BCOO(float32[2, 2], nse=3)
        """
        from jax.experimental.sparse import BCOO

        entries = self.tocoo()
        data, unit = units.detach(entries.data)
        if unit is not None:
            raise DTypeError("Matrices of JAX hold plain numbers, and no unit: use `(matrix / unit)` first.")
        row, col = (within(index, size) for index, size in zip((entries.row, entries.col), entries.shape, strict=True))
        exists = (row >= 0) & (col >= 0)
        at = [jnp.where(exists, index, size) for index, size in zip((row, col), entries.shape, strict=True)]
        return BCOO((jnp.broadcast_to(data, row.shape), jnp.stack(at, axis=1)), shape=entries.shape)


def _compressed(cls: Callable[..., _C], matrix: StoredMatrix, axis: int, nse: int | None) -> _C:
    """The matrix compressed by rows (``axis`` 0) or columns (1), in the class for that."""
    spec = matrix.__matrix_spec__
    weight, indices, indptr = compressed(spec, axis)
    data = matrix.data.reshape(-1)
    if weight is not None and not spec.is_homogeneous:
        mantissa, unit = units.detach(data)
        at = within(weight, mantissa.size)
        data = units.attach(mantissa.at[at].get(mode="fill", fill_value=0, wrap_negative_indices=False), unit)
    # Annotated matrices have their weights in the order of entries.
    annotations = padded(taken(annotations_of(spec), weight), 0 if nse is None else nse - matrix.nse)
    indices = _padded(matrix, indices, nse, outside=matrix.shape[1 - axis])
    return annotated(cls(_padded(matrix, data, nse), indices, indptr, shape=matrix.shape, check=False), annotations)


def _padded(matrix: StoredMatrix, array: Any, nse: int | None, *, outside: int | None = None) -> Any:
    """Weights or indices, padded to ``nse`` entries."""
    one_for_all = outside is None and matrix.__matrix_spec__.is_homogeneous
    if nse is None or one_for_all:
        return array
    surplus = nse - matrix.nse
    if surplus < 0:
        raise MathError(f"The matrix has {matrix.nse} entries, more than nse={nse}; some would be lost.")
    if outside is not None:
        return jnp.pad(signed(array, outside), (0, surplus), constant_values=outside)
    mantissa, unit = units.detach(array)
    return units.attach(jnp.pad(mantissa, (0, surplus)), unit)
