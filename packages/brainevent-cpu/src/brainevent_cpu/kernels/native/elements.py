"""How one stored entry is read, and what it contributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bridge.lanes import bfloat16_lanes, float16_lanes, load, same
from ...bridge.memory import bfloat16_value, float16_value, kept
from ...bridge.specialise import specialised
from ..call import Call

U = np.uint64


def weight_reader(call: Call) -> Any:
    """`weight(data, entry)`: the weight of an entry, in the dtype in which sums are accumulated."""
    native = specialised(*call.words)
    if call.homogeneous:

        @native
        def weight(data, entry):
            return data[U(0)]

    elif call.weights == "float16":

        @native
        def weight(data, entry):
            return float16_value(data[entry])

    elif call.weights == "bfloat16":

        @native
        def weight(data, entry):
            return bfloat16_value(data[entry])

    else:

        @native
        def weight(data, entry):
            return data[entry]

    return weight


def lanes_reader(call: Call) -> Any:
    """`weights(data, entry, mask)`: the weights of `lanes.LANES` entries from `entry` on, where the mask is set."""
    native = specialised(*call.words)
    if call.homogeneous:

        @native
        def weights(data, entry, mask):
            return same(data[U(0)])

    elif call.weights == "float16":

        @native
        def weights(data, entry, mask):
            return float16_lanes(load(data, entry, mask))

    elif call.weights == "bfloat16":

        @native
        def weights(data, entry, mask):
            return bfloat16_lanes(load(data, entry, mask))

    else:

        @native
        def weights(data, entry, mask):
            return load(data, entry, mask)

    return weights


def multiplier(call: Call) -> Any:
    """`contribution(number, value)`: a weight, or another number, times an entry of the decoded operand.

    Without a branch: which entries are active can't be predicted.
    """
    native = specialised(*call.words)
    if call.event:

        @native
        def contribution(number, value):
            return kept(number, value)

    elif call.selects:

        @native
        def contribution(number, value):
            return kept(number * value, np.uint8(value != 0))

    else:

        @native
        def contribution(number, value):
            return number * value

    return contribution
