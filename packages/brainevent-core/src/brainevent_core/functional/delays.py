"""Delivery of events through a CSR matrix with delays, on bare arrays."""

from __future__ import annotations

from collections.abc import Sequence

from brainevent_core._typing import Array, ArrayLike, OperandLike, Quantity, QuantityLike
from brainevent_core.matrices import CSR, CSRDelayLayout
from brainevent_core.matrices.delay_layout import deliver_to_ring

__all__ = ["csr_delay_deliver", "csr_delay_deliver_layout"]


def csr_delay_deliver(
    ring: QuantityLike,
    events: OperandLike,
    data: QuantityLike,
    indices: ArrayLike,
    indptr: ArrayLike,
    delays: ArrayLike,
    t: ArrayLike,
    *,
    shape: Sequence[int],
    weighted: bool | None = None,
    backend: str | None = None,
) -> Array | Quantity:
    """Deliver events with delays to a ring buffer: ``ring[(t + delay) % slots, post] += weight``.

    :class:`DelayRing` does the same for matrices of every format, and counts the steps.

    Args:
        ring: (slots, n_post), an array or a quantity of floating-point numbers; slot ``t % slots`` is read at step t.
        events: (n_pre,); any events, or an array in which nonzero entries are events.
        data, indices, indptr: the matrix, see :class:`~brainevent.CSR`. Weights are converted to the dtype of the ring.
        delays: whole steps from 1 to ``slots - 1``: one for each entry, (nse,), or one for all.
        t: the current step, an integer of any size, which can be traced.
        shape: (n_pre, n_post).
        weighted: whether events keep their value instead of counting as 1. None: only for :class:`SparseFloat`.
        backend: name of the backend that must run it.

    Returns:
        A ring of the same shape, dtype and unit. It is linear in ring and weights, and differentiable with respect to
        events: exactly if they are weighted, otherwise straight-through.

    Raises:
        StructureError: a ValueError, if a concrete delay is too long for the ring; events with such a traced delay
            never arrive. The same for indices and pointers that are out of range.
        DTypeError: a TypeError, if ``t`` or ``delays`` are not integers.
        MathError: a ValueError, if lengths do not fit.
        UnitMismatchError: if the units of ring and weights (times weighted events) are incompatible.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> indices, indptr, delays = jnp.array([0, 2, 1]), jnp.array([0, 2, 3]), jnp.array([1, 2, 1])
        >>> ring, spikes = jnp.zeros((3, 3)), jnp.array([True, False])
        >>> brainevent.csr_delay_deliver(ring, spikes, 0.5, indices, indptr, delays, 0, shape=(2, 3))
        Array([[0. , 0. , 0. ],
               [0.5, 0. , 0. ],
               [0. , 0. , 0.5]], dtype=float32)
    """
    matrix = CSR(data, indices, indptr, shape=shape, delay=delays)
    return deliver_to_ring(matrix, ring, events, t, weighted=weighted, backend=backend)


def csr_delay_deliver_layout(
    ring: QuantityLike,
    events: OperandLike,
    layout: CSRDelayLayout,
    t: ArrayLike,
    *,
    weighted: bool | None = None,
    backend: str | None = None,
) -> Array | Quantity:
    """Like :func:`csr_delay_deliver`, with a matrix that was prepared for the ring.

    Args:
        layout: created by :meth:`CSRDelayLayout.build`.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> layout = brainevent.CSRDelayLayout.build(0.5, [0, 2, 1], [0, 2, 3], [1, 2, 1], n_slots=3, shape=(2, 3))
        >>> brainevent.csr_delay_deliver_layout(jnp.zeros((3, 3)), jnp.array([False, True]), layout, 1)[2]
        Array([0. , 0.5, 0. ], dtype=float32)
    """
    return layout.deliver(ring, events, t, weighted=weighted, backend=backend)
