"""Whether all indices are in bounds.

The kernel is `(frame, keys, out, reach) -> status`: the result is 1 if all keys are below `reach`, and otherwise 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....bridge.specialise import specialised
from ...kernel_spec import KernelSpec

__all__ = ["build", "inside_tester"]

U = np.uint64


def inside_tester(call: KernelSpec) -> Any:
    """`all_inside(keys, start, stop, reach)`: whether keys `start` to `stop`, read as unsigned, are below `reach`."""
    native = specialised(*call.words)

    @native
    def all_inside(keys, start, stop, reach):
        # Branch-free, so that it is vectorised.
        worst = keys.dtype.type(0)
        for entry in range(start, stop):
            worst = max(worst, keys[entry])
        return U(worst) < reach

    return all_inside


def build(call: KernelSpec) -> Any:
    """The kernel for keys of any unsigned dtype."""
    native, all_inside = specialised(*call.words), inside_tester(call)

    @native
    def kernel(frame, keys, out, reach):
        out[0] = all_inside(keys, U(0), U(keys.size), U(reach))
        return 0

    return kernel
