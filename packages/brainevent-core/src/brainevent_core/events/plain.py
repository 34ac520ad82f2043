"""Events that store the given array unchanged."""

from __future__ import annotations

from typing import Self

from brainevent_core._typing import Array, OperandLike, Quantity
from brainevent_core.events.base import EventRepresentation, as_plain

__all__ = ["PlainEvents"]


class PlainEvents(EventRepresentation):
    """Base class of events that store the given array, or quantity, unchanged."""

    __slots__ = ()

    def __init__(self, value: OperandLike) -> None:
        self._set(as_plain(value), None)

    @property
    def value(self) -> Array | Quantity:
        """The wrapped array, or quantity."""
        return self._array

    def with_value(self, value: OperandLike) -> Self:
        """Events of the same kind over another array."""
        return type(self)(value)
