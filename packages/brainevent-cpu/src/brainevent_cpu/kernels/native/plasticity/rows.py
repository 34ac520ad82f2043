"""Events of compressed rows: each active row adds the trace to its entries. Only active rows are read.

The structure is `indices, indptr, perm`: if `KernelSpec.permuted`, `perm` has the position of each entry's weight (rows
can be the columns of a matrix whose weights are stored by rows); otherwise weights are in the order of entries.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....bridge.memory import prefetch
from ....bridge.specialise import specialised
from ...kernel_spec import KernelSpec
from ..elements import weight_reader
from ..events import active_lister
from ..parallel import chunks_for, on_threads
from ..rows import row_reader
from .clipping import clipper
from .weights import bounder, changer, toucher, weight_writer

__all__ = ["build", "row_updater"]

U = np.uint64

# Prefetch distance in active rows, as in the scatter of products, and how many entries of a row are prefetched at most.
ROWS_AHEAD = U(2)
PREFETCHED = U(2048)

# Prefetch distance, in entries, for weights that are each in their own cache line.
WEIGHTS_AHEAD = U(32)


def row_updater(call: KernelSpec) -> Any:
    """`update_rows(frame, active, count, indices, indptr, perm, trace, lower, upper, out, bound, width) ->
    status` for the rows listed in `active`."""
    native = specialised(*call.words)
    allocating = specialised(*call.words, allocates=True)
    row_span, touch, csr = row_reader(call), toucher(call), call.layout == "csr"
    threads_for, parallel_loop = on_threads(call.serial)
    permuted, shared = call.permuted, call.shared
    clips_apart = shared and call.clip == "updated"
    weight, write, bounded, changed = weight_reader(call), weight_writer(call), bounder(call), changer(call)

    @native
    def prefetch_row(indices, perm, out, start, stop):
        stop = min(stop, start + PREFETCHED)
        for entry in range(start, stop, U(64) // U(indices.itemsize)):
            prefetch(indices, entry)
        if permuted:
            for entry in range(start, stop, U(64) // U(perm.itemsize)):
                prefetch(perm, entry)
        else:
            for entry in range(start, stop, U(64) // U(out.itemsize)):
                prefetch(out, entry)

    @native
    def prefetch_weights(perm, out, start, stop):
        """Prefetch the weights of the first entries of a row, each of which is in its own cache line."""
        for entry in range(start, min(stop, start + WEIGHTS_AHEAD)):
            prefetch(out, U(perm[entry]))

    @native
    def place_of(perm, entry):
        return U(perm[entry]) if permuted else entry

    @native
    def update_row(indices, perm, trace, lower, upper, out, start, stop, bound):
        entry, size = start, U(out.size)
        # Load four weights before the first store, unless entries can share a weight.
        while entry + U(4) <= stop and not shared:
            if permuted and entry + WEIGHTS_AHEAD + U(4) <= stop:
                prefetch(out, U(perm[entry + WEIGHTS_AHEAD]))
                prefetch(out, U(perm[entry + WEIGHTS_AHEAD + U(1)]))
                prefetch(out, U(perm[entry + WEIGHTS_AHEAD + U(2)]))
                prefetch(out, U(perm[entry + WEIGHTS_AHEAD + U(3)]))
            i, j = U(indices[entry]), U(indices[entry + U(1)])
            k, m = U(indices[entry + U(2)]), U(indices[entry + U(3)])
            p, q = place_of(perm, entry), place_of(perm, entry + U(1))
            r, s = place_of(perm, entry + U(2)), place_of(perm, entry + U(3))
            if not (max(max(i, j), max(k, m)) < bound and max(max(p, q), max(r, s)) < size):
                break
            a, b = changed(weight(out, p), trace[i], lower, upper), changed(weight(out, q), trace[j], lower, upper)
            c, d = changed(weight(out, r), trace[k], lower, upper), changed(weight(out, s), trace[m], lower, upper)
            write(out, p, a)
            write(out, q, b)
            write(out, r, c)
            write(out, s, d)
            entry += U(4)
        while entry < stop:
            partner, place = U(indices[entry]), place_of(perm, entry)
            if partner < bound and place < size:
                touch(out, place, trace[partner], lower, upper)
            entry += U(1)

    @native
    def clip_row(indices, perm, lower, upper, out, start, stop, bound):
        for entry in range(start, stop):
            partner, place = U(indices[entry]), U(perm[entry])
            if partner < bound and place < U(out.size):
                write(out, place, bounded(weight(out, place), lower, upper))

    @native
    def update_part(chunk, chunks, active, count, indices, indptr, perm, trace, lower, upper, out, bound, width):
        first, last = count * U(chunk) // chunks, count * U(chunk + 1) // chunks
        for i in range(first, last):
            if i + ROWS_AHEAD < last:
                start, stop = row_span(indptr, U(active[i + ROWS_AHEAD]), width)
                prefetch_row(indices, perm, out, start, stop)
            if permuted and i + U(1) < last:
                start, stop = row_span(indptr, U(active[i + U(1)]), width)
                prefetch_weights(perm, out, start, stop)
            start, stop = row_span(indptr, U(active[i]), width)
            update_row(indices, perm, trace, lower, upper, out, start, stop, bound)
        if clips_apart:
            for i in range(first, last):
                start, stop = row_span(indptr, U(active[i]), width)
                clip_row(indices, perm, lower, upper, out, start, stop, bound)
        return 0

    parallel_parts = parallel_loop(update_part)

    @native
    def count_entries(active, count, indptr, width):
        if not csr:
            return count * width
        entries = U(0)
        for i in range(count):
            start, stop = row_span(indptr, U(active[i]), width)
            entries += stop - start
        return entries

    @allocating
    def update_rows(frame, active, count, indices, indptr, perm, trace, lower, upper, out, bound, width):
        # If entries share weights, threads would race for them.
        threads = 1 if shared else threads_for(frame, count_entries(active, count, indptr, width))
        chunks = chunks_for(threads)
        arguments = (U(chunks), active, count, indices, indptr, perm, trace, lower, upper, out, bound, width)
        return parallel_parts(frame, chunks, threads, arguments)

    return update_rows


def build(call: KernelSpec) -> Any:
    """The kernel for one kind of call."""
    allocating = specialised(*call.words, allocates=True)
    update_rows, list_active, clip_all = row_updater(call), active_lister(call), clipper(call)

    @allocating
    def kernel(frame, data, indices, indptr, perm, x, trace, lower, upper, out, bound, lines, others, width):
        weights, low, high = out.reshape(out.size), lower[0], upper[0]
        active = np.empty(lines, np.uint64)
        count = list_active(x, U(0), U(lines), U(lines), active)
        status = update_rows(frame, active, count, indices, indptr, perm, trace, low, high, weights, U(bound), U(width))
        return clip_all(frame, weights, low, high) if status == 0 else status

    return kernel
