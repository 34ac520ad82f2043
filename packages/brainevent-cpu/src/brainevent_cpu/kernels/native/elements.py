"""How one stored entry is read."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bridge.memory import bfloat16_value, float16_value
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
