"""Events of the rows or columns of a dense matrix: only active ones are touched. There is no structure."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....bridge.memory import prefetch
from ....bridge.specialise import specialised
from ...kernel_spec import KernelSpec
from ..events import active_lister
from ..parallel import chunks_for, in_order_worth, on_threads
from .clipping import clipper
from .weights import toucher

__all__ = ["build"]

U = np.uint64

# Weights of a row that are updated while as many of the next active row are prefetched.
BLOCK = U(256)


def build(call: KernelSpec) -> Any:
    """The kernel for one kind of call."""
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    threads_for, parallel_loop = on_threads(call.serial)
    touch, clip_all, list_active = toucher(call), clipper(call), active_lister(call)
    of_rows = call.transpose

    @native
    def update_rows(chunk, chunks, active, count, trace, lower, upper, out, others):
        last = count * U(chunk + 1) // chunks
        for i in range(count * U(chunk) // chunks, last):
            at, ahead = U(active[i]) * others, U(active[min(i + U(1), last - U(1))]) * others
            for start in range(U(0), others, BLOCK):
                stop = min(start + BLOCK, others)
                for column in range(start, stop, U(64) // U(out.itemsize)):
                    prefetch(out, ahead + column)
                for column in range(start, stop):
                    touch(out, at + column, trace[column], lower, upper)
        return 0

    @native
    def update_columns(chunk, chunks, active, count, trace, lower, upper, out, others, columns):
        for row in range(others * U(chunk) // chunks, others * U(chunk + 1) // chunks):
            at, amount = row * columns, trace[row]
            for i in range(count):
                # Each weight is in its own cache line, so prefetch the one below it, in the next row.
                prefetch(out, at + columns + U(active[i]))
                touch(out, at + U(active[i]), amount, lower, upper)
        return 0

    parallel_rows, parallel_columns = parallel_loop(update_rows), parallel_loop(update_columns)

    @allocating
    def kernel(frame, data, x, trace, lower, upper, out, bound, lines, others, width):
        weights, low, high = out.reshape(out.size), lower[0], upper[0]
        active = np.empty(lines, np.uint64)
        count = list_active(x, U(0), U(lines), U(lines), active)
        touched = count * U(others)
        threads = threads_for(frame, in_order_worth(touched) if of_rows else touched)
        chunks = chunks_for(threads)
        if of_rows:
            arguments = (U(chunks), active, count, trace, low, high, weights, U(others))
            status = parallel_rows(frame, chunks, threads, arguments)
        else:
            across = (U(chunks), active, count, trace, low, high, weights, U(others), U(lines))
            status = parallel_columns(frame, chunks, threads, across)
        return clip_all(frame, weights, low, high) if status == 0 else status

    return kernel
