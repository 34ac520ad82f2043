"""`A.T @ x` with compressed rows: every row adds its entries where they point. If x selects, it costs the active rows.

The kernel is `(frame, data, indices, indptr, slots, x, out, batch, …, width) -> status`, see `gather`. Columns of an x
that selects stand behind each other, and so do their sums; others stand side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bridge.memory import prefetch
from ...bridge.specialise import specialised
from ...bridge.threads import parallel_loop
from ..call import Call
from .arguments import Rows, sizes_of
from .elements import weight_reader
from .events import active_lister
from .parallel import chunks_for, threads_for
from .partial_sums import part_of, parts_for, sum_adder
from .rows import row_reader

__all__ = ["build", "scatterer"]

U = np.uint64

# How many active rows ahead a row is asked for. 250,000 entries in rows of 50 took 2.2 ns each (1 row ahead: 2.5, 4:
# 2.3, none: 4.4); in rows of 100, 1.7 with any and 3.0 without.
ROWS_AHEAD = U(2)

# Entries of a row that are asked for in advance: the hardware sees where a longer row is going, and asking takes time
# as well. 500 rows of 500 entries took 480 us (16: 515, 128: 530, all: 540), rows of 50 and 100 the same from 64 on.
PREFETCHED = U(64)


def scatterer(call: Call) -> Any:
    """`scatter_all(frame, rows, x, out, sizes, threads) -> status`; x is numbers or encoded."""
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    weight, row_span = weight_reader(call), row_reader(call)
    event, selects, batched = call.event, call.selects, call.batched
    homogeneous, csr = call.homogeneous, call.layout == "csr"
    by_slot = call.slots and not homogeneous

    @native
    def place_of(slots, entry):
        """Where the weight of an entry is."""
        return U(slots[entry]) if by_slot else entry

    @native
    def term(data, place, factor, out):
        """What an entry adds to its target."""
        if by_slot and place >= U(data.size):
            return out.dtype.type(0)
        return weight(data, place) if event else weight(data, place) * factor

    @native
    def add_row(data, indices, slots, start, stop, bound, factor, out):
        # Four entries are read before the first is added: a load behind a store of unknown address waits. At full
        # activity one by one took 3.3 ns an entry, four 1.6, eight 1.6; one test for all four bounds gains nothing.
        entry = start
        while entry + U(4) <= stop:
            i, j = U(indices[entry]), U(indices[entry + U(1)])
            k, m = U(indices[entry + U(2)]), U(indices[entry + U(3)])
            p, q = place_of(slots, entry), place_of(slots, entry + U(1))
            r, s = place_of(slots, entry + U(2)), place_of(slots, entry + U(3))
            a, b = term(data, p, factor, out), term(data, q, factor, out)
            c, d = term(data, r, factor, out), term(data, s, factor, out)
            if i < bound:
                out[i] += a
            if j < bound:
                out[j] += b
            if k < bound:
                out[k] += c
            if m < bound:
                out[m] += d
            entry += U(4)
        while entry < stop:
            i = U(indices[entry])
            if i < bound:
                out[i] += term(data, place_of(slots, entry), factor, out)
            entry += U(1)

    @native
    def add_row_to_columns(data, indices, start, stop, bound, x, at, batch, out):
        for entry in range(start, stop):
            target = U(indices[entry])
            if target < bound:
                factor = weight(data, entry)
                for column in range(batch):
                    out[target * batch + column] += factor * x[at + column]

    @native
    def prefetch_row(rows, start, stop):
        stop = min(stop, start + PREFETCHED)
        for entry in range(start, stop, U(64) // U(rows.indices.itemsize)):
            prefetch(rows.indices, entry)
        if by_slot:
            # Not the weights, each in a line of its own: 25 million of them, 0.1 % active, took 16 ns each without, and
            # 27 where all of a row were asked for two rows ahead; asking for one 8 to 64 entries ahead gained nothing.
            for entry in range(start, stop, U(64) // U(rows.slots.itemsize)):
                prefetch(rows.slots, entry)
        elif not homogeneous:
            for entry in range(start, stop, U(64) // U(rows.data.itemsize)):
                prefetch(rows.data, entry)

    @native
    def row_of(active, i):
        return U(active[i]) if selects else i

    @native
    def scatter_rows(first, last, active, rows, x, out, sizes):
        """Add the active rows from number `first` to `last` to zeros."""
        for line in range(out.size):
            out[line] = 0
        data, indices, slots = rows.data, rows.indices, rows.slots
        for i in range(first, last):
            row = row_of(active, i)
            if i + ROWS_AHEAD < last:
                ahead = row_of(active, i + ROWS_AHEAD)
                # Rows behind each other in memory are no news for the hardware: of 10 entries, 10,000 took 290 us where
                # they were asked for, and take 200; of 50 entries, 50,000 took 4.1 ms, and take 3.4.
                if ahead != row + ROWS_AHEAD:
                    start, stop = row_span(rows.indptr, ahead, sizes.width)
                    prefetch_row(rows, start, stop)
            start, stop = row_span(rows.indptr, row, sizes.width)
            if event:
                add_row(data, indices, slots, start, stop, sizes.bound, out.dtype.type(0), out)
            elif batched and not selects:
                at = row * sizes.batch
                add_row_to_columns(data, indices, start, stop, sizes.bound, x, at, sizes.batch, out)
            else:
                add_row(data, indices, slots, start, stop, sizes.bound, x[row], out)

    # -- on several threads --------------------------------------------------------------------------------------------

    @native
    def part_begin(before, count, part, parts):
        """The first active row of a part, when all parts have about as many entries (`before` counts them)."""
        wanted = before[count] * part // parts
        low, high = U(0), count
        while low < high:
            middle = (low + high) // U(2)
            if before[middle] < wanted:
                low = middle + U(1)
            else:
                high = middle
        return low

    @allocating
    def scatter_part(part, parts, active, before, count, rows, x, out, copies, sizes):
        first, last = part_begin(before, count, U(part), parts), part_begin(before, count, U(part + 1), parts)
        if part + 1 == np.int64(parts):
            last = count
        scatter_rows(first, last, active, rows, x, part_of(out, copies, part), sizes)
        return 0

    parallel_parts, add_parts = parallel_loop(scatter_part), sum_adder(call)

    @native
    def count_entries(active, count, rows, sizes):
        if not csr:
            return count * sizes.width
        entries = U(0)
        for i in range(count):
            start, stop = row_span(rows.indptr, row_of(active, i), sizes.width)
            entries += stop - start
        return entries

    @allocating
    def scatter_active(frame, active, count, rows, x, out, sizes, threads):
        """The active rows, of which there are `count`, on as many threads as they are worth."""
        work = count_entries(active, count, rows, sizes) * (U(1) if selects else sizes.batch)
        parts = parts_for(threads_for(frame, work, threads), work, out)
        if parts == 1:
            scatter_rows(U(0), count, active, rows, x, out, sizes)
            return 0
        before = np.empty(np.int64(count) + 1, np.uint64)
        before[0] = 0
        for i in range(count):
            start, stop = row_span(rows.indptr, row_of(active, i), sizes.width)
            before[i + U(1)] = before[i] + (stop - start)
        copies = np.empty((parts - 1) * out.size, out.dtype)
        status = parallel_parts(frame, parts, parts, (U(parts), active, before, count, rows, x, out, copies, sizes))
        return add_parts(frame, parts, out, copies) if status == 0 else status

    # -- all kinds of operands -----------------------------------------------------------------------------------------

    if not selects:

        @allocating
        def scatter_numbers(frame, rows, x, out, sizes, threads):
            return scatter_active(frame, np.empty(0, np.uint64), sizes.inner, rows, x, out, sizes, threads)

        return scatter_numbers

    list_active = active_lister(call)

    @allocating
    def scatter_vector(frame, vector, active, rows, x, out, sizes, threads):
        column = x[vector * sizes.size : (vector + U(1)) * sizes.size]
        count = list_active(column, U(0), sizes.size, sizes.inner, active)
        sums = out[vector * sizes.outer : (vector + U(1)) * sizes.outer]
        return scatter_active(frame, active, count, rows, column, sums, sizes, threads)

    if not batched:

        @allocating
        def scatter_one(frame, rows, x, out, sizes, threads):
            active = np.empty(np.int64(sizes.inner), np.uint64)
            return scatter_vector(frame, U(0), active, rows, x, out, sizes, threads)

        return scatter_one

    @allocating
    def scatter_vectors(chunk, chunks, rows, x, out, sizes):
        # One vector after the other, whose sums stay in the cache.
        active = np.empty(np.int64(sizes.inner), np.uint64)
        for vector in range(sizes.batch * U(chunk) // chunks, sizes.batch * U(chunk + 1) // chunks):
            scatter_vector(0, vector, active, rows, x, out, sizes, 1)
        return 0

    parallel_vectors = parallel_loop(scatter_vectors)

    @allocating
    def scatter_batch(frame, rows, x, out, sizes, threads):
        threads = threads_for(frame, sizes.batch * (sizes.inner + sizes.outer), threads)
        chunks = min(np.int64(sizes.batch), chunks_for(threads))
        return parallel_vectors(frame, chunks, threads, (U(chunks), rows, x, out, sizes))

    return scatter_batch


def build(call: Call) -> Any:
    """The kernel for one kind of call."""
    allocating = specialised(*call.words, allocates=True)
    scatter_all = scatterer(call)

    @allocating
    def kernel(frame, data, indices, indptr, slots, x, out, batch, bound, inner, outer, reach, size, threads, width):
        if out.size == 0 or x.size == 0 or indices.size == 0:
            out[:] = 0
            return 0
        sizes = sizes_of(batch, bound, inner, outer, reach, size, width)
        rows = Rows(data, indices, indptr, slots)
        return scatter_all(frame, rows, x, out, sizes, threads)

    return kernel
