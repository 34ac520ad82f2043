"""Graded events: nonzero entries keep their value."""

from brainevent_core.encodings import SPARSE_FLOAT
from brainevent_core.events.plain import PlainEvents
from brainevent_core.ops import EventSpec

__all__ = ["MaskedFloat", "SparseFloat", "WeightedArray"]


class SparseFloat(PlainEvents):
    """Graded events: numbers that are mostly zero. A nonzero entry (including NaN) is an event that keeps its value.

    Products are those of the plain array, with its dtype (promoted from both sides) and its unit (the product of both
    units), except that zeros are skipped. Weights of silent neurons are not read, so their Inf and NaN have no effect,
    and the cost scales with the number of events as for :class:`BinaryArray`. Integer values, such as spike counts, are
    accepted as well. The class is also known as ``MaskedFloat``, and as ``WeightedArray`` in release 0.3.0.

    Args:
        value: array of rank 1 or 2 (in products) of floats, integers or bool; a quantity; another event array.

    Gradients are those of the product with the plain array, with respect to every entry of ``value``, including zeros.

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
