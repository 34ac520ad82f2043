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

    Entries are looked at from the first to the last, whatever rows they are in. Events of eight are looked up at once,
    with one branch for all of them; weights that have one are noted, and their rows looked for, while they come from
    memory. Of a million entries in rows of 100 with 1 % events, the eight bytes of a group and its branch take 0.5 ms,
    finding the one that has an event 0.2 and its row 0.2 (branches that can't be predicted), and its weight 0.1.
    Without a branch for the group (a list of groups, written always) it was 1.5 times as much, and a search of rows
    without a branch gained nothing, nor did clipping all weights at the same time instead of afterwards.
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
    def touch_found(indptr, places, found, row, trace, lower, upper, out, width):
        """Touch weights noted in ascending order, none before `row`; the row of the last one."""
        for i in range(found):
            while row_span(indptr, row, width)[1] <= places[i]:
                row += U(1)
            touch(out, places[i], trace[row], lower, upper)
        return row

    @native
    def find_inside(indices, mask, out, start, stop, places, found):
        """Note the weights of a group whose column has an event, and ask for them."""
        prefetch(out, start)
        for entry in range(start, stop):
            # Without a branch: which of them it is can't be predicted.
            places[found] = entry
            found += U(mask[U(indices[entry])])
        return found

    @allocating
    def scan_chunk(chunk, chunks, indices, indptr, mask, trace, lower, upper, out, bound, rows, width):
        places, found = np.empty(HELD, np.uint64), U(0)
        row, last = rows * U(chunk) // chunks, rows * U(chunk + 1) // chunks
        if row == last:
            return 0
        # Every row begins where the one before ends.
        entry, end = row_span(indptr, row, width)[0], row_span(indptr, last - U(1), width)[1]
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
                            row = touch_found(indptr, places, found, row, trace, lower, upper, out, width)
                            found = U(0)
                        found = find_inside(indices, mask, out, entry, entry + GROUP, places, found)
                    entry += GROUP
            while entry < stop:
                column = U(indices[entry])
                if column < bound and mask[column] != 0:
                    if found == HELD:
                        row = touch_found(indptr, places, found, row, trace, lower, upper, out, width)
                        found = U(0)
                    places[found] = entry
                    found += U(1)
                entry += U(1)
        touch_found(indptr, places, found, row, trace, lower, upper, out, width)
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
