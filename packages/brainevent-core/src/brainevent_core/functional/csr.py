"""Products of matrices in compressed sparse rows (CSR), on bare arrays.

``...mv`` multiplies with a vector, ``...mm`` with a matrix whose columns are vectors, and ``binary_...`` with events.
Arguments, units and errors are documented at :func:`csrmv`.
"""

from __future__ import annotations

from collections.abc import Sequence

from brainevent_core._typing import Array, ArrayLike, OperandLike, Quantity, QuantityLike
from brainevent_core.functional.multiply import as_events, multiply
from brainevent_core.matrices import CSR

__all__ = ["binary_csrmm", "binary_csrmv", "csrmm", "csrmv"]


def csrmv(
    data: QuantityLike,
    indices: ArrayLike,
    indptr: ArrayLike,
    x: OperandLike,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a CSR matrix and a vector.

    Args:
        data: weights, (nse,), or one for all; floats of any width, or a quantity.
        indices: column of every entry, (nse,), any integer dtype.
        indptr: the position of each row's first entry, (m + 1,), any integer dtype.
        x: (n,), or (m,) if ``transpose``; numbers, a quantity, or events of any class.
        shape: (m, n), of the matrix before it is transposed.
        transpose: whether to multiply by the transpose.
        backend: name of the backend that must run it.

    Returns:
        (m,), or (n,) if ``transpose``, with the promoted dtype of weights and x and the product of their units.
        Binary events have neither dtype nor unit: the result has the dtype and unit of the weights.

    Raises:
        StructureError: if indices or pointers are concrete and out of range.
        MathError: if ranks or lengths do not fit.
        DTypeError: if index arrays do not hold integers.
        KernelNotAvailableError: if ``backend`` has no kernel for it.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> data, indices = jnp.array([1.0, 2.0, 3.0, 4.0]), jnp.array([0, 1, 1, 2])
        >>> indptr = jnp.array([0, 2, 4])
        >>> x = jnp.array([1.0, 2.0, 3.0])
        >>> brainevent.csrmv(data, indices, indptr, x, shape=(2, 3))
        Array([ 5., 18.], dtype=float32)
    """
    matrix = CSR(data, indices, indptr, shape=shape)
    return multiply("csrmv", matrix, x, 1, transpose, backend)


def csrmm(
    data: QuantityLike,
    indices: ArrayLike,
    indptr: ArrayLike,
    x: OperandLike,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a CSR matrix and a matrix; otherwise like :func:`csrmv`.

    Args:
        x: (n, k), or (m, k) if ``transpose``; numbers, a quantity, or events of any class.

    Returns:
        (m, k), or (n, k) if ``transpose``.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> data, indices = jnp.array([1.0, 2.0, 3.0, 4.0]), jnp.array([0, 1, 1, 2])
        >>> indptr = jnp.array([0, 2, 4])
        >>> x = jnp.array([[1.0], [2.0], [3.0]])
        >>> brainevent.csrmm(data, indices, indptr, x, shape=(2, 3))
        Array([[ 5.],
               [18.]], dtype=float32)
    """
    matrix = CSR(data, indices, indptr, shape=shape)
    return multiply("csrmm", matrix, x, 2, transpose, backend)


def binary_csrmv(
    data: QuantityLike,
    indices: ArrayLike,
    indptr: ArrayLike,
    x: OperandLike,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a CSR matrix and a vector of events; otherwise like :func:`csrmv`.

    Args:
        x: (n,), or (m,) if ``transpose``. Entries that are nonzero or True are events and count as 1; or events of
            any class.

    Returns:
        (m,), or (n,) if ``transpose``, in the dtype and unit of the weights.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> data, indices = jnp.array([1.0, 2.0, 3.0, 4.0]), jnp.array([0, 1, 1, 2])
        >>> indptr = jnp.array([0, 2, 4])
        >>> x = jnp.array([True, False, True])
        >>> brainevent.binary_csrmv(data, indices, indptr, x, shape=(2, 3))
        Array([1., 4.], dtype=float32)
    """
    matrix = CSR(data, indices, indptr, shape=shape)
    return multiply("binary_csrmv", matrix, as_events(x), 1, transpose, backend)


def binary_csrmm(
    data: QuantityLike,
    indices: ArrayLike,
    indptr: ArrayLike,
    x: OperandLike,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a CSR matrix and a matrix of events; otherwise like :func:`csrmv`.

    Args:
        x: (n, k), or (m, k) if ``transpose``. Entries that are nonzero or True are events and count as 1; or events
            of any class.

    Returns:
        (m, k), or (n, k) if ``transpose``, in the dtype and unit of the weights.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> data, indices = jnp.array([1.0, 2.0, 3.0, 4.0]), jnp.array([0, 1, 1, 2])
        >>> indptr = jnp.array([0, 2, 4])
        >>> x = jnp.array([[True], [False], [True]])
        >>> brainevent.binary_csrmm(data, indices, indptr, x, shape=(2, 3))
        Array([[1.],
               [4.]], dtype=float32)
    """
    matrix = CSR(data, indices, indptr, shape=shape)
    return multiply("binary_csrmm", matrix, as_events(x), 2, transpose, backend)
