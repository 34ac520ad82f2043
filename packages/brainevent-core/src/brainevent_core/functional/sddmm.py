"""Sampled dense–dense products (SDDMM): a product of two arrays, computed where an index pattern has entries."""

from __future__ import annotations

from collections.abc import Sequence

from brainevent_core._typing import Array, ArrayLike, OperandLike, Quantity
from brainevent_core.matrices import COO, CSR, DataRepresentation, FixedPostNumConn
from brainevent_core.ops import sddmm

__all__ = ["coo_sddmm", "csr_sddmm", "fcn_sddmm"]


def csr_sddmm(
    indices: ArrayLike,
    indptr: ArrayLike,
    a: OperandLike,
    b: OperandLike,
    *,
    shape: Sequence[int],
    backend: str | None = None,
) -> Array | Quantity:
    """``(a @ b)[row, col]`` for every entry of a pattern in compressed rows.

    This is the derivative of a product with respect to the weights of the pattern; its cost scales with the number of
    entries. If ``a`` or ``b`` consists of events (:class:`BinaryArray`, ...), these count as 1, and silent neurons are
    skipped.

    Args:
        indices: column of every entry, (nse,), any integer dtype.
        indptr: the position of each row's first entry, (m + 1,).
        a: (m, k), or (m,) for an outer product; numbers, a quantity, or events.
        b: (k, n), or (n,), of the same kinds.
        shape: (m, n), of the pattern.
        backend: name of the backend that must run it.

    Returns:
        One number per entry, (nse,), with the promoted dtype and the product of the units.

    Raises:
        StructureError: if indices or pointers are concrete and out of range.
        MathError: if ranks or lengths do not fit.
        DTypeError: if index arrays do not hold integers.
        KernelNotAvailableError: if ``backend`` has no kernel for it.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> a, b = jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]])
        >>> brainevent.csr_sddmm(jnp.array([0, 2, 1]), jnp.array([0, 2, 3]), a, b, shape=(2, 3))
        Array([1., 4., 4.], dtype=float32)
    """
    return _sampled(CSR(1.0, indices, indptr, shape=shape), a, b, backend)


def coo_sddmm(
    row: ArrayLike,
    col: ArrayLike,
    a: OperandLike,
    b: OperandLike,
    *,
    shape: Sequence[int],
    backend: str | None = None,
) -> Array | Quantity:
    """``(a @ b)[row, col]`` for every entry of a pattern in coordinates, see :func:`csr_sddmm`.

    Args:
        row: row of every entry, (nse,).
        col: column of every entry, (nse,).

    Returns:
        One number per entry, (nse,).

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> row, col = jnp.array([0, 1]), jnp.array([2, 0])
        >>> brainevent.coo_sddmm(row, col, jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0, 5.0]), shape=(2, 3))
        Array([5., 6.], dtype=float32)
    """
    return _sampled(COO(1.0, row, col, shape=shape), a, b, backend)


def fcn_sddmm(
    indices: ArrayLike,
    a: OperandLike,
    b: OperandLike,
    *,
    shape: Sequence[int],
    backend: str | None = None,
) -> Array | Quantity:
    """``(a @ b)[row, col]`` for every entry of a pattern with a fixed number per row, see :func:`csr_sddmm`.

    Args:
        indices: column of every entry, (m, entries per row).

    Returns:
        One number per entry, of the shape of ``indices``.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> spikes = brainevent.BinaryArray(jnp.array([True, False]))
        >>> brainevent.fcn_sddmm(jnp.array([[0, 2], [1, 2]]), spikes, jnp.array([3.0, 4.0, 5.0]), shape=(2, 3))
        Array([[3., 5.],
               [0., 0.]], dtype=float32)
    """
    return _sampled(FixedPostNumConn(1.0, indices, shape=shape), a, b, backend)


def _sampled(pattern: DataRepresentation, a: OperandLike, b: OperandLike, backend: str | None) -> Array | Quantity:
    # The weights of the pattern are not used.
    return sddmm(pattern.__matrix_spec__, a, b, backend=backend)
