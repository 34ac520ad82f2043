"""Events of the rows or columns of a list of entries: only active ones are read if the list is sorted by them, and all
entries otherwise.

The structure is `targets, sources, starts`: sources spike, targets have the trace, and `starts` is the result of
`line_starts` for the sources. The caller chooses whether rows or columns are the sources.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ....bridge.specialise import specialised
from ...kernel_spec import KernelSpec
from ..events import active_lister
from ..parallel import chunks_for, on_threads
from .clipping import clipper
from .rows import row_updater
from .search import NOTED, searcher
from .weights import toucher

__all__ = ["build"]

U = np.uint64


def build(call: KernelSpec) -> Any:
    """The kernel for one kind of call."""
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    threads_for, parallel_loop = on_threads(call.serial)
    update_lines = row_updater(dataclasses.replace(call, layout="csr"))
    touch, clip_all, list_active = toucher(call), clipper(call), active_lister(call)

    @native
    def touch_noted(places, noted, carry, sink):
        targets, trace, lower, upper, out, bound = sink
        for i in range(noted):
            target = U(targets[places[i]])
            if target < bound:
                touch(out, places[i], trace[target], lower, upper)
        return carry

    search = searcher(call, touch_noted)

    @allocating
    def scan_chunk(chunk, chunks, targets, sources, mask, trace, lower, upper, out, bound, inside):
        size, places = U(sources.size), np.empty(NOTED, np.uint64)
        first, last = size * U(chunk) // chunks, size * U(chunk + 1) // chunks
        search(
            sources, first, last, U(mask.size), inside, mask, places, out, 0, (targets, trace, lower, upper, out, bound)
        )
        return 0

    parallel_scan = parallel_loop(scan_chunk)

    @allocating
    def scan(frame, targets, sources, x, trace, lower, upper, out, bound, inside):
        threads = threads_for(frame, U(sources.size))
        chunks = chunks_for(threads)
        return parallel_scan(
            frame, chunks, threads, (U(chunks), targets, sources, x, trace, lower, upper, out, bound, inside)
        )

    @allocating
    def kernel(frame, data, targets, sources, starts, x, trace, lower, upper, out, bound, lines, others, width):
        weights, low, high = out.reshape(out.size), lower[0], upper[0]
        active = np.empty(lines, np.uint64)
        count = list_active(x, U(0), U(lines), U(lines), active)
        status = 0
        if starts[lines + 1] == 1:
            status = update_lines(
                frame, active, count, targets, starts, targets, trace, low, high, weights, U(bound), U(0)
            )
        elif count > 0:
            status = scan(frame, targets, sources, x, trace, low, high, weights, U(bound), starts[0] != 0)
        return clip_all(frame, weights, low, high) if status == 0 else status

    return kernel
