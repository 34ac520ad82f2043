"""Plasticity on the arrays of a matrix: one function for each way of storing it and each side that spikes.

All of them take one weight per entry and return the new ones, in the same shape, dtype and unit. They mean what the
methods :meth:`~brainevent.DataRepresentation.update_on_pre` and ``update_on_post`` of the matrices mean, where the
arguments are explained.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from brainevent_core import units
from brainevent_core.errors import MathError
from brainevent_core.formats import CSR_FORMAT, WEIGHT_INDICES
from brainevent_core.matrices import COO, CSC, CSR, Dense, FixedPostNumConn, FixedPreNumConn
from brainevent_core.matrices.base import as_data, as_shape
from brainevent_core.matrices.structure import as_index_array, as_integers, check_values
from brainevent_core.ops import MatrixSpec, update

__all__ = [
    "update_coo_on_binary_post",
    "update_coo_on_binary_pre",
    "update_csc_on_binary_post",
    "update_csc_on_binary_pre",
    "update_csr2csc_on_binary_post",
    "update_csr_on_binary_post",
    "update_csr_on_binary_pre",
    "update_dense_on_binary_post",
    "update_dense_on_binary_pre",
    "update_fixed_post_conn_on_binary_pre",
    "update_fixed_pre_conn_on_binary_post",
]

Shape = Sequence[int]


def update_csr_on_binary_pre(
    weight: Any,
    indices: Any,
    indptr: Any,
    pre_spike: Any,
    post_trace: Any,
    w_min: Any = None,
    w_max: Any = None,
    *,
    shape: Shape,
    clip: str = "all",
    backend: str | None = None,
) -> Any:
    """Weights of CSR after presynaptic spikes: one of row i adds ``post_trace[j]`` to its entries (i, j).

    Args:
        weight: (nse,), float16, bfloat16, float32 or float64, or a quantity.
        indices: column of every entry, (nse,), any integer dtype.
        indptr: where each row begins, (rows + 1,).
        pre_spike: (rows,); an event array, or a plain one in which nonzero entries are events.
        post_trace: (columns,), or one number for all; in a unit that fits that of the weights.
        w_min: lower bound, a number in such a unit; None for none.
        w_max: upper bound.
        shape: (rows, columns), that is (pre, post).
        clip: "all" clips every weight, "updated" only those that a spike has changed.
        backend: name of the backend that must run it.

    Returns:
        The new weights.

    Raises:
        MathError: if lengths don't fit, or one weight stands for all entries.
        StructureError: if indices or pointers are seen to be out of range.
        UnitMismatchError: if units don't fit.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weight, indices, indptr = jnp.array([1.0, 2.0, 3.0]), jnp.array([1, 0, 1]), jnp.array([0, 1, 3])
        >>> spike, trace = jnp.array([False, True]), jnp.array([0.5, 0.25])
        >>> brainevent.update_csr_on_binary_pre(weight, indices, indptr, spike, trace, 0.0, 3.0, shape=(2, 2))
        Array([1. , 2.5, 3. ], dtype=float32)
    """
    matrix = CSR((weight, indices, indptr), shape=shape)
    return matrix.update_on_pre(pre_spike, post_trace, w_min, w_max, clip=clip, backend=backend).data


def update_csr_on_binary_post(
    weight: Any,
    indices: Any,
    indptr: Any,
    weight_indices: Any,
    pre_trace: Any,
    post_spike: Any,
    w_min: Any = None,
    w_max: Any = None,
    *,
    shape: Shape,
    clip: str = "all",
    backend: str | None = None,
) -> Any:
    """Weights of CSR after postsynaptic spikes: one of column j adds ``pre_trace[i]`` to its entries (i, j).

    Args:
        weight: (nse,), in the order of CSR, as the result is.
        indices: row of every entry in the order of columns, (nse,): the indices of CSC.
        indptr: where each column begins in that order, (columns + 1,).
        weight_indices: the position in ``weight`` of every entry in that order, (nse,). An entry whose position is
            outside is left out; where several have one position, their traces add up.
        pre_trace: (rows,), or one number for all.
        post_spike: (columns,).
        w_min: lower bound; see :func:`update_csr_on_binary_pre` for this and the rest.
        w_max: upper bound.
        shape: (rows, columns), that is (pre, post).
        clip: "all" or "updated".
        backend: name of the backend that must run it.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weight = jnp.array([1.0, 2.0, 3.0])  # at (0, 1), (1, 0) and (1, 1)
        >>> rows, indptr, weight_indices = jnp.array([1, 0, 1]), jnp.array([0, 1, 3]), jnp.array([1, 0, 2])
        >>> trace, spike = jnp.array([0.5, 0.25]), jnp.array([True, False])
        >>> brainevent.update_csr_on_binary_post(weight, rows, indptr, weight_indices, trace, spike, shape=(2, 2))
        Array([1.  , 2.25, 3.  ], dtype=float32)
    """
    fmt = CSR_FORMAT.with_component(WEIGHT_INDICES)
    names = fmt.names
    given = [as_integers(*pair) for pair in zip(names, (indices, indptr, weight_indices), strict=True)]
    stored_shape = as_shape(shape)[::-1]  # compressed by columns
    data = as_data(weight)
    fmt.validate(units.detach(data)[0], given, stored_shape)
    check_values(fmt, given, stored_shape)
    stored = MatrixSpec(fmt, data, tuple(map(as_index_array, given)), stored_shape, True)
    return update(stored, post_spike, pre_trace, w_min, w_max, pre=False, clip=clip, backend=backend)


#: The same function under its second name.
update_csr2csc_on_binary_post = update_csr_on_binary_post


def update_csc_on_binary_pre(
    weight: Any,
    indices: Any,
    indptr: Any,
    pre_spike: Any,
    post_trace: Any,
    w_min: Any = None,
    w_max: Any = None,
    *,
    shape: Shape,
    clip: str = "all",
    backend: str | None = None,
) -> Any:
    """Weights of CSC (indices are rows, indptr is over columns) after presynaptic spikes.

    See :func:`update_csr_on_binary_pre`.
    """
    matrix = CSC((weight, indices, indptr), shape=shape)
    return matrix.update_on_pre(pre_spike, post_trace, w_min, w_max, clip=clip, backend=backend).data


def update_csc_on_binary_post(
    weight: Any,
    indices: Any,
    indptr: Any,
    pre_trace: Any,
    post_spike: Any,
    w_min: Any = None,
    w_max: Any = None,
    *,
    shape: Shape,
    clip: str = "all",
    backend: str | None = None,
) -> Any:
    """Weights of CSC (indices are rows, indptr is over columns) after postsynaptic spikes.

    See :func:`update_csr_on_binary_pre`.
    """
    matrix = CSC((weight, indices, indptr), shape=shape)
    return matrix.update_on_post(pre_trace, post_spike, w_min, w_max, clip=clip, backend=backend).data


def update_coo_on_binary_pre(
    weight: Any,
    pre_ids: Any,
    post_ids: Any,
    pre_spike: Any,
    post_trace: Any,
    w_min: Any = None,
    w_max: Any = None,
    *,
    shape: Shape | None = None,
    clip: str = "all",
    backend: str | None = None,
) -> Any:
    """Weights of COO after presynaptic spikes; it costs the spikes if ``pre_ids`` is sorted, all entries otherwise.

    See :func:`update_csr_on_binary_pre`. Without ``shape`` it is that of the spikes and the trace, both vectors.
    """
    matrix = COO((weight, pre_ids, post_ids), shape=_lengths(pre_spike, post_trace) if shape is None else shape)
    return matrix.update_on_pre(pre_spike, post_trace, w_min, w_max, clip=clip, backend=backend).data


def update_coo_on_binary_post(
    weight: Any,
    pre_ids: Any,
    post_ids: Any,
    pre_trace: Any,
    post_spike: Any,
    w_min: Any = None,
    w_max: Any = None,
    *,
    shape: Shape | None = None,
    clip: str = "all",
    backend: str | None = None,
) -> Any:
    """Weights of COO after postsynaptic spikes; it costs the spikes if ``post_ids`` is sorted, all entries otherwise.

    See :func:`update_csr_on_binary_pre`. Without ``shape`` it is that of the spikes and the trace, both vectors.
    """
    matrix = COO((weight, pre_ids, post_ids), shape=_lengths(pre_trace, post_spike) if shape is None else shape)
    return matrix.update_on_post(pre_trace, post_spike, w_min, w_max, clip=clip, backend=backend).data


def _lengths(pre: Any, post: Any) -> Shape:
    """The shape of a matrix whose two sides have these spikes or traces."""
    sides = [np.asarray(side) if isinstance(side, (list, tuple)) else side for side in (pre, post)]
    shapes = [tuple(getattr(side, "shape", ())) for side in sides]
    if any(len(one) != 1 for one in shapes):
        raise MathError(
            "The shape of the matrix is that of vectors of spikes and of a trace, got shapes "
            f"{shapes[0]} and {shapes[1]}; give it as shape=(pre, post)."
        )
    return (shapes[0][0], shapes[1][0])


def update_dense_on_binary_pre(
    weight: Any,
    pre_spike: Any,
    post_trace: Any,
    w_min: Any = None,
    w_max: Any = None,
    *,
    clip: str = "all",
    backend: str | None = None,
) -> Any:
    """Weights of a dense matrix, (pre, post), after presynaptic spikes.

    See :func:`update_csr_on_binary_pre`.
    """
    matrix = Dense(weight)
    return matrix.update_on_pre(pre_spike, post_trace, w_min, w_max, clip=clip, backend=backend).data


def update_dense_on_binary_post(
    weight: Any,
    pre_trace: Any,
    post_spike: Any,
    w_min: Any = None,
    w_max: Any = None,
    *,
    clip: str = "all",
    backend: str | None = None,
) -> Any:
    """Weights of a dense matrix, (pre, post), after postsynaptic spikes.

    See :func:`update_csr_on_binary_pre`.
    """
    matrix = Dense(weight)
    return matrix.update_on_post(pre_trace, post_spike, w_min, w_max, clip=clip, backend=backend).data


def update_fixed_post_conn_on_binary_pre(
    weight: Any,
    indices: Any,
    pre_spike: Any,
    post_trace: Any,
    w_min: Any = None,
    w_max: Any = None,
    *,
    shape: Shape,
    clip: str = "all",
    backend: str | None = None,
) -> Any:
    """Weights of fixed fan-out, (pre, k) with ``indices`` of postsynaptic neurons, after presynaptic spikes.

    See :func:`update_csr_on_binary_pre`.
    """
    matrix = FixedPostNumConn((weight, indices), shape=shape)
    return matrix.update_on_pre(pre_spike, post_trace, w_min, w_max, clip=clip, backend=backend).data


def update_fixed_pre_conn_on_binary_post(
    weight: Any,
    indices: Any,
    pre_trace: Any,
    post_spike: Any,
    w_min: Any = None,
    w_max: Any = None,
    *,
    shape: Shape,
    clip: str = "all",
    backend: str | None = None,
) -> Any:
    """Weights of fixed fan-in, (post, k) with ``indices`` of presynaptic neurons, after postsynaptic spikes.

    See :func:`update_csr_on_binary_pre`.
    """
    matrix = FixedPreNumConn((weight, indices), shape=shape)
    return matrix.update_on_post(pre_trace, post_spike, w_min, w_max, clip=clip, backend=backend).data
