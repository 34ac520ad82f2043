"""Events of the columns of compressed rows, without an index of them: every entry is looked at, and few are touched.

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

# How many indices ahead the next are asked for; as in the gather of products.
AHEAD = U(256)


def build(call: Call) -> Any:
    """The kernel for one kind of call."""
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    row_span, touch, clip_all = row_reader(call), toucher(call), clipper(call)

    @native
    def event_at(mask, column, bound):
        return mask[column] if column < bound else np.uint8(0)

    @native
    def update_row(indices, mask, amount, lower, upper, out, start, stop, bound):
        entry = start
        while entry + U(8) <= stop:
            prefetch(indices, entry + AHEAD)
            a, b = event_at(mask, U(indices[entry]), bound), event_at(mask, U(indices[entry + U(1)]), bound)
            c, d = event_at(mask, U(indices[entry + U(2)]), bound), event_at(mask, U(indices[entry + U(3)]), bound)
            e, f = event_at(mask, U(indices[entry + U(4)]), bound), event_at(mask, U(indices[entry + U(5)]), bound)
            g, h = event_at(mask, U(indices[entry + U(6)]), bound), event_at(mask, U(indices[entry + U(7)]), bound)
            # Eight silent entries are passed at once.
            if (a | b | c | d | e | f | g | h) != 0:
                for place in range(entry, entry + U(8)):
                    if event_at(mask, U(indices[place]), bound) != 0:
                        touch(out, place, amount, lower, upper)
            entry += U(8)
        while entry < stop:
            if event_at(mask, U(indices[entry]), bound) != 0:
                touch(out, entry, amount, lower, upper)
            entry += U(1)

    @native
    def update_chunk(chunk, chunks, indices, indptr, mask, trace, lower, upper, out, bound, rows, width):
        for row in range(rows * U(chunk) // chunks, rows * U(chunk + 1) // chunks):
            start, stop = row_span(indptr, row, width)
            update_row(indices, mask, trace[row], lower, upper, out, start, stop, bound)
        return 0

    parallel_chunks = parallel_loop(update_chunk)

    @native
    def any_event(x):
        found = 0
        for line in range(x.size):
            found |= x[line]
        return found != 0

    @allocating
    def kernel(frame, data, indices, indptr, x, trace, lower, upper, out, bound, lines, others, threads, width):
        weights, low, high = out.reshape(out.size), lower[0], upper[0]
        status = 0
        if any_event(x):
            limit = threads_for(frame, U(indices.size), threads)
            chunks = chunks_for(limit)
            arguments = (U(chunks), indices, indptr, x, trace, low, high, weights, U(bound), U(others), U(width))
            status = parallel_chunks(frame, chunks, limit, arguments)
        return clip_all(frame, weights, low, high, threads) if status == 0 else status

    return kernel
