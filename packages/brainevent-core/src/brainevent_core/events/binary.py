"""Binary events: nonzero entries count as one."""

from brainevent_core import units
from brainevent_core._typing import OperandLike
from brainevent_core.encodings import BINARY
from brainevent_core.events.plain import PlainEvents
from brainevent_core.ops import EventSpec
from brainevent_core.ops.matmul import warn_of_unit

__all__ = ["BinaryArray", "EventArray"]


class BinaryArray(PlainEvents):
    """Spikes: every entry that is nonzero (including NaN) or True is an event, and counts as exactly 1.

    ``value`` has one entry per neuron and is not a list of indices: ``BinaryArray([3, 17])`` has two neurons, which
    both spike. (``jnp.zeros(n, bool).at[indices].set(True)`` converts indices to a mask.) Membrane potentials must be
    compared with the threshold first, ``BinaryArray(v > threshold)``, because nearly all of them are nonzero.

    Products add up the rows (or columns) of the weights that have an event. The result has the dtype and unit of the
    weights. Weights of silent neurons are not read, so their Inf and NaN have no effect.

    Args:
        value: array of rank 1 or 2 (in products) of bool, integers or floats, or another event array. A quantity with a
            unit is accepted with a warning, and its unit is dropped.

    Gradients with respect to float spikes are straight-through, that is, equal to those of the product with the values.
    Bool and integer spikes have no gradient.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> spikes = brainevent.BinaryArray(jnp.array([1, 0, 1, 0, 1]))
        >>> spikes @ jnp.arange(5.0)
        Array(6., dtype=float32)
    """

    __slots__ = ()

    def __init__(self, value: OperandLike) -> None:
        super().__init__(value)
        warn_of_unit(type(self).__name__, self._array)

    @property
    def __event_spec__(self) -> EventSpec:
        # An event counts as 1, so its unit is dropped.
        return EventSpec(BINARY, units.detach(self._array)[0])


EventArray = BinaryArray
