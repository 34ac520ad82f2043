"""How one stored entry is read, and what it contributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bridge.memory import bfloat16_value, float16_value, select_or_zero
from ...bridge.simd import bfloat16_lanes, float16_lanes, gather, gather_byte, load, splat, where
from ...bridge.specialise import specialised
from ..kernel_spec import KernelSpec

U, W = np.uint64, np.uint32


# How the bits of half-precision weights become float32: of one weight, of a vector of them.
_FROM_BITS = {"float16": (float16_value, float16_lanes), "bfloat16": (bfloat16_value, bfloat16_lanes)}


def weight_reader(call: KernelSpec) -> Any:
    """`weight(data, entry)`: the weight of an entry, in the dtype in which sums are accumulated."""
    native = specialised(*call.words)
    if call.homogeneous:

        @native
        def weight(data, entry):
            return data[U(0)]

    elif call.weights in _FROM_BITS:
        from_bits, _ = _FROM_BITS[call.weights]

        @native
        def weight(data, entry):
            return from_bits(data[entry])

    else:

        @native
        def weight(data, entry):
            return data[entry]

    return weight


def lanes_reader(call: KernelSpec) -> Any:
    """`weights(data, entry, mask)`: the weights of `lanes.LANES` entries from `entry` on, where the mask is set."""
    native = specialised(*call.words)
    if call.homogeneous:

        @native
        def weights(data, entry, mask):
            return splat(data[U(0)])

    elif call.weights in _FROM_BITS:
        _, from_bits = _FROM_BITS[call.weights]

        @native
        def weights(data, entry, mask):
            return from_bits(load(data, entry, mask))

    else:
        return load

    return weights


def lanes_adder(native: Any, *, event: bool, selects: bool, counting: bool) -> Any:
    """`add(total, found, weight, x, place)`: sums, after what is found of x at these places, where the mask is set.

    Args:
      native: the decorator that compiles it, from `specialised`.
      event: whether x has a byte for each event, and three more behind them, rather than numbers.
      selects: whether zeros of x count nothing.
      counting: whether sums are numbers of events, uint32, rather than of the weights' dtype.
    """

    @native
    def add(total, found, weight, x, place):
        if event:
            found = found & (gather_byte(x, place, found) != W(0))
            return where(found, total + (W(1) if counting else weight), total)
        value = gather(x, place, found)
        if selects:
            found = found & (value != x.dtype.type(0))
        return where(found, total + weight * value, total)

    return add


def multiplier(call: KernelSpec) -> Any:
    """`contribution(number, value)`: a weight, or another number, times an entry of the decoded operand.

    Without a branch: which entries are active can't be predicted.
    """
    native = specialised(*call.words)
    if call.event:

        @native
        def contribution(number, value):
            return select_or_zero(number, value)

    elif call.selects:

        @native
        def contribution(number, value):
            return select_or_zero(number * value, np.uint8(value != 0))

    else:

        @native
        def contribution(number, value):
            return number * value

    return contribution
