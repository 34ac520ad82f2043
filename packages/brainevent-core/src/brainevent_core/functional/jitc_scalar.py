"""Just-in-time connectivity with a homogeneous weight, on bare arrays.

``jits`` materialises the matrix of :class:`~brainevent.JITCScalarR`; the others generate it on the fly and multiply
it, ``...mv`` with a vector, ``...mm`` with a matrix whose columns are vectors, and ``binary_...`` with events.
Arguments, units and errors are documented at :func:`jits`. If you use a matrix more than once, create it.
"""

from __future__ import annotations

from collections.abc import Sequence

from brainevent_core._typing import Array, ArrayLike, Number, OperandLike, Quantity, QuantityLike
from brainevent_core.functional.multiply import as_events, multiply
from brainevent_core.matrices import JITCScalarR

__all__ = ["binary_jitsmm", "binary_jitsmv", "jits", "jitsmm", "jitsmv"]


def jits(
    weight: QuantityLike,
    prob: Number,
    seed: ArrayLike | None = None,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    corder: bool = True,
    backend: str | None = None,
) -> Array | Quantity:
    """A random matrix with a homogeneous weight, materialised.

    Args:
        weight: the weight of every connection; a number or a quantity.
        prob: probability of a connection, a concrete number between 0 and 1.
        seed: an integer, a ``jax.random`` key or two 32-bit words; with None, a random seed is used.
        shape: (m, n), of the matrix before it is transposed.
        transpose: whether to return the transpose, of shape (n, m).
        corder: whether the random stream runs along the rows of the matrix before it is transposed; products with
            events from that side are then event-driven.
        backend: name of the backend that must run it.

    Returns:
        (m, n), or (n, m) if ``transpose``, in the dtype and unit of the weights; 0 where there is no connection.

    Raises:
        MathError: if ``prob`` is not between 0 and 1, or ranks or lengths do not fit.
        DTypeError: if ``prob`` is traced, or the seed is not valid.
        KernelNotAvailableError: if ``backend`` has no kernel for it.

    Example:
        >>> import brainevent
        >>> brainevent.jits(0.5, 0.5, seed=0, shape=(2, 3))
        Array([[0. , 0. , 0.5],
               [0.5, 0.5, 0. ]], dtype=float32)
    """
    matrix = JITCScalarR(weight, prob, seed, shape=shape, corder=corder)
    dense = matrix.todense(backend=backend)
    return dense.T if transpose else dense


def jitsmv(
    weight: QuantityLike,
    prob: Number,
    x: OperandLike,
    seed: ArrayLike | None = None,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    corder: bool = True,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a random matrix with a homogeneous weight and a vector; see :func:`jits`.

    Args:
        x: (n,), or (m,) if ``transpose``; numbers, a quantity, or events of any class.

    Returns:
        (m,), or (n,) if ``transpose``, with the promoted dtype of weights and x and the product of their units.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> brainevent.jitsmv(0.5, 0.5, jnp.array([1.0, 2.0, 3.0]), seed=0, shape=(2, 3))
        Array([1.5, 1.5], dtype=float32)
    """
    matrix = JITCScalarR(weight, prob, seed, shape=shape, corder=corder)
    return multiply("jitsmv", matrix, x, 1, transpose, backend)


def jitsmm(
    weight: QuantityLike,
    prob: Number,
    x: OperandLike,
    seed: ArrayLike | None = None,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    corder: bool = True,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a random matrix with a homogeneous weight and a matrix; see :func:`jits`.

    Args:
        x: (n, k), or (m, k) if ``transpose``; numbers, a quantity, or events of any class.

    Returns:
        (m, k), or (n, k) if ``transpose``, with the promoted dtype of weights and x and the product of their
        units.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> brainevent.jitsmm(0.5, 0.5, jnp.array([[1.0], [2.0], [3.0]]), seed=0, shape=(2, 3))
        Array([[1.5],
               [1.5]], dtype=float32)
    """
    matrix = JITCScalarR(weight, prob, seed, shape=shape, corder=corder)
    return multiply("jitsmm", matrix, x, 2, transpose, backend)


def binary_jitsmv(
    weight: QuantityLike,
    prob: Number,
    x: OperandLike,
    seed: ArrayLike | None = None,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    corder: bool = True,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a random matrix with a homogeneous weight and a vector of events; see :func:`jits`.

    Args:
        x: (n,), or (m,) if ``transpose``. Entries that are nonzero or True are events and count as 1; or events of
            any class.

    Returns:
        (m,), or (n,) if ``transpose``, in the dtype and unit of the weights.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> brainevent.binary_jitsmv(0.5, 0.5, jnp.array([True, False, True]), seed=0, shape=(2, 3))
        Array([0.5, 0.5], dtype=float32)
    """
    matrix = JITCScalarR(weight, prob, seed, shape=shape, corder=corder)
    return multiply("binary_jitsmv", matrix, as_events(x), 1, transpose, backend)


def binary_jitsmm(
    weight: QuantityLike,
    prob: Number,
    x: OperandLike,
    seed: ArrayLike | None = None,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    corder: bool = True,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a random matrix with a homogeneous weight and a matrix of events; see :func:`jits`.

    Args:
        x: (n, k), or (m, k) if ``transpose``. Entries that are nonzero or True are events and count as 1; or events
            of any class.

    Returns:
        (m, k), or (n, k) if ``transpose``, in the dtype and unit of the weights.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> brainevent.binary_jitsmm(0.5, 0.5, jnp.array([[True], [False], [True]]), seed=0, shape=(2, 3))
        Array([[0.5],
               [0.5]], dtype=float32)
    """
    matrix = JITCScalarR(weight, prob, seed, shape=shape, corder=corder)
    return multiply("binary_jitsmm", matrix, as_events(x), 2, transpose, backend)
