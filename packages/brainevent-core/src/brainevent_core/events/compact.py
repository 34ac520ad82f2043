"""Events as a list: their number and their indices."""

from __future__ import annotations

import operator
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core._typing import Array, OperandLike
from brainevent_core.encodings import COMPACT, is_event
from brainevent_core.errors import MathError
from brainevent_core.events.encoded import EncodedEvents, as_encodable, encode

__all__ = ["CompactBinary"]


class CompactBinary(EncodedEvents):
    """Spikes as a list: the number of events, and their indices.

    Products give exactly the same results as ``BinaryArray(value)``. If the listed axis is the one that is summed,
    kernels read only the list; along another axis the events are decoded first. This class is useful if several
    matrices are multiplied by the same spikes.

    Args:
        value: array of bool, integers or floats, of rank 1 or 2 in products, in which entries that are nonzero
            (including NaN) or True are events; or other events. A quantity with a unit is accepted with a warning, and
            its unit is dropped.
        capacity: the maximal number of events for each vector along the axis; by default the length of the axis. Events
            are never dropped: a smaller capacity is checked, so ``value`` must be concrete then.
        axis: the axis to list. Use the last axis for ``spikes @ W``, and 0 for a batch in columns, ``W @ spikes``.

    There is no gradient with respect to ``value``.

    Raises:
        DTypeError: if the entries are complex.
        MathError: if there is no such axis, if there are more events along it than ``capacity``, or if ``value`` is
            traced and ``capacity`` is less than its length.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> spikes = brainevent.CompactBinary(jnp.array([1, 0, 1, 0, 1]))
        >>> int(spikes.count), spikes.indices
        (3, Array([0, 2, 4, 5, 5], dtype=int32))
        >>> spikes @ jnp.arange(5.0)
        Array(6., dtype=float32)
    """

    __slots__ = ()
    _encoding = COMPACT

    def __init__(self, value: OperandLike, capacity: int | None = None, *, axis: int = -1) -> None:
        array, axis = as_encodable(value, axis, type(self).__name__)
        length = array.shape[axis]
        capacity = length if capacity is None else operator.index(capacity)
        if capacity < length or length > np.iinfo(np.int32).max:
            _check_capacity(array, axis, capacity)
        self._set(encode(self._encoding, axis, 1 + capacity, array), (axis, length))

    @property
    def count(self) -> Array:
        """The number of events along the listed axis, int32, with the shape of the events without that axis."""
        return jnp.take(self._array, 0, axis=self.axis)

    @property
    def indices(self) -> Array:
        """Indices of the events in increasing order, int32; the listed axis has ``capacity`` entries.

        Unused entries hold the length of the listed axis, which is not a valid index.
        """
        return jax.lax.slice_in_dim(self._array, 1, None, axis=self.axis)

    @property
    def capacity(self) -> int:
        """The maximal number of events along the listed axis."""
        return int(self._array.shape[self.axis]) - 1

    def _entries(self, positions: np.ndarray) -> np.ndarray:
        # In NumPy, so that printing events compiles nothing.
        length = self.shape[self.axis]
        indices = np.moveaxis(np.asarray(self._array), self.axis, -1)[..., 1:]
        mask = np.zeros((*indices.shape[:-1], length + 1), bool)
        np.put_along_axis(mask, np.minimum(indices, length), True, axis=-1)
        return np.moveaxis(mask[..., :length], -1, self.axis).reshape(-1)[positions]

    def with_value(self, value: OperandLike) -> Self:
        """Another array, listed along the same axis, with the same capacity or that of its own length."""
        own = self.shape[self.axis]
        return type(self)(value, None if self.capacity == own else self.capacity, axis=self.axis)


def _check_capacity(array: Any, axis: int, capacity: int) -> None:
    length = array.shape[axis]
    if length > np.iinfo(np.int32).max:
        raise MathError(f"CompactBinary has 32-bit indices; an axis of {length} entries is too long. Use BinaryArray.")
    if isinstance(array, jax.core.Tracer):
        raise MathError(
            f"The number of events is not known inside jit, so capacity={capacity} could lose some of {length}: leave "
            "it out (products read only as many indices as there are events), or list concrete spikes."
        )
    most = int(np.count_nonzero(is_event(np.asarray(array)), axis=axis).max(initial=0))
    if most > capacity:
        raise MathError(
            f"There are {most} events along axis {axis}, more than capacity={capacity}; raise it to {most}, or leave "
            f"it out for {length}, which always suffices."
        )
