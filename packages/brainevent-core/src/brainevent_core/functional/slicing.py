"""Rows of a matrix, on bare arrays."""

from __future__ import annotations

from collections.abc import Sequence

from brainevent_core._jax import replicated
from brainevent_core._typing import Array, ArrayLike, Quantity, QuantityLike
from brainevent_core.matrices import CSR
from brainevent_core.matrices.indexing import selected
from brainevent_core.ops import rows

__all__ = ["csr_slice_rows"]


@replicated
def csr_slice_rows(
    data: QuantityLike,
    indices: ArrayLike,
    indptr: ArrayLike,
    row_indices: ArrayLike | slice,
    *,
    shape: Sequence[int],
    backend: str | None = None,
) -> Array | Quantity:
    """Rows of a CSR matrix as an array, like ``CSR(...)[row_indices]``.

    Args:
        data, indices, indptr: the matrix, see :class:`~brainevent.CSR`.
        row_indices: (k,), concrete or traced, where negative indices count from the end; a slice; or a mask.
        shape: of the matrix, (m, n).
        backend: name of the backend that must compute the rows, as products with one event each.

    Returns:
        (k, n), an array or a quantity; zeros for a traced index that is out of range.

    Raises:
        IndexError: if a concrete index is out of range.
        MathError: if lengths do not fit.
        StructureError: if the structure is concrete and not valid for that shape.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> data, indices, indptr = jnp.array([1.0, 2.0, 3.0]), jnp.array([1, 0, 2]), jnp.array([0, 1, 3])
        >>> brainevent.csr_slice_rows(data, indices, indptr, [1], shape=(2, 3))
        Array([[2., 0., 3.]], dtype=float32)
    """
    matrix = CSR(data, indices, indptr, shape=shape)
    return rows(matrix.__matrix_spec__, selected(row_indices, matrix.shape[0]), backend=backend)
