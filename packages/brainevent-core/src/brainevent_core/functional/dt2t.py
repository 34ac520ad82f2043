"""``w[k] · y[row of k]`` for every entry k, or ``y`` of its column: the term of eligibility traces, on bare arrays.

The functions with mv in their name take one ``y`` and one ``w``, those with mm a batch of both, along their first axis.
They call :meth:`~brainevent_core.matrices.Matrix.yw_to_w` of the matrices, and make the same checks. Arguments, units
and errors are explained once, at :func:`csrmv_dt2t`. XLA computes them on every backend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import numpy as np

from brainevent_core import config, units
from brainevent_core._typing import Array, ArrayLike, Quantity, QuantityLike
from brainevent_core.errors import MathError
from brainevent_core.matrices import COO, CSC, CSR, DataRepresentation, Dense, FixedPostNumConn

__all__ = [
    "coomm_dt2t",
    "coomv_dt2t",
    "cscmm_dt2t",
    "cscmv_dt2t",
    "csrmm_dt2t",
    "csrmv_dt2t",
    "densemm_dt2t",
    "densemv_dt2t",
    "fcnmm_dt2t",
    "fcnmv_dt2t",
]


def csrmv_dt2t(
    y: QuantityLike,
    w: QuantityLike,
    indices: ArrayLike,
    indptr: ArrayLike,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """``w[k] * y[row of k]`` for every entry k of a CSR matrix, or ``y[column of k]`` if ``transpose``.

    Args:
        y: one value per row, (m,), or per column, (n,), if ``transpose``; an array or a quantity.
        w: one value per entry, (nse,), or one for all; an array or a quantity.
        indices: column of every entry, (nse,), any integer dtype.
        indptr: the position of each row's first entry, (m + 1,), any integer dtype.
        shape: (m, n), of the matrix.
        transpose: whether ``y`` belongs to columns.
        backend: name of a backend, accepted for consistency with other functions.

    Returns:
        (nse,), with the promoted dtype and the product of the units; 0 for entries outside the matrix.

    Raises:
        MathError: if lengths do not fit.
        StructureError: if indices or pointers are concrete and out of range.
        DTypeError: if index arrays do not hold integers.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> y, w = jnp.array([1.0, 10.0]), jnp.array([1.0, 2.0, 3.0])
        >>> brainevent.csrmv_dt2t(y, w, [1, 0, 2], [0, 1, 3], shape=(2, 3))
        Array([ 1., 20., 30.], dtype=float32)
    """
    return _of_matrix(CSR(1.0, indices, indptr, shape=shape), y, w, transpose, backend)


def csrmm_dt2t(
    y: QuantityLike,
    w: QuantityLike,
    indices: ArrayLike,
    indptr: ArrayLike,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """Like :func:`csrmv_dt2t`, for a batch.

    Args:
        y: (batch, m), or (batch, n) if ``transpose``.
        w: (batch, nse).

    Returns:
        (batch, nse).

    Raises:
        MathError: if ``y`` and ``w`` have no leading batch axis of the same size.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> y, w = jnp.array([[1.0, 10.0], [2.0, 20.0]]), jnp.ones((2, 3))
        >>> brainevent.csrmm_dt2t(y, w, [1, 0, 2], [0, 1, 3], shape=(2, 3))
        Array([[ 1., 10., 10.],
               [ 2., 20., 20.]], dtype=float32)
    """
    return _batched(
        "csrmm_dt2t",
        lambda y, w: csrmv_dt2t(y, w, indices, indptr, shape=shape, transpose=transpose, backend=backend),
        y,
        w,
    )


def cscmv_dt2t(
    y: QuantityLike,
    w: QuantityLike,
    indices: ArrayLike,
    indptr: ArrayLike,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """Like :func:`csrmv_dt2t`, for a CSC matrix.

    Args:
        indices: row of every entry, (nse,).
        indptr: the position of each column's first entry, (n + 1,).

    Returns:
        (nse,).

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> y, w = jnp.array([1.0, 10.0]), jnp.array([1.0, 2.0, 3.0])
        >>> brainevent.cscmv_dt2t(y, w, [1, 0, 1], [0, 1, 2, 3], shape=(2, 3))
        Array([10.,  2., 30.], dtype=float32)
    """
    return _of_matrix(CSC(1.0, indices, indptr, shape=shape), y, w, transpose, backend)


def cscmm_dt2t(
    y: QuantityLike,
    w: QuantityLike,
    indices: ArrayLike,
    indptr: ArrayLike,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """Like :func:`cscmv_dt2t`, for a batch.

    Args:
        y: (batch, m), or (batch, n) if ``transpose``.
        w: (batch, nse).

    Returns:
        (batch, nse).

    Raises:
        MathError: if ``y`` and ``w`` have no leading batch axis of the same size.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> y, w = jnp.array([[1.0, 10.0], [2.0, 20.0]]), jnp.ones((2, 3))
        >>> brainevent.cscmm_dt2t(y, w, [1, 0, 1], [0, 1, 2, 3], shape=(2, 3))
        Array([[10.,  1., 10.],
               [20.,  2., 20.]], dtype=float32)
    """
    return _batched(
        "cscmm_dt2t",
        lambda y, w: cscmv_dt2t(y, w, indices, indptr, shape=shape, transpose=transpose, backend=backend),
        y,
        w,
    )


def coomv_dt2t(
    y: QuantityLike,
    w: QuantityLike,
    row: ArrayLike,
    col: ArrayLike,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """Like :func:`csrmv_dt2t`, for a COO matrix.

    Args:
        row: row of every entry, (nse,).
        col: column of every entry, (nse,).

    Returns:
        (nse,).

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> y, w = jnp.array([1.0, 10.0]), jnp.array([1.0, 2.0, 3.0])
        >>> brainevent.coomv_dt2t(y, w, [0, 1, 1], [1, 0, 2], shape=(2, 3))
        Array([ 1., 20., 30.], dtype=float32)
    """
    return _of_matrix(COO(1.0, row, col, shape=shape), y, w, transpose, backend)


def coomm_dt2t(
    y: QuantityLike,
    w: QuantityLike,
    row: ArrayLike,
    col: ArrayLike,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """Like :func:`coomv_dt2t`, for a batch.

    Args:
        y: (batch, m), or (batch, n) if ``transpose``.
        w: (batch, nse).

    Returns:
        (batch, nse).

    Raises:
        MathError: if ``y`` and ``w`` have no leading batch axis of the same size.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> y, w = jnp.array([[1.0, 10.0], [2.0, 20.0]]), jnp.ones((2, 3))
        >>> brainevent.coomm_dt2t(y, w, [0, 1, 1], [1, 0, 2], shape=(2, 3))
        Array([[ 1., 10., 10.],
               [ 2., 20., 20.]], dtype=float32)
    """
    return _batched(
        "coomm_dt2t", lambda y, w: coomv_dt2t(y, w, row, col, shape=shape, transpose=transpose, backend=backend), y, w
    )


def fcnmv_dt2t(
    weights: QuantityLike,
    indices: ArrayLike,
    y: QuantityLike,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """Like :func:`csrmv_dt2t`, for a matrix with a fixed number of connections per row.

    Args:
        weights: one value per entry, (m, connections per row), or one for all.
        indices: column of every entry, (m, connections per row).

    Returns:
        (m, connections per row).

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> brainevent.fcnmv_dt2t(jnp.array([[1.0], [2.0]]), [[1], [2]], jnp.array([1.0, 10.0]), shape=(2, 3))
        Array([[ 1.],
               [20.]], dtype=float32)
    """
    return _of_matrix(FixedPostNumConn(1.0, indices, shape=shape), y, weights, transpose, backend)


def fcnmm_dt2t(
    weights: QuantityLike,
    indices: ArrayLike,
    y: QuantityLike,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """Like :func:`fcnmv_dt2t`, for a batch.

    Args:
        y: (batch, m), or (batch, n) if ``transpose``.
        weights: (batch, m, connections per row).

    Returns:
        (batch, m, connections per row).

    Raises:
        MathError: if ``y`` and ``weights`` have no leading batch axis of the same size.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> y, w = jnp.array([[1.0, 10.0], [2.0, 20.0]]), jnp.ones((2, 2, 1))
        >>> brainevent.fcnmm_dt2t(w, [[1], [2]], y, shape=(2, 3)).tolist()
        [[[1.0], [10.0]], [[2.0], [20.0]]]
    """
    return _batched(
        "fcnmm_dt2t",
        lambda y, weights: fcnmv_dt2t(weights, indices, y, shape=shape, transpose=transpose, backend=backend),
        y,
        weights,
    )


def densemv_dt2t(
    y: QuantityLike,
    w: QuantityLike,
    *,
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """Like :func:`csrmv_dt2t`, for a dense matrix.

    Args:
        w: one value per element, (m, n).

    Returns:
        (m, n).

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> brainevent.densemv_dt2t(jnp.array([1.0, 10.0]), jnp.array([[1.0, 2.0], [3.0, 4.0]]))
        Array([[ 1.,  2.],
               [30., 40.]], dtype=float32)
    """
    return _of_matrix(Dense(w), y, w, transpose, backend)


def densemm_dt2t(
    y: QuantityLike,
    w: QuantityLike,
    *,
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """Like :func:`densemv_dt2t`, for a batch.

    Args:
        y: (batch, m), or (batch, n) if ``transpose``.
        w: (batch, m, n).

    Returns:
        (batch, m, n).

    Raises:
        MathError: if ``y`` and ``w`` have no leading batch axis of the same size.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> brainevent.densemm_dt2t(jnp.array([[1.0, 10.0], [2.0, 20.0]]), jnp.ones((2, 2, 2))).tolist()
        [[[1.0, 1.0], [10.0, 10.0]], [[2.0, 2.0], [20.0, 20.0]]]
    """
    return _batched("densemm_dt2t", lambda y, w: densemv_dt2t(y, w, transpose=transpose, backend=backend), y, w)


def _of_matrix(
    matrix: DataRepresentation, y: QuantityLike, w: QuantityLike, transpose: bool, backend: str | None
) -> Array | Quantity:
    config.current_request(backend)  # an error for an invalid name
    return matrix.yw_to_w_transposed(y, w) if transpose else matrix.yw_to_w(y, w)


def _batched(
    name: str, single: Callable[[QuantityLike, QuantityLike], Array | Quantity], y: QuantityLike, w: QuantityLike
) -> Array | Quantity:
    sizes = [np.shape(units.detach(array)[0])[:1] for array in (y, w)]
    if sizes[0] != sizes[1] or not sizes[0]:
        raise MathError(f"{name} takes y and w with a batch of one size in front, got {sizes}.")
    return jax.vmap(single)(y, w)
