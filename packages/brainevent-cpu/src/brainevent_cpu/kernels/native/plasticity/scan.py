"""Events of the columns of compressed rows, without an index of them: every entry is looked at.

The structure is `indices, indptr`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....bridge.memory import prefetch
from ....bridge.specialise import specialised
from ....bridge.threads import parallel_loop
from ...call import Call
from ..parallel import chunks_for, threads_for
from ..rows import row_reader
from .clipping import clipper
from .weights import toucher

__all__ = ["build"]

U = np.uint64

# Entries that are looked at twice, first whether their indices are inside: they stay in the innermost cache.
SEGMENT = U(1024)

# Entries whose events are looked up at once.
GROUP = U(8)

# Weights that are asked for before the first of them is touched.
HELD = U(64)


def build(call: Call) -> Any:
    """The kernel for one kind of call.

    Events of eight entries are looked up at once, with one branch for all of them, and weights that have one are held
    back while they come from memory: a million entries in rows of 100 with 1 % events take 1.1 ms. It was 1.4 with a
    branch for each of the eight, 1.7 with each weight touched when it is found, and 1.9 with all weights of a row that
    has an event written by vector instructions. Clipping all weights at the same time, instead of afterwards, gains
    nothing.
    """
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    row_span, touch, clip_all = row_reader(call), toucher(call), clipper(call)

    @native
    def all_inside(indices, start, stop, bound):
        # Without a branch, so that it is vectorised; the segment then needs no test per entry.
        worst = indices.dtype.type(0)
        for entry in range(start, stop):
            worst = max(worst, indices[entry])
        return U(worst) < bound

    @native
    def touch_found(places, owners, found, trace, lower, upper, out):
        for i in range(found):
            touch(out, places[i], trace[owners[i]], lower, upper)

    @native
    def find_inside(indices, mask, row, out, start, stop, places, owners, found):
        """Note the weights of a group whose column has an event, and ask for them."""
        prefetch(out, start)
        for entry in range(start, stop):
            # Without a branch: which of them it is can't be predicted.
            places[found], owners[found] = entry, row
            found += U(mask[U(indices[entry])])
        return found

    @native
    def touch_active(indices, mask, amount, lower, upper, out, start, stop, bound):
        for entry in range(start, stop):
            column = U(indices[entry])
            if column < bound and mask[column] != 0:
                touch(out, entry, amount, lower, upper)

    @allocating
    def scan_chunk(chunk, chunks, indices, indptr, mask, trace, lower, upper, out, bound, rows, width):
        places, owners, found = np.empty(HELD, np.uint64), np.empty(HELD, np.uint64), U(0)
        for row in range(rows * U(chunk) // chunks, rows * U(chunk + 1) // chunks):
            entry, end = row_span(indptr, row, width)
            while entry < end:
                stop = min(end, entry + SEGMENT)
                if all_inside(indices, entry, stop, bound):
                    while entry + GROUP <= stop:
                        a = mask[U(indices[entry])] | mask[U(indices[entry + U(1)])]
                        b = mask[U(indices[entry + U(2)])] | mask[U(indices[entry + U(3)])]
                        c = mask[U(indices[entry + U(4)])] | mask[U(indices[entry + U(5)])]
                        d = mask[U(indices[entry + U(6)])] | mask[U(indices[entry + U(7)])]
                        if (a | b | c | d) != 0:
                            if found + GROUP > HELD:
                                touch_found(places, owners, found, trace, lower, upper, out)
                                found = U(0)
                            found = find_inside(indices, mask, row, out, entry, entry + GROUP, places, owners, found)
                        entry += GROUP
                touch_active(indices, mask, trace[row], lower, upper, out, entry, stop, bound)
                entry = stop
        touch_found(places, owners, found, trace, lower, upper, out)
        return 0

    parallel_chunks = parallel_loop(scan_chunk)

    @native
    def any_event(x):
        found = 0
        for line in range(x.size):
            found |= x[line]
        return found != 0

    @allocating
    def kernel(frame, data, indices, indptr, x, trace, lower, upper, out, bound, lines, others, threads, width):
        weights, low, high, status = out.reshape(out.size), lower[0], upper[0], 0
        if any_event(x):
            limit = threads_for(frame, U(indices.size), threads)
            chunks = chunks_for(limit)
            arguments = (U(chunks), indices, indptr, x, trace, low, high, weights, U(bound), U(others), U(width))
            status = parallel_chunks(frame, chunks, limit, arguments)
        return clip_all(frame, weights, low, high, threads) if status == 0 else status

    return kernel
