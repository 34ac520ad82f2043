"""``w[k] · y[row of k]`` for every stored entry k, or its column: the term of eligibility traces, on bare arrays.

The functions in mv take one vector, those in mm a batch of them, along the first axis of ``y`` and ``w``. Shapes and
units are checked, and what entries outside of the matrix give, as in ``yw_to_w`` of the matrices, which is the same.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import jax
import numpy as np

from brainevent_core import config, units
from brainevent_core.errors import MathError
from brainevent_core.matrices import COO, CSC, CSR, Dense, FixedPostNumConn

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
    y: Any,
    w: Any,
    indices: Any,
    indptr: Any,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    backend: str | None = None,
) -> Any:
    """``w[k] * y[row of k]`` for every entry k of a CSR matrix, or of its column if ``transpose``.

    Args:
        y: one value per row, (m,), or per column, (n,), if ``transpose``; an array or a quantity.
        w: one value per entry, (nse,), or one for all.
        indices, indptr: the structure of the matrix, see :class:`~brainevent.CSR`.
        shape: of the matrix, (m, n).
        transpose: whether ``y`` belongs to columns.
        backend: the name of a backend, as all functions take one. XLA computes this for all of them.

    Returns:
        (nse,), in the promoted dtype and the product of the units; 0 for entries outside of the matrix.

    Raises:
        MathError: if lengths do not fit.
        StructureError: if the structure is concrete and no matrix of that shape.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> brainevent.csrmv_dt2t(jnp.array([1.0, 10.0]), jnp.ones(3), [1, 0, 2], [0, 1, 3], shape=(2, 3))
        Array([ 1., 10., 10.], dtype=float32)
    """
    return _of_matrix(CSR(1.0, indices, indptr, shape=shape), y, w, transpose, backend)


def cscmv_dt2t(
    y: Any,
    w: Any,
    indices: Any,
    indptr: Any,
    *,
    shape: Sequence[int],
    transpose: bool = False,
    backend: str | None = None,
) -> Any:
    """As :func:`csrmv_dt2t`, for a CSC matrix: ``indices`` are rows, ``indptr`` runs over the columns."""
    return _of_matrix(CSC(1.0, indices, indptr, shape=shape), y, w, transpose, backend)


def coomv_dt2t(
    y: Any, w: Any, row: Any, col: Any, *, shape: Sequence[int], transpose: bool = False, backend: str | None = None
) -> Any:
    """As :func:`csrmv_dt2t`, for entries at (``row[k]``, ``col[k]``)."""
    return _of_matrix(COO(1.0, row, col, shape=shape), y, w, transpose, backend)


def fcnmv_dt2t(
    weights: Any, indices: Any, y: Any, *, shape: Sequence[int], transpose: bool = False, backend: str | None = None
) -> Any:
    """As :func:`csrmv_dt2t`, for a fixed number of entries per row: ``weights[i, j] * y[i]``, or ``y[indices[i, j]]``.

    Args:
        weights: one value per entry, (m, k), or one for all.
        indices: the columns of the entries of each row, (m, k).
        y: (m,), or (n,) if ``transpose``.
        shape: of the matrix, (m, n).
        transpose: whether ``y`` belongs to columns.
        backend: see :func:`csrmv_dt2t`.
    """
    return _of_matrix(FixedPostNumConn(1.0, indices, shape=shape), y, weights, transpose, backend)


def densemv_dt2t(y: Any, w: Any, *, transpose: bool = False, backend: str | None = None) -> Any:
    """``w[i, j] * y[i]`` for a dense matrix (m, n), or ``w[i, j] * y[j]`` if ``transpose``."""
    return _of_matrix(Dense(w), y, w, transpose, backend)


def _of_matrix(matrix: Any, y: Any, w: Any, transpose: bool, backend: str | None) -> Any:
    config.current_request(backend)  # refuses what is no name
    return matrix.yw_to_w_transposed(y, w) if transpose else matrix.yw_to_w(y, w)


def _batched(function: Callable[..., Any], y: int, w: int) -> Callable[..., Any]:
    """The function for a batch along the first axis of ``y`` and ``w``, which are the arguments at these positions."""
    signature = inspect.signature(function)

    @wraps(function)
    def batched(*positional: Any, **named: Any) -> Any:
        bound = signature.bind(*positional, **named)
        arguments, options = bound.args, bound.kwargs
        sizes = [np.shape(units.detach(arguments[i])[0])[:1] for i in (y, w)]
        if sizes[0] != sizes[1] or not sizes[0]:
            raise MathError(f"{batched.__name__} takes y and w with a batch of one size in front, got {sizes}.")
        axes = [0 if i in (y, w) else None for i in range(len(arguments))]
        return jax.vmap(lambda *given: function(*given, **options), in_axes=axes)(*arguments)

    batched.__name__ = batched.__qualname__ = function.__name__.replace("mv", "mm")
    batched.__doc__ = f"As :func:`{function.__name__}`, for a batch along the first axis of y and w."
    return batched


csrmm_dt2t = _batched(csrmv_dt2t, 0, 1)
cscmm_dt2t = _batched(cscmv_dt2t, 0, 1)
coomm_dt2t = _batched(coomv_dt2t, 0, 1)
densemm_dt2t = _batched(densemv_dt2t, 0, 1)
fcnmm_dt2t = _batched(fcnmv_dt2t, 2, 0)
