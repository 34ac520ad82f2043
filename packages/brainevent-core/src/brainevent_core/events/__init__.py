"""Spikes as operands: which entries of an array are events, and what each counts as."""

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
