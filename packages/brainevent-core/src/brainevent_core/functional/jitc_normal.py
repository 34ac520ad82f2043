"""Just-in-time connectivity with normally distributed weights, on bare arrays.

``jitn`` materialises the matrix of :class:`~brainevent.JITCNormalR`; the others generate it on the fly and multiply
it, ``...mv`` with a vector, ``...mm`` with a matrix whose columns are vectors, and ``binary_...`` with events.
Arguments, units and errors are documented at :func:`jitn`. If you use a matrix more than once, create it.
"""

from __future__ import annotations

from collections.abc import Sequence

from brainevent_core._typing import Array, ArrayLike, Number, OperandLike, Quantity, QuantityLike
from brainevent_core.functional.multiply import as_events, multiply
from brainevent_core.matrices import JITCNormalR

__all__ = ["binary_jitnmm", "binary_jitnmv", "jitn", "jitnmm", "jitnmv"]


def jitn(
    loc: QuantityLike,
    scale: QuantityLike,
    prob: Number,
    seed: ArrayLike | None = None,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    corder: bool = True,
    backend: str | None = None,
) -> Array | Quantity:
    """A random matrix with normally distributed weights, materialised.

    Args:
        loc: mean of the weights; a number or a quantity.
        scale: standard deviation of the weights, in a compatible unit.
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
        >>> brainevent.jitn(1.0, 0.5, 0.5, seed=0, shape=(2, 3)).round(2)
        Array([[0.  , 0.  , 0.69],
               [1.02, 0.9 , 0.  ]], dtype=float32)
    """
    matrix = JITCNormalR(loc, scale, prob, seed, shape=shape, corder=corder)
    dense = matrix.todense(backend=backend)
    return dense.T if transpose else dense


def jitnmv(
    loc: QuantityLike,
    scale: QuantityLike,
    prob: Number,
    x: OperandLike,
    seed: ArrayLike | None = None,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    corder: bool = True,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a random matrix with normally distributed weights and a vector; see :func:`jitn`.

    Args:
        x: (n,), or (m,) if ``transpose``; numbers, a quantity, or events of any class.

    Returns:
        (m,), or (n,) if ``transpose``, with the promoted dtype of weights and x and the product of their units.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> brainevent.jitnmv(1.0, 0.5, 0.5, jnp.array([1.0, 2.0, 3.0]), seed=0, shape=(2, 3)).round(2)
        Array([2.06, 2.83], dtype=float32)
    """
    matrix = JITCNormalR(loc, scale, prob, seed, shape=shape, corder=corder)
    return multiply("jitnmv", matrix, x, 1, transpose, backend)


def jitnmm(
    loc: QuantityLike,
    scale: QuantityLike,
    prob: Number,
    x: OperandLike,
    seed: ArrayLike | None = None,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    corder: bool = True,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a random matrix with normally distributed weights and a matrix; see :func:`jitn`.

    Args:
        x: (n, k), or (m, k) if ``transpose``; numbers, a quantity, or events of any class.

    Returns:
        (m, k), or (n, k) if ``transpose``, with the promoted dtype of weights and x and the product of their
        units.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> brainevent.jitnmm(1.0, 0.5, 0.5, jnp.array([[1.0], [2.0], [3.0]]), seed=0, shape=(2, 3)).round(2)
        Array([[2.06],
               [2.83]], dtype=float32)
    """
    matrix = JITCNormalR(loc, scale, prob, seed, shape=shape, corder=corder)
    return multiply("jitnmm", matrix, x, 2, transpose, backend)


def binary_jitnmv(
    loc: QuantityLike,
    scale: QuantityLike,
    prob: Number,
    x: OperandLike,
    seed: ArrayLike | None = None,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    corder: bool = True,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a random matrix with normally distributed weights and a vector of events; see :func:`jitn`.

    Args:
        x: (n,), or (m,) if ``transpose``. Entries that are nonzero or True are events and count as 1; or events of
            any class.

    Returns:
        (m,), or (n,) if ``transpose``, in the dtype and unit of the weights.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> brainevent.binary_jitnmv(1.0, 0.5, 0.5, jnp.array([True, False, True]), seed=0, shape=(2, 3)).round(2)
        Array([0.69, 1.02], dtype=float32)
    """
    matrix = JITCNormalR(loc, scale, prob, seed, shape=shape, corder=corder)
    return multiply("binary_jitnmv", matrix, as_events(x), 1, transpose, backend)


def binary_jitnmm(
    loc: QuantityLike,
    scale: QuantityLike,
    prob: Number,
    x: OperandLike,
    seed: ArrayLike | None = None,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    corder: bool = True,
    backend: str | None = None,
) -> Array | Quantity:
    """The product of a random matrix with normally distributed weights and a matrix of events; see :func:`jitn`.

    Args:
        x: (n, k), or (m, k) if ``transpose``. Entries that are nonzero or True are events and count as 1; or events
            of any class.

    Returns:
        (m, k), or (n, k) if ``transpose``, in the dtype and unit of the weights.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> brainevent.binary_jitnmm(1.0, 0.5, 0.5, jnp.array([[True], [False], [True]]), seed=0, shape=(2, 3)).round(2)
        Array([[0.69],
               [1.02]], dtype=float32)
    """
    matrix = JITCNormalR(loc, scale, prob, seed, shape=shape, corder=corder)
    return multiply("binary_jitnmm", matrix, as_events(x), 2, transpose, backend)
