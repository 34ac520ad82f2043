"""How a stored entry is read, and what it contributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bridge.memory import bfloat16_value, float16_value, select_or_zero
from ...bridge.simd import bfloat16_lanes, float16_lanes, gather, gather_byte, load, splat, where
from ...bridge.specialise import specialised
from ..kernel_spec import KernelSpec

U, W = np.uint64, np.uint32


# Functions that convert the bits of half-precision weights to float32: one weight, or a vector of them.
_FROM_BITS = {"float16": (float16_value, float16_lanes), "bfloat16": (bfloat16_value, bfloat16_lanes)}


def weight_reader(call: KernelSpec) -> Any:
    """`weight(data, entry)`: the weight of an entry, in the dtype of the accumulator."""
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
    """`weights(data, entry, mask)`: the weights of `simd.LANES` entries from `entry` on, where the mask is set."""
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
    """`add(total, found, weight, x, place)`: the sums plus the contributions of x at `place`, where `found` is set.

    Args:
      native: the decorator that compiles it, from `specialised`.
      event: whether x has one byte per element (and three bytes of padding at its end) instead of numbers.
      selects: whether zeros of x are skipped.
      counting: whether sums are counts of events, uint32, instead of sums of weights.
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
    """`contribution(number, value)`: a weight, or another number, times an element of the decoded operand.

    Branch-free, because which elements are active can't be predicted.
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
