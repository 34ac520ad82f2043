"""Sums that several threads add to: one copy of the output for each part of the work, added up at the end.

Atomic additions and ranges of the output for each thread were both slower: the latter double the work. The parts are
added in their order, so results don't depend on which thread was faster.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bridge.specialise import internal, specialised
from ...bridge.threads import parallel_loop
from ..kernel_spec import KernelSpec

__all__ = ["part_of", "parts_for", "sum_adder"]

U = np.uint64


@internal
def parts_for(threads, work, out):
    """How many parts `work` additions are worth: copies of the output have to be cleared and added, too."""
    return threads if work >= 2 * out.size else 1


@internal
def part_of(out, copies, part):
    """The output of a part: the first has the output itself."""
    return out if part == 0 else copies[(part - 1) * out.size : part * out.size]


def sum_adder(call: KernelSpec) -> Any:
    """`add_parts(frame, parts, out, copies) -> status`: add the copies to the output."""
    native = specialised(*call.words)

    @native
    def add_copies(chunk, parts, out, copies):
        size = U(out.size)
        first, last = size * U(chunk) // parts, size * U(chunk + 1) // parts
        for copy in range(U(0), parts - U(1)):
            for line in range(first, last):
                out[line] += copies[copy * size + line]
        return 0

    parallel_copies = parallel_loop(add_copies)

    @specialised(*call.words, allocates=True)
    def add_parts(frame, parts, out, copies):
        if parts == 1:
            return 0
        return parallel_copies(frame, parts, parts, (U(parts), out, copies))

    return add_parts
