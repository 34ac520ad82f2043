"""Scatters by several threads: each part adds to its own copy of the output, and copies are added at the end.

Atomic additions, and a range of the output for each thread, were both slower: the latter doubles the work. Parts are
added in order, so results don't depend on the timing of threads.

Each copy has to be cleared and added, so a further part must be worth this as well as a thread.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bridge.specialise import internal, specialised
from ...bridge.thread_limit import entries_per_thread
from ...bridge.threads import parallel_loop, pool_size, threads_for
from ..kernel_spec import KernelSpec

__all__ = ["part_counter", "part_of", "sum_adder"]

U = np.uint64


# How many entries take as long as clearing and adding one number of a copy, which took 0.5 ns with a result of 100,000
# numbers.
COST_OF_COPY = 2


def part_counter(serial: bool) -> Any:
    """`parts_for(frame, work, size)`: how many parts `work` additions are worth, to a result of `size` numbers."""
    return _one_part if serial else _parts_for


@internal
def _one_part(frame, work, size):
    return 1


@internal
def _parts_for(frame, work, size):
    entries, work = entries_per_thread(), np.int64(work)
    return 1 if work < entries else min(pool_size(frame), 1 + work // (entries + COST_OF_COPY * np.int64(size)))


@internal
def part_of(out, copies, part):
    """The output of a part: the first part uses the actual output."""
    return out if part == 0 else copies[(part - 1) * out.size : part * out.size]


def sum_adder(call: KernelSpec) -> Any:
    """`add_parts(frame, parts, out, copies) -> status`: add the copies to the output."""
    native = specialised(*call.words)

    if call.serial:

        @native
        def add_nothing(frame, parts, out, copies):
            return 0

        return add_nothing

    @native
    def add_copies(chunk, chunks, parts, out, copies):
        size = U(out.size)
        first, last = size * U(chunk) // chunks, size * U(chunk + 1) // chunks
        for copy in range(U(0), parts - U(1)):
            for line in range(first, last):
                out[line] += copies[copy * size + line]
        return 0

    parallel_copies = parallel_loop(add_copies)

    @specialised(*call.words, allocates=True)
    def add_parts(frame, parts, out, copies):
        if parts == 1:
            return 0
        threads = min(parts, threads_for(frame, copies.size // COST_OF_COPY))
        return parallel_copies(frame, threads, threads, (U(threads), U(parts), out, copies))

    return add_parts
