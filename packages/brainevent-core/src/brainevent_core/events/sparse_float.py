"""Graded events: nonzero entries keep their value."""

from brainevent_core.encodings import SPARSE_FLOAT
from brainevent_core.events.plain import PlainEvents
from brainevent_core.ops import EventSpec

__all__ = ["MaskedFloat", "SparseFloat", "WeightedArray"]


class SparseFloat(PlainEvents):
    """Graded events, numbers most of which are zero: a nonzero entry (NaN included) is an event that keeps its value.

    Products are those of the plain array, with its dtype (the promoted one of both sides) and its unit (the product of
    both), except that zeros select nothing: weights of silent neurons are not read, so Inf and NaN among them never
    show, and the cost scales with the number of events as for :class:`BinaryArray`. Also known as ``MaskedFloat``,
    and as ``WeightedArray`` in the published release 0.3.0. Counts of spikes, integers, are numbers as well.

    Args:
        value: array of rank 1 or 2 (in products) of floats, integers or bool; a quantity; another event array.

    Gradients are those of the product with the plain array, with respect to every entry of ``value``, zero or not.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> graded = brainevent.SparseFloat(jnp.array([0.5, 0.0, -2.0]))
        >>> graded @ jnp.array([[1.0, 2.0], [jnp.inf, jnp.nan], [3.0, 4.0]])
        Array([-5.5, -7. ], dtype=float32)
    """

    __slots__ = ()

    @property
    def __event_spec__(self) -> EventSpec:
        return EventSpec(SPARSE_FLOAT, self._array)


MaskedFloat = WeightedArray = SparseFloat
