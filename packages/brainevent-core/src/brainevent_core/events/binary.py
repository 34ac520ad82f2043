"""Binary events: nonzero entries count as one."""

from brainevent_core import units
from brainevent_core._typing import OperandLike
from brainevent_core.encodings import BINARY
from brainevent_core.events.plain import PlainEvents
from brainevent_core.ops import EventSpec
from brainevent_core.ops.matmul import warn_of_unit

__all__ = ["BinaryArray", "EventArray"]


class BinaryArray(PlainEvents):
    """Spikes: an entry that is nonzero (NaN included) or True is an event, and counts as exactly 1.

    ``value`` has one entry per neuron. It is not a list of indices: ``BinaryArray([3, 17])`` is two neurons that both
    spike. (``jnp.zeros(n, bool).at[indices].set(True)`` makes a mask of indices.) Nor does it take membrane potentials,
    nearly all of which are nonzero: compare them first, ``BinaryArray(v > threshold)``.

    Products select the rows (or columns) of the weights that have an event and add them up. The result has the dtype
    and unit of the weights; weights of silent neurons are not touched, Inf and NaN among them included.

    Args:
        value: array of rank 1 or 2 (in products) of bool, integers or floats; another event array. A quantity with a
            unit is taken with a warning, and its unit left out.

    Gradients with respect to float spikes are straight-through: those of the product with the values. Bool and
    integer spikes have none.

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
        # A unit does not make an event larger.
        return EventSpec(BINARY, units.detach(self._array)[0])


EventArray = BinaryArray
