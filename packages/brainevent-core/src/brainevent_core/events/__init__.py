"""Spikes as operands: classes that define which entries of an array are events, and their values."""

from brainevent_core.events.base import EventRepresentation
from brainevent_core.events.binary import BinaryArray, EventArray
from brainevent_core.events.bitpacked import BitPackedBinary, bitpack
from brainevent_core.events.compact import CompactBinary
from brainevent_core.events.sparse_float import MaskedFloat, SparseFloat, WeightedArray

__all__ = [
    "BinaryArray",
    "BitPackedBinary",
    "CompactBinary",
    "EventArray",
    "EventRepresentation",
    "MaskedFloat",
    "SparseFloat",
    "WeightedArray",
    "bitpack",
]
