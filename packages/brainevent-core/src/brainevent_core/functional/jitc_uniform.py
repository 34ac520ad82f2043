"""Just-in-time connectivity with uniformly distributed weights, on bare arrays.

``jitu`` materialises the matrix of :class:`~brainevent.JITCUniformR`; the others generate it on the fly and multiply
it, ``...mv`` with a vector, ``...mm`` with a matrix whose columns are vectors, and ``binary_...`` with events.
Arguments, units and errors are documented at :func:`jitu`. If you use a matrix more than once, create it.
"""

from __future__ import annotations

from collections.abc import Sequence

from brainevent_core._typing import Array, ArrayLike, Number, OperandLike, Quantity, QuantityLike
from brainevent_core.functional.multiply import as_events, multiply
from brainevent_core.matrices import JITCUniformR

__all__ = ["binary_jitumm", "binary_jitumv", "jitu", "jitumm", "jitumv"]


def jitu(
    low: QuantityLike,
    high: QuantityLike,
    prob: Number,
    seed: ArrayLike | None = None,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    corder: bool = True,
    backend: str | None = None,
) -> Array | Quantity:
    """A random matrix with uniformly distributed weights, materialised.

    Args:
        low: lower bound of the weights; a number or a quantity.
        high: upper bound of the weights, in a compatible unit.
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
        UnitMismatchError: if the two parameters have incompatible units.
        DTypeError: if ``prob`` is traced, or the seed is not valid.
        KernelNotAvailableError: if ``backend`` has no kernel for it.

    Example:
        >>> import brainevent
        >>> brainevent.jitu(0.0, 10.0, 0.5, seed=0, shape=(2, 3)).round()
        Array([[ 0.,  0.,  3.],
               [10.,  4.,  0.]], dtype=float32)
    """
    matrix = JITCUniformR(low, high, prob, seed, shape=shape, corder=corder)
    dense = matrix.todense(backend=backend)
    return dense.T if transpose else dense


def jitumv(
    low: QuantityLike,
    high: QuantityLike,
    prob: Number,
    x: OperandLike,
    seed: ArrayLike | None = None,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    corder: bool = True,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a random matrix with uniformly distributed weights and a vector; see :func:`jitu`.

    Args:
        x: (n,), or (m,) if ``transpose``; numbers, a quantity, or events of any class.

    Returns:
        (m,), or (n,) if ``transpose``, with the promoted dtype of weights and x and the product of their units.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> brainevent.jitumv(0.0, 10.0, 0.5, jnp.array([1.0, 2.0, 3.0]), seed=0, shape=(2, 3)).round()
        Array([ 8., 18.], dtype=float32)
    """
    matrix = JITCUniformR(low, high, prob, seed, shape=shape, corder=corder)
    return multiply("jitumv", matrix, x, 1, transpose, backend)


def jitumm(
    low: QuantityLike,
    high: QuantityLike,
    prob: Number,
    x: OperandLike,
    seed: ArrayLike | None = None,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    corder: bool = True,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a random matrix with uniformly distributed weights and a matrix; see :func:`jitu`.

    Args:
        x: (n, k), or (m, k) if ``transpose``; numbers, a quantity, or events of any class.

    Returns:
        (m, k), or (n, k) if ``transpose``, with the promoted dtype of weights and x and the product of their
        units.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> brainevent.jitumm(0.0, 10.0, 0.5, jnp.array([[1.0], [2.0], [3.0]]), seed=0, shape=(2, 3)).round()
        Array([[ 8.],
               [18.]], dtype=float32)
    """
    matrix = JITCUniformR(low, high, prob, seed, shape=shape, corder=corder)
    return multiply("jitumm", matrix, x, 2, transpose, backend)


def binary_jitumv(
    low: QuantityLike,
    high: QuantityLike,
    prob: Number,
    x: OperandLike,
    seed: ArrayLike | None = None,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    corder: bool = True,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a random matrix with uniformly distributed weights and a vector of events; see :func:`jitu`.

    Args:
        x: (n,), or (m,) if ``transpose``. Entries that are nonzero or True are events and count as 1; or events of
            any class.

    Returns:
        (m,), or (n,) if ``transpose``, in the dtype and unit of the weights.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> brainevent.binary_jitumv(0.0, 10.0, 0.5, jnp.array([True, False, True]), seed=0, shape=(2, 3)).round()
        Array([ 3., 10.], dtype=float32)
    """
    matrix = JITCUniformR(low, high, prob, seed, shape=shape, corder=corder)
    return multiply("binary_jitumv", matrix, as_events(x), 1, transpose, backend)


def binary_jitumm(
    low: QuantityLike,
    high: QuantityLike,
    prob: Number,
    x: OperandLike,
    seed: ArrayLike | None = None,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    corder: bool = True,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a random matrix with uniformly distributed weights and a matrix of events; see :func:`jitu`.

    Args:
        x: (n, k), or (m, k) if ``transpose``. Entries that are nonzero or True are events and count as 1; or events
            of any class.

    Returns:
        (m, k), or (n, k) if ``transpose``, in the dtype and unit of the weights.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> brainevent.binary_jitumm(0.0, 10.0, 0.5, jnp.array([[True], [False], [True]]), seed=0, shape=(2, 3)).round()
        Array([[ 3.],
               [10.]], dtype=float32)
    """
    matrix = JITCUniformR(low, high, prob, seed, shape=shape, corder=corder)
    return multiply("binary_jitumm", matrix, as_events(x), 2, transpose, backend)
