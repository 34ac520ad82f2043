"""Plasticity on bare arrays: one function for each format and each side that spikes.

All of them take one weight per entry and return the new weights, with the same shape, dtype and unit. They compute the
same as the methods :meth:`~brainevent_core.matrices.Matrix.update_on_pre` and ``update_on_post`` of matrices.
Arguments, units and errors are explained once, at :func:`update_csr_on_binary_pre`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brainevent_core import units
from brainevent_core._typing import Array, ArrayLike, Clip, OperandLike, Quantity, QuantityLike
from brainevent_core.errors import MathError
from brainevent_core.formats import CSR_FORMAT, WEIGHT_INDICES
from brainevent_core.matrices import COO, CSC, CSR, Dense, FixedPostNumConn, FixedPreNumConn
from brainevent_core.matrices.arguments import as_data, as_index_array, as_integers, as_shape, check_values
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


def update_csr_on_binary_pre(
    weight: QuantityLike,
    indices: ArrayLike,
    indptr: ArrayLike,
    pre_spike: OperandLike,
    post_trace: QuantityLike,
    w_min: QuantityLike | None = None,
    w_max: QuantityLike | None = None,
    *,
    shape: Sequence[int],
    clip: Clip = "all",
    backend: str | None = None,
) -> Array | Quantity:
    """CSR weights after presynaptic spikes: a spike of row i adds ``post_trace[j]`` to its entries (i, j).

    Args:
        weight: (nse,), float16, bfloat16, float32 or float64, or a quantity.
        indices: column of every entry, (nse,), any integer dtype.
        indptr: the position of each row's first entry, (rows + 1,), any integer dtype.
        pre_spike: (rows,); an event array, or a plain array in which nonzero entries are events.
        post_trace: (columns,), or one number for all neurons; in a unit that is compatible with the weights.
        w_min: lower bound, a number in a compatible unit, or None.
        w_max: upper bound.
        shape: (rows, columns), that is (pre, post).
        clip: "all" clips every weight, "updated" only those that a spike has changed.
        backend: name of the backend that must run it.

    Returns:
        The new weights, in the shape, dtype and unit of ``weight``.

    Raises:
        MathError: if lengths don't fit, or the weights are homogeneous.
        StructureError: if indices or pointers are concrete and out of range.
        DTypeError: if index arrays do not hold integers.
        UnitMismatchError: if units are incompatible.
        KernelNotAvailableError: if ``backend`` has no kernel for it.

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
    weight: QuantityLike,
    indices: ArrayLike,
    indptr: ArrayLike,
    weight_indices: ArrayLike,
    pre_trace: QuantityLike,
    post_spike: OperandLike,
    w_min: QuantityLike | None = None,
    w_max: QuantityLike | None = None,
    *,
    shape: Sequence[int],
    clip: Clip = "all",
    backend: str | None = None,
) -> Array | Quantity:
    """CSR weights after postsynaptic spikes: a spike of column j adds ``pre_trace[i]`` to its entries (i, j).

    Args:
        weight: (nse,), in the order of CSR, like the result.
        indices: row of every entry in column order, (nse,), that is, the indices of CSC.
        indptr: the position of each column's first entry in that order, (columns + 1,).
        weight_indices: the position in ``weight`` of every entry in that order, (nse,). An entry whose position is
            outside is left out; where several have one position, their traces add up.
        pre_trace: (rows,), or one number for all neurons.
        post_spike: (columns,).
        w_min: as for :func:`update_csr_on_binary_pre`, as are the other arguments.

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
    weight: QuantityLike,
    indices: ArrayLike,
    indptr: ArrayLike,
    pre_spike: OperandLike,
    post_trace: QuantityLike,
    w_min: QuantityLike | None = None,
    w_max: QuantityLike | None = None,
    *,
    shape: Sequence[int],
    clip: Clip = "all",
    backend: str | None = None,
) -> Array | Quantity:
    """CSC weights (``indices`` are rows, ``indptr`` is for columns) after presynaptic spikes.

    Otherwise like :func:`update_csr_on_binary_pre`.

    Args:
        indices: row of every entry, (nse,).
        indptr: the position of each column's first entry, (columns + 1,).
        pre_spike: (rows,).
        post_trace: (columns,), or one number for all neurons.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weight, rows, indptr = jnp.array([1.0, 2.0, 3.0]), jnp.array([1, 0, 1]), jnp.array([0, 1, 3])
        >>> spike, trace = jnp.array([False, True]), jnp.array([0.5, 0.25])
        >>> brainevent.update_csc_on_binary_pre(weight, rows, indptr, spike, trace, shape=(2, 2))
        Array([1.5 , 2.  , 3.25], dtype=float32)
    """
    matrix = CSC((weight, indices, indptr), shape=shape)
    return matrix.update_on_pre(pre_spike, post_trace, w_min, w_max, clip=clip, backend=backend).data


def update_csc_on_binary_post(
    weight: QuantityLike,
    indices: ArrayLike,
    indptr: ArrayLike,
    pre_trace: QuantityLike,
    post_spike: OperandLike,
    w_min: QuantityLike | None = None,
    w_max: QuantityLike | None = None,
    *,
    shape: Sequence[int],
    clip: Clip = "all",
    backend: str | None = None,
) -> Array | Quantity:
    """CSC weights (``indices`` are rows, ``indptr`` is for columns) after postsynaptic spikes.

    Otherwise like :func:`update_csr_on_binary_pre`.

    Args:
        indices: row of every entry, (nse,).
        indptr: the position of each column's first entry, (columns + 1,).
        pre_trace: (rows,), or one number for all neurons.
        post_spike: (columns,).

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weight, rows, indptr = jnp.array([1.0, 2.0, 3.0]), jnp.array([1, 0, 1]), jnp.array([0, 1, 3])
        >>> trace, spike = jnp.array([0.5, 0.25]), jnp.array([False, True])
        >>> brainevent.update_csc_on_binary_post(weight, rows, indptr, trace, spike, shape=(2, 2))
        Array([1.  , 2.5 , 3.25], dtype=float32)
    """
    matrix = CSC((weight, indices, indptr), shape=shape)
    return matrix.update_on_post(pre_trace, post_spike, w_min, w_max, clip=clip, backend=backend).data


def update_coo_on_binary_pre(
    weight: QuantityLike,
    pre_ids: ArrayLike,
    post_ids: ArrayLike,
    pre_spike: OperandLike,
    post_trace: QuantityLike,
    w_min: QuantityLike | None = None,
    w_max: QuantityLike | None = None,
    *,
    shape: Sequence[int] | None = None,
    clip: Clip = "all",
    backend: str | None = None,
) -> Array | Quantity:
    """COO weights after presynaptic spikes.

    The cost scales with the number of spikes if ``pre_ids`` is sorted, otherwise with the number of entries.
    Otherwise like :func:`update_csr_on_binary_pre`.

    Args:
        pre_ids: row of every entry, (nse,).
        post_ids: column of every entry, (nse,).
        pre_spike: (rows,).
        post_trace: (columns,), or one number for all neurons.
        shape: (rows, columns); without it that of the spikes and the trace, both vectors.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weight, pre, post = jnp.array([1.0, 2.0, 3.0]), jnp.array([0, 1, 1]), jnp.array([1, 0, 1])
        >>> spike, trace = jnp.array([False, True]), jnp.array([0.5, 0.25])
        >>> brainevent.update_coo_on_binary_pre(weight, pre, post, spike, trace)
        Array([1.  , 2.5 , 3.25], dtype=float32)
    """
    matrix = COO((weight, pre_ids, post_ids), shape=_lengths(pre_spike, post_trace) if shape is None else shape)
    return matrix.update_on_pre(pre_spike, post_trace, w_min, w_max, clip=clip, backend=backend).data


def update_coo_on_binary_post(
    weight: QuantityLike,
    pre_ids: ArrayLike,
    post_ids: ArrayLike,
    pre_trace: QuantityLike,
    post_spike: OperandLike,
    w_min: QuantityLike | None = None,
    w_max: QuantityLike | None = None,
    *,
    shape: Sequence[int] | None = None,
    clip: Clip = "all",
    backend: str | None = None,
) -> Array | Quantity:
    """COO weights after postsynaptic spikes.

    The cost scales with the number of spikes if ``post_ids`` is sorted, otherwise with the number of entries.
    Otherwise like :func:`update_csr_on_binary_pre`.

    Args:
        pre_ids: row of every entry, (nse,).
        post_ids: column of every entry, (nse,).
        pre_trace: (rows,), or one number for all neurons.
        post_spike: (columns,).
        shape: (rows, columns); without it that of the trace and the spikes, both vectors.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weight, pre, post = jnp.array([1.0, 2.0, 3.0]), jnp.array([0, 1, 1]), jnp.array([1, 0, 1])
        >>> trace, spike = jnp.array([0.5, 0.25]), jnp.array([False, True])
        >>> brainevent.update_coo_on_binary_post(weight, pre, post, trace, spike)
        Array([1.5 , 2.  , 3.25], dtype=float32)
    """
    matrix = COO((weight, pre_ids, post_ids), shape=_lengths(pre_trace, post_spike) if shape is None else shape)
    return matrix.update_on_post(pre_trace, post_spike, w_min, w_max, clip=clip, backend=backend).data


def _lengths(pre: OperandLike, post: OperandLike) -> tuple[int, int]:
    """The shape of a matrix, from the lengths of the spikes or traces of both sides."""
    sides = [np.asarray(side) if isinstance(side, (list, tuple)) else side for side in (pre, post)]
    shapes = [tuple(getattr(side, "shape", ())) for side in sides]
    if any(len(one) != 1 for one in shapes):
        raise MathError(
            "The shape of the matrix is that of vectors of spikes and of a trace, got shapes "
            f"{shapes[0]} and {shapes[1]}; give it as shape=(pre, post)."
        )
    return (shapes[0][0], shapes[1][0])


def update_dense_on_binary_pre(
    weight: QuantityLike,
    pre_spike: OperandLike,
    post_trace: QuantityLike,
    w_min: QuantityLike | None = None,
    w_max: QuantityLike | None = None,
    *,
    clip: Clip = "all",
    backend: str | None = None,
) -> Array | Quantity:
    """Weights of a dense matrix, (pre, post), after presynaptic spikes.

    Otherwise like :func:`update_csr_on_binary_pre`.

    Args:
        weight: (pre, post).
        pre_spike: (pre,).
        post_trace: (post,), or one number for all neurons.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weight = jnp.array([[0.0, 1.0], [2.0, 3.0]])
        >>> spike, trace = jnp.array([False, True]), jnp.array([0.5, 0.25])
        >>> brainevent.update_dense_on_binary_pre(weight, spike, trace)
        Array([[0.  , 1.  ],
               [2.5 , 3.25]], dtype=float32)
    """
    matrix = Dense(weight)
    return matrix.update_on_pre(pre_spike, post_trace, w_min, w_max, clip=clip, backend=backend).data


def update_dense_on_binary_post(
    weight: QuantityLike,
    pre_trace: QuantityLike,
    post_spike: OperandLike,
    w_min: QuantityLike | None = None,
    w_max: QuantityLike | None = None,
    *,
    clip: Clip = "all",
    backend: str | None = None,
) -> Array | Quantity:
    """Weights of a dense matrix, (pre, post), after postsynaptic spikes.

    Otherwise like :func:`update_csr_on_binary_pre`.

    Args:
        weight: (pre, post).
        pre_trace: (pre,), or one number for all neurons.
        post_spike: (post,).

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weight = jnp.array([[0.0, 1.0], [2.0, 3.0]])
        >>> trace, spike = jnp.array([0.5, 0.25]), jnp.array([False, True])
        >>> brainevent.update_dense_on_binary_post(weight, trace, spike)
        Array([[0.  , 1.5 ],
               [2.  , 3.25]], dtype=float32)
    """
    matrix = Dense(weight)
    return matrix.update_on_post(pre_trace, post_spike, w_min, w_max, clip=clip, backend=backend).data


def update_fixed_post_conn_on_binary_pre(
    weight: QuantityLike,
    indices: ArrayLike,
    pre_spike: OperandLike,
    post_trace: QuantityLike,
    w_min: QuantityLike | None = None,
    w_max: QuantityLike | None = None,
    *,
    shape: Sequence[int],
    clip: Clip = "all",
    backend: str | None = None,
) -> Array | Quantity:
    """Weights of fixed fan-out, (pre, k) with ``indices`` of postsynaptic neurons, after presynaptic spikes.

    Otherwise like :func:`update_csr_on_binary_pre`.

    Args:
        weight: (pre, connections per neuron).
        indices: the postsynaptic neuron of every connection, (pre, connections per neuron).
        pre_spike: (pre,).
        post_trace: (post,), or one number for all neurons.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weight, indices = jnp.array([[1.0], [2.0]]), jnp.array([[1], [2]])
        >>> spike, trace = jnp.array([False, True]), jnp.array([0.5, 0.25, 0.125])
        >>> brainevent.update_fixed_post_conn_on_binary_pre(weight, indices, spike, trace, shape=(2, 3))
        Array([[1.   ],
               [2.125]], dtype=float32)
    """
    matrix = FixedPostNumConn((weight, indices), shape=shape)
    return matrix.update_on_pre(pre_spike, post_trace, w_min, w_max, clip=clip, backend=backend).data


def update_fixed_pre_conn_on_binary_post(
    weight: QuantityLike,
    indices: ArrayLike,
    pre_trace: QuantityLike,
    post_spike: OperandLike,
    w_min: QuantityLike | None = None,
    w_max: QuantityLike | None = None,
    *,
    shape: Sequence[int],
    clip: Clip = "all",
    backend: str | None = None,
) -> Array | Quantity:
    """Weights of fixed fan-in, (post, k) with ``indices`` of presynaptic neurons, after postsynaptic spikes.

    Otherwise like :func:`update_csr_on_binary_pre`.

    Args:
        weight: (post, connections per neuron).
        indices: the presynaptic neuron of every connection, (post, connections per neuron).
        pre_trace: (pre,), or one number for all neurons.
        post_spike: (post,).

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weight, indices = jnp.array([[1.0], [2.0]]), jnp.array([[1], [2]])
        >>> trace, spike = jnp.array([0.5, 0.25, 0.125]), jnp.array([False, True])
        >>> brainevent.update_fixed_pre_conn_on_binary_post(weight, indices, trace, spike, shape=(3, 2))
        Array([[1.   ],
               [2.125]], dtype=float32)
    """
    matrix = FixedPreNumConn((weight, indices), shape=shape)
    return matrix.update_on_post(pre_trace, post_spike, w_min, w_max, clip=clip, backend=backend).data
