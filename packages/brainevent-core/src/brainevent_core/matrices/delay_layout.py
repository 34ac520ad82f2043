"""A CSR matrix with delays for rings of a known length, as in release 0.3.0 of the published package."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._typing import Array, ArrayLike, OperandLike, Quantity, QuantityLike, Shape
from brainevent_core.errors import DTypeError, MathError
from brainevent_core.events import BinaryArray, EventRepresentation, SparseFloat
from brainevent_core.formats import row_bounds
from brainevent_core.matrices.arguments import as_data
from brainevent_core.matrices.csr import CSR
from brainevent_core.matrices.delays import require_slots
from brainevent_core.ops import deliver
from brainevent_core.serialization import serializable

__all__ = ["CSRDelayLayout", "as_delivered", "deliver_to_ring"]


def as_delivered(events: OperandLike, weighted: bool | None) -> EventRepresentation:
    """Events in the form for delivery: graded if ``weighted``, by default if they are a ``SparseFloat``."""
    if weighted is None:
        weighted = isinstance(events, SparseFloat)
    if isinstance(events, SparseFloat if weighted else EventRepresentation) and weighted == isinstance(
        events, SparseFloat
    ):
        return events
    value = events.value if isinstance(events, EventRepresentation) else events
    return SparseFloat(value) if weighted else BinaryArray(value)


def deliver_to_ring(
    matrix: CSR,
    ring: QuantityLike,
    events: OperandLike,
    t: Any,
    *,
    weighted: bool | None = None,
    backend: str | None = None,
) -> Array | Quantity:
    """The ring after events were delivered through a matrix with delays; for arguments see ``csr_delay_deliver``."""
    assert matrix.delay is not None
    shape = np.shape(units.detach(ring)[0])
    if len(shape) == 2:
        require_slots(matrix.delay, shape[0])
    return deliver(ring, t, as_delivered(events, weighted), matrix.__matrix_spec__, backend=backend)


class CSRDelayLayout:
    """A CSR matrix with a delay per entry, prepared for rings with a given number of slots.

    The entries of a row are sorted by delay; entries with equal delays keep their order. The class is for programs that
    were written for release 0.3.0; :class:`CSR` with ``delay=`` and :class:`DelayRing` do the same, for every format.
    It is a pytree, in which ``shape`` and ``n_slots`` are static. Create it with :meth:`build` or
    :meth:`CSR.delay_layout`.

    Attributes:
        data: weights in the order of the layout, (nse,), or (1,), one for all.
        indices: postsynaptic neuron of every entry, (nse,).
        indptr: the position of each row's first entry, (n_pre + 1,).
        delays: in steps, (nse,).
        perm: the original position of each entry, (nse,).
        shape: (n_pre, n_post).
        n_slots: the number of slots of the rings.
    """

    data: Array | Quantity
    indices: Array
    indptr: Array
    delays: Array
    perm: Array
    shape: Shape
    n_slots: int

    def __init__(self, *arguments: object, **options: object) -> None:
        raise MathError("A CSRDelayLayout is made by CSRDelayLayout.build(...) or by CSR(...).delay_layout(...).")

    @classmethod
    def build(
        cls,
        data: QuantityLike,
        indices: ArrayLike,
        indptr: ArrayLike,
        delays: ArrayLike,
        *,
        n_slots: int,
        shape: Sequence[int],
    ) -> Self:
        """Create a layout; entries are sorted on the host.

        Args:
            data: weights, (nse,), or one for all; can be traced.
            indices, indptr: of the CSR matrix, concrete.
            delays: whole steps from 1 to ``n_slots - 1``, (nse,), or one for all; concrete.
            n_slots: the number of slots of the rings, at least 2.
            shape: (n_pre, n_post).

        Raises:
            DTypeError: if indices or delays are traced, or not integers.
            StructureError: if a delay is too long for the ring, or the structure is not valid.
            MathError: if lengths don't fit.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> layout = brainevent.CSRDelayLayout.build(
            ...     jnp.array([1.0, 2.0, 3.0]), [0, 2, 1], [0, 2, 3], [2, 1, 1], n_slots=3, shape=(2, 3)
            ... )
            >>> layout.indices, layout.original_data()
            (Array([2, 0, 1], dtype=int32), Array([1., 2., 3.], dtype=float32))
        """
        given = {"indices": indices, "indptr": indptr, "delays": delays}
        for name, array in given.items():
            if isinstance(array, jax.core.Tracer):
                raise DTypeError(f"A layout is sorted on the host: {name} must be concrete, got a traced array.")
        if n_slots < 2:
            raise MathError(f"A ring has at least two slots, got n_slots={n_slots}.")
        matrix = CSR(data, indices, indptr, shape=shape, delay=delays)
        delay = matrix.delay
        assert delay is not None
        require_slots(delay, n_slots)
        with jax.ensure_compile_time_eval():
            bounds = np.asarray(row_bounds(matrix.indptr, matrix.nse))
        row = np.repeat(np.arange(matrix.shape[0]), np.diff(bounds))
        steps = np.asarray(delay).reshape(-1)
        if delay.ndim == 2:
            steps = steps[row]
        steps = np.broadcast_to(steps, (matrix.nse,)).astype(np.int32)
        order = np.lexsort((steps, row))
        layout = cls._of(matrix.data, matrix.indices[order], matrix.indptr, steps[order], order, matrix.shape, n_slots)
        return layout.with_data(matrix.data)

    @classmethod
    def _of(cls, data: Any, indices: Any, indptr: Any, delays: Any, perm: Any, shape: Shape, n_slots: int) -> Self:
        arrays = (jnp.asarray(array) for array in (indices, indptr, delays, np.asarray(perm, np.int32)))
        return cls.tree_unflatten((shape, n_slots), (data, *arrays))

    @property
    def nse(self) -> int:
        """Number of entries."""
        return int(self.indices.shape[0])

    def with_data(self, data: QuantityLike) -> Self:
        """The same layout with other weights, given in the original order of entries, or one for all."""
        weights = as_data(data)
        if weights.size == 1 and self.nse != 1:
            weights = weights.reshape(1)
        elif tuple(weights.shape) != (self.nse,):
            raise MathError(
                f"with_data takes one weight for all, or one per entry of shape ({self.nse},), got "
                f"{tuple(weights.shape)}."
            )
        else:
            weights = weights[self.perm]
        return self.tree_unflatten((self.shape, self.n_slots), (weights, *self.tree_flatten()[0][1:]))

    def original_data(self) -> Array | Quantity:
        """The weights in the original order of entries; a homogeneous weight is returned unchanged."""
        if self.data.size == 1:
            return self.data
        mantissa, unit = units.detach(self.data)
        return units.attach(jnp.zeros_like(mantissa).at[self.perm].set(mantissa, unique_indices=True), unit)

    def deliver(
        self,
        ring: QuantityLike,
        events: OperandLike,
        t: ArrayLike,
        *,
        weighted: bool | None = None,
        backend: str | None = None,
    ) -> Array | Quantity:
        """Deliver events to a ring buffer; see :func:`csr_delay_deliver`.

        Raises:
            MathError: if the ring has another number of slots.
        """
        shape = tuple(np.shape(units.detach(ring)[0]))
        if shape != (self.n_slots, self.shape[1]):
            raise MathError(f"This layout is for rings of shape {(self.n_slots, self.shape[1])}, got {shape}.")
        parts = (self.data, self.indices, self.indptr)
        matrix = CSR(parts, shape=self.shape, delay=self.delays, check=False)
        return deliver_to_ring(matrix, ring, events, t, weighted=weighted, backend=backend)

    def tree_flatten(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return (self.data, self.indices, self.indptr, self.delays, self.perm), (self.shape, self.n_slots)

    @classmethod
    def tree_unflatten(cls, aux: tuple[Any, ...], children: Iterable[Any]) -> Self:
        layout = object.__new__(cls)
        names = ("data", "indices", "indptr", "delays", "perm")
        for name, value in zip((*names, "shape", "n_slots"), (*children, *aux), strict=True):
            object.__setattr__(layout, name, value)
        return layout

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("A layout is immutable; with_data(new) gives one with other weights.")


jax.tree_util.register_pytree_node(CSRDelayLayout, CSRDelayLayout.tree_flatten, CSRDelayLayout.tree_unflatten)
serializable(CSRDelayLayout)
