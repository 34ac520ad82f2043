"""Products of dense matrices, on bare arrays.

``...mv`` multiplies with a vector, ``...mm`` with a matrix whose columns are vectors, and ``binary_...`` with events.
Arguments, units and errors are documented at :func:`densemv`.
"""

from __future__ import annotations

from brainevent_core._typing import Array, OperandLike, Quantity, QuantityLike
from brainevent_core.functional.multiply import as_events, multiply
from brainevent_core.matrices import Dense

__all__ = ["binary_densemm", "binary_densemv", "densemm", "densemv"]


def densemv(
    weights: QuantityLike,
    x: OperandLike,
    *,
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a dense matrix and a vector.

    Args:
        weights: the elements, (m, n); floats of any width, or a quantity.
        x: (n,), or (m,) if ``transpose``; numbers, a quantity, or events of any class.
        transpose: whether to multiply by the transpose.
        backend: name of the backend that must run it.

    Returns:
        (m,), or (n,) if ``transpose``, with the promoted dtype of weights and x and the product of their units.
        Binary events have neither dtype nor unit: the result has the dtype and unit of the weights.

    Raises:
        MathError: if ranks or lengths do not fit.
        DTypeError: if weights or x are complex.
        KernelNotAvailableError: if ``backend`` has no kernel for it.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weights = jnp.array([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]])
        >>> x = jnp.array([1.0, 2.0, 3.0])
        >>> brainevent.densemv(weights, x)
        Array([ 5., 18.], dtype=float32)
    """
    matrix = Dense(weights)
    return multiply("densemv", matrix, x, 1, transpose, backend)


def densemm(
    weights: QuantityLike,
    x: OperandLike,
    *,
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a dense matrix and a matrix; otherwise like :func:`densemv`.

    Args:
        x: (n, k), or (m, k) if ``transpose``; numbers, a quantity, or events of any class.

    Returns:
        (m, k), or (n, k) if ``transpose``.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weights = jnp.array([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]])
        >>> x = jnp.array([[1.0], [2.0], [3.0]])
        >>> brainevent.densemm(weights, x)
        Array([[ 5.],
               [18.]], dtype=float32)
    """
    matrix = Dense(weights)
    return multiply("densemm", matrix, x, 2, transpose, backend)


def binary_densemv(
    weights: QuantityLike,
    x: OperandLike,
    *,
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a dense matrix and a vector of events; otherwise like :func:`densemv`.

    Args:
        x: (n,), or (m,) if ``transpose``. Entries that are nonzero or True are events and count as 1; or events of
            any class.

    Returns:
        (m,), or (n,) if ``transpose``, in the dtype and unit of the weights.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weights = jnp.array([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]])
        >>> x = jnp.array([True, False, True])
        >>> brainevent.binary_densemv(weights, x)
        Array([1., 4.], dtype=float32)
    """
    matrix = Dense(weights)
    return multiply("binary_densemv", matrix, as_events(x), 1, transpose, backend)


def binary_densemm(
    weights: QuantityLike,
    x: OperandLike,
    *,
    transpose: bool = False,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a dense matrix and a matrix of events; otherwise like :func:`densemv`.

    Args:
        x: (n, k), or (m, k) if ``transpose``. Entries that are nonzero or True are events and count as 1; or events
            of any class.

    Returns:
        (m, k), or (n, k) if ``transpose``, in the dtype and unit of the weights.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weights = jnp.array([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]])
        >>> x = jnp.array([[True], [False], [True]])
        >>> brainevent.binary_densemm(weights, x)
        Array([[1.],
               [4.]], dtype=float32)
    """
    matrix = Dense(weights)
    return multiply("binary_densemm", matrix, as_events(x), 2, transpose, backend)
