"""Where the entries of each row (or column) begin in a sorted list.

The kernel is `(frame, sources, out) -> status`. `out` has two more numbers than there are rows: after the beginnings of
all rows, the end of the last one (where entries outside the matrix begin), and then 1 if the list is sorted. If it
isn't, the last number is 0, and the first is 1 if all sources are in bounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....bridge.specialise import specialised
from ...kernel_spec import KernelSpec
from .inside import inside_tester

__all__ = ["build"]

U = np.uint64

# Pairs that are compared without a branch.
BLOCK = 1024


def build(call: KernelSpec) -> Any:
    """The kernel for sources of any dtype."""
    native, all_inside = specialised(*call.words), inside_tester(call)

    @native
    def is_sorted(sources):
        for block in range(0, sources.size - 1, BLOCK):
            falls = 0
            for i in range(block, min(block + BLOCK, sources.size - 1)):
                falls += sources[i] > sources[i + 1]
            if falls != 0:
                return False
        return True

    @native
    def kernel(frame, sources, out):
        lines = U(out.size - 2)
        for i in range(out.size):
            out[i] = 0
        if not is_sorted(sources):
            out[0] = all_inside(sources, U(0), U(sources.size), lines)
            return 0
        line = U(0)
        for entry in range(U(sources.size)):
            source = U(sources[entry])
            if source >= lines:
                break
            while line < source:
                line += U(1)
                out[line] = entry
            end = entry + U(1)
            out[line + U(1)] = end
        while line < lines:
            line += U(1)
            if out[line] < out[line - U(1)]:
                out[line] = out[line - U(1)]
        out[lines + U(1)] = 1
        return 0

    return kernel
