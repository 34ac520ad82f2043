"""Spikes as operands: which entries of an array are events."""

from brainevent_core.events.base import EventRepresentation
from brainevent_core.events.binary import BinaryArray, EventArray

__all__ = ["BinaryArray", "EventArray", "EventRepresentation"]
