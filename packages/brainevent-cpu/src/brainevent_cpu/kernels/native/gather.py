"""`A @ x` for compressed rows: each row gathers the elements of x at its indices. All entries of A are read.

The kernel is `(frame, data, indices, indptr, x, out, batch, bound, inner, outer, reach, size, width) -> status`;
`arguments.Sizes` explains the numbers. x and the result are row-major, but columns of an encoded x are contiguous.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bridge.memory import prefetch, select_or_zero
from ...bridge.simd import LANES, bits_mask, iota, load, splat, store, sum_lanes, where, zext
from ...bridge.specialise import specialised
from ..kernel_spec import KernelSpec
from .arguments import Rows, sizes_of
from .elements import lanes_adder, lanes_reader, multiplier, weight_reader
from .events import column_packer, operand_reader, room_maker, words_for
from .parallel import chunks_for, columns_worth, on_threads
from .rows import row_reader

__all__ = ["build", "gatherer"]

U, W = np.uint64, np.uint32

# Prefetch distance for events, in entries: the hardware prefetcher stops at the end of a page. 25 million entries at
# 10 % spikes took 1.15 ns each (64 ahead: 1.20, 1,024: 1.22, without prefetching: 1.33). With numbers they took 1.2
# with any distance and without, and a million entries, which fit in the cache, 0.9 without and 1.07 with prefetching.
# Reading the 8 bytes of an entry from memory alone takes 0.7.
AHEAD = U(256)

# The same for SIMD gathers, which are faster: 25 million entries with events and a homogeneous weight took 7.7 ms (256
# ahead: 9.2; 1,024: 6.9, but everything else took 5 to 15 % longer).
LANES_AHEAD = U(512)


def gatherer(call: KernelSpec) -> Any:
    """`gather_all(frame, rows, x, out, sizes) -> status`; x is numbers, or one byte per element for events."""
    native, link = specialised(*call.words), specialised(*call.words, link=True)
    weight, weights, contribution = weight_reader(call), lanes_reader(call), multiplier(call)
    row_span = row_reader(call)
    threads_for, parallel_loop = on_threads(call.serial)
    event, batched, homogeneous, selects = call.event, call.batched, call.homogeneous, call.selects
    lanes = call.lanes
    # Counting events is exact, repeatedly adding the same weight isn't.
    counting = event and homogeneous
    add_lanes = lanes_adder(native, event=event, selects=selects, counting=counting)

    @native
    def nothing(out):
        return np.int64(0) if counting else out.dtype.type(0)

    @native
    def term(data, indices, x, entry, bound, out):
        """The contribution of an entry to its row.

        A branch on the bounds is always predicted correctly, one on the spikes is not. Gathering 256,000 entries at
        10 % spikes took 160 µs with a branch for the bounds and a bit mask for the spikes (homogeneous: 104), 413 (157)
        with selects for both, 739 with branches for both, 178 (124) with a zero appended to x for indices out of
        bounds, and 2.5 times as long with spikes as bits instead of bytes. Skipping groups of silent entries gained
        15 % at 0.1 % spikes, and lost from 1 % on.
        """
        column = U(indices[entry])
        if column >= bound:
            return nothing(out)
        if counting:
            return np.int64(x[column])
        return contribution(weight(data, entry), x[column])

    @native
    def finished(data, total, out):
        """The sum of a row."""
        if counting:
            # Without events the sum is 0, whatever the weight is. No branch: in rows of 10 entries, none or one event
            # can't be predicted (117 instead of 69 µs for 10,000 rows).
            return select_or_zero(data[0] * out.dtype.type(total), np.uint8(total != 0))
        return total

    @native
    def gather_row(data, indices, x, start, stop, bound, out):
        # Four independent sums, because each addition to a sum waits for the previous one.
        zero = nothing(out)
        a, b, c, d = zero, zero, zero, zero
        entry = start
        while entry + U(16) <= stop:
            if event:
                prefetch(indices, entry + AHEAD)
                if not homogeneous:
                    prefetch(data, entry + AHEAD)
            for _ in range(4):
                a += term(data, indices, x, entry, bound, out)
                b += term(data, indices, x, entry + U(1), bound, out)
                c += term(data, indices, x, entry + U(2), bound, out)
                d += term(data, indices, x, entry + U(3), bound, out)
                entry += U(4)
        while entry + U(4) <= stop:
            a += term(data, indices, x, entry, bound, out)
            b += term(data, indices, x, entry + U(1), bound, out)
            c += term(data, indices, x, entry + U(2), bound, out)
            d += term(data, indices, x, entry + U(3), bound, out)
            entry += U(4)
        while entry < stop:
            a += term(data, indices, x, entry, bound, out)
            entry += U(1)
        return finished(data, (a + b) + (c + d), out)

    @native
    def gather_row_lanes(data, indices, x, start, stop, bound, out):
        """The same, `LANES` entries at once. A partial vector takes as long as a full one: 10,000 rows of 10 entries
        took 42 µs (one by one: 117), of 100 entries 311 (549), and 50,000 rows of 500, from memory, 14.2 ms (23.4).
        """
        total = splat(W(0)) if counting else splat(out.dtype.type(0))
        entry = start
        while entry < stop:
            prefetch(indices, entry + LANES_AHEAD)
            if not homogeneous:
                prefetch(data, entry + LANES_AHEAD)
            inside = iota() < W(min(stop - entry, U(LANES)))
            column = zext(load(indices, entry, inside))
            inside = inside & (column < W(bound))
            total = add_lanes(total, inside, weights(data, entry, inside), x, column)
            entry += U(LANES)
        return finished(data, sum_lanes(total), out)

    @native
    def factor_of(data, entry, out):
        return out.dtype.type(1) if counting else weight(data, entry)

    @native
    def gather_columns(data, indices, x, start, stop, bound, batch, out, to):
        for column in range(to, to + batch):
            out[column] = 0
        entry = start
        while entry < stop:
            # Four entries at once need a quarter of the loads and stores of the sums.
            if entry + U(4) <= stop:
                i, j = U(indices[entry]), U(indices[entry + U(1)])
                k, m = U(indices[entry + U(2)]), U(indices[entry + U(3)])
                if i < bound and j < bound and k < bound and m < bound:
                    a, b = factor_of(data, entry, out), factor_of(data, entry + U(1), out)
                    c, d = factor_of(data, entry + U(2), out), factor_of(data, entry + U(3), out)
                    i, j, k, m = i * batch, j * batch, k * batch, m * batch
                    for column in range(batch):
                        out[to + column] += (contribution(a, x[i + column]) + contribution(b, x[j + column])) + (
                            contribution(c, x[k + column]) + contribution(d, x[m + column])
                        )
                    entry += U(4)
                    continue
            i = U(indices[entry])
            if i < bound:
                a = factor_of(data, entry, out)
                for column in range(batch):
                    out[to + column] += contribution(a, x[i * batch + column])
            entry += U(1)
        if counting:
            for column in range(to, to + batch):
                if out[column] != 0:
                    out[column] *= data[0]

    @native
    def add_columns_lanes(total, data, x, entry, line, column, inside, batch, out):
        """Add the contribution of an entry to `LANES` columns, from row `line` of x."""
        if event:
            found = bits_mask(x[line * words_for(batch) + column // U(LANES)])
            return where(found, total + factor_of(data, entry, out), total)
        value = load(x, line * batch + column, inside)
        added = total + value * weight(data, entry)
        return where(value != out.dtype.type(0), added, total) if selects else added

    @native
    def store_columns_lanes(total, data, out, to, inside):
        store(out, to, where(total != out.dtype.type(0), total * data[0], total) if counting else total, inside)

    @native
    def gather_columns_lanes(data, indices, x, start, stop, bound, batch, out, to):
        """The same, two vectors of columns at once. Sums stay in registers, two per column, because each addition waits
        for the previous one. A million entries took 1.6 ms with 32 columns of numbers (`gather_columns`: 3.2), and 1.0
        with 32 columns of events (3.0; with events as bytes instead of bits: 1.3).
        """
        zero = splat(out.dtype.type(0))
        for first in range(U(0), batch, U(2 * LANES)):
            second = first + U(LANES)
            near = iota() < W(min(batch - first, U(LANES)))
            far = iota() < W(min(batch - min(batch, second), U(LANES)))
            a, b, c, d = zero, zero, zero, zero
            entry = start
            while entry + U(2) <= stop:
                i, j = U(indices[entry]), U(indices[entry + U(1)])
                if i < bound:
                    a = add_columns_lanes(a, data, x, entry, i, first, near, batch, out)
                    b = add_columns_lanes(b, data, x, entry, i, second, far, batch, out)
                if j < bound:
                    c = add_columns_lanes(c, data, x, entry + U(1), j, first, near, batch, out)
                    d = add_columns_lanes(d, data, x, entry + U(1), j, second, far, batch, out)
                entry += U(2)
            if entry < stop:
                i = U(indices[entry])
                if i < bound:
                    a = add_columns_lanes(a, data, x, entry, i, first, near, batch, out)
                    b = add_columns_lanes(b, data, x, entry, i, second, far, batch, out)
            store_columns_lanes(a + c, data, out, to + first, near)
            store_columns_lanes(b + d, data, out, to + second, far)

    @native
    def gather(chunk, chunks, rows, x, out, sizes):
        first, last = sizes.outer * U(chunk) // chunks, sizes.outer * U(chunk + 1) // chunks
        data, indices = rows.data, rows.indices
        for row in range(first, last):
            start, stop = row_span(rows.indptr, row, sizes.width)
            if batched:
                to = row * sizes.batch
                if lanes:
                    gather_columns_lanes(data, indices, x, start, stop, sizes.bound, sizes.batch, out, to)
                    continue
                gather_columns(data, indices, x, start, stop, sizes.bound, sizes.batch, out, to)
            elif lanes:
                out[row] = gather_row_lanes(data, indices, x, start, stop, sizes.bound, out)
            else:
                out[row] = gather_row(data, indices, x, start, stop, sizes.bound, out)
        return 0

    parallel_gather = parallel_loop(gather)

    @link
    def gather_chunks(frame, rows, x, out, sizes):
        threads = threads_for(frame, columns_worth(U(rows.indices.size), sizes.batch))
        chunks = chunks_for(threads)
        return parallel_gather(frame, chunks, threads, (U(chunks), rows, x, out, sizes))

    if lanes and event and batched:
        packed = column_packer(call)

        @link
        def gather_packed(frame, rows, x, out, sizes):
            return gather_chunks(frame, rows, packed(x, sizes), out, sizes)

        return gather_packed

    with_room = room_maker(bytes_of_lanes=lanes and event)

    @link
    def gather_all(frame, rows, x, out, sizes):
        return gather_chunks(frame, rows, with_room(x), out, sizes)

    return gather_all


def build(call: KernelSpec) -> Any:
    """The kernel for one kind of call."""
    allocating = specialised(*call.words, allocates=True)
    gather_all, entries_of = gatherer(call), operand_reader(call)

    @allocating
    def kernel(frame, data, indices, indptr, x, out, batch, bound, inner, outer, reach, size, width):
        if out.size == 0 or x.size == 0 or indices.size == 0:
            out[:] = 0
            return 0
        sizes = sizes_of(batch, bound, inner, outer, reach, size, width)
        rows = Rows(data, indices, indptr, indices)
        return gather_all(frame, rows, entries_of(x, sizes), out, sizes)

    return kernel
