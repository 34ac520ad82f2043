"""Products of a dense matrix with an x whose zeros are skipped: the cost scales with the number of active elements.

The kernel is `(frame, data, x, out, batch, …, width) -> status`, see `gather`; `width` is the length of a row of the
matrix. Each column of x is contiguous, and so is each column of the result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bridge.memory import prefetch
from ...bridge.simd import LANES, all_true, iota, load, splat, store, sum_lanes, where
from ...bridge.specialise import specialised
from ..kernel_spec import KernelSpec
from .arguments import sizes_of
from .elements import lanes_reader, weight_reader
from .events import active_lister
from .parallel import chunks_for, in_order_worth, on_threads

__all__ = ["build"]

U, W = np.uint64, np.uint32

# Columns per tile, whose sums stay in the cache while all active rows are added to them. The hardware prefetcher needs
# long stretches: 1,000 rows of 10,000 x 10,000 weights took 2.3 ms (with 4,096 columns, which fit in L1: 3.0).
TILE = U(16384)

# Random access to one element of a row costs as much as sequential access to this many: in a matrix that fits in the
# cache, and in one that comes from memory, where few active elements touch every cache line. With 1,000 x 1,000 weights
# both ways took the same time at 9 % spikes, with 10,000 x 10,000 at 5 %.
COST_OF_JUMP, COST_OF_JUMP_IN_MEMORY = 11, 20
CACHE = 1 << 23

# Prefetch distance in each row, in weights, unless the matrix fits in the cache: the hardware prefetcher stops at the
# end of a page, and can't predict the next row. With 10,000 x 10,000 weights, 1,000 rows of float32 took 2.25 ms, four
# at a time (256 or 1,024 ahead: 2.28, none: 2.4), and of float16 1.1 (none: 1.5); all rows took 24.0 ms, eight at a
# time (64 or 1,024 ahead: 24.8, none: 25.6), and in float64 equally long with any distance.
AHEAD_IN_FOUR, AHEAD_IN_EIGHT = U(512), U(128)


def build(call: KernelSpec) -> Any:
    """The kernel for one kind of call."""
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    weight, weights, list_active = weight_reader(call), lanes_reader(call), active_lister(call)
    event, transpose = call.event, call.transpose
    threads_for, parallel_loop = on_threads(call.serial)

    @native
    def factor_at(x, at, out):
        """The element of x at position `at`, 1 for an event."""
        return out.dtype.type(1) if event else x[at]

    @native
    def scaled(number, factor):
        return number if event else number * factor

    @allocating
    def places_of(active, vector, inner):
        """The part of `active` that lists the active elements of a vector."""
        return active[vector * inner : (vector + U(1)) * inner]

    @allocating
    def list_all(x, active, counts, sizes):
        """List the active elements of all vectors. Returns their number; if a vector has more than take as long as a
        sequential pass over a row, that limit counts instead."""
        lines, most = U(0), sizes.inner if transpose else sizes.inner // U(COST_OF_JUMP)
        for vector in range(sizes.batch):
            places = places_of(active, vector, sizes.inner)
            counts[vector] = list_active(x, vector * sizes.size, sizes.size, sizes.inner, places)
            lines += min(U(counts[vector]), most)
        return lines

    # -- x @ A: add up the active rows ---------------------------------------------------------------------------------

    @native
    def starts_of(active, i, width):
        """Where four active rows begin."""
        return (
            U(active[i]) * width, U(active[i + U(1)]) * width, U(active[i + U(2)]) * width, U(active[i + U(3)]) * width,
        )  # fmt: skip

    @native
    def factors_of(active, i, x, begin, out):
        """The elements of x for four active rows."""
        e, f = factor_at(x, begin + U(active[i]), out), factor_at(x, begin + U(active[i + U(1)]), out)
        g, h = factor_at(x, begin + U(active[i + U(2)]), out), factor_at(x, begin + U(active[i + U(3)]), out)
        return e, f, g, h

    @native
    def in_cache(data):
        return U(data.size * data.itemsize) <= U(CACHE)

    @native
    def prefetch_lanes(data, at):
        for place in range(U(0), U(LANES), U(64) // U(data.itemsize)):
            prefetch(data, at + place)

    @native
    def prefetch_four(data, starts, column):
        a, b, c, d = starts
        prefetch_lanes(data, a + column)
        prefetch_lanes(data, b + column)
        prefetch_lanes(data, c + column)
        prefetch_lanes(data, d + column)

    @native
    def prefetch_ahead(data, starts, following, column, first, last):
        """Prefetch a column of four rows; if it is past the last column, a column of the following rows."""
        if column < last:
            prefetch_four(data, starts, column)
        else:
            prefetch_four(data, following, first + (column - last))

    @native
    def add_four(data, starts, factors, column, inside, out, to):
        a, b, c, d = starts
        e, f, g, h = factors
        near = scaled(weights(data, a + column, inside), e) + scaled(weights(data, b + column, inside), f)
        far = scaled(weights(data, c + column, inside), g) + scaled(weights(data, d + column, inside), h)
        store(out, to + column, load(out, to + column, inside) + (near + far), inside)

    @native
    def add_tile(data, active, count, x, begin, out, to, first, last, width):
        """Sum columns `first` to `last` of the active rows, into `out` from `to` on."""
        for column in range(first, last):
            out[to + column] = 0
        cached, i = in_cache(data), U(0)
        # Four rows at once need a quarter of the loads and stores of the sums.
        while i + U(4) <= count:
            starts, factors = starts_of(active, i, width), factors_of(active, i, x, begin, out)
            following = starts_of(active, min(i + U(4), count - U(4)), width)
            column = first
            while column + U(LANES) <= last:
                if not cached:
                    prefetch_ahead(data, starts, following, column + AHEAD_IN_FOUR, first, last)
                add_four(data, starts, factors, column, all_true(), out, to)
                column += U(LANES)
            add_four(data, starts, factors, column, iota() < W(last - column), out, to)
            i += U(4)
        while i < count:
            a, e = U(active[i]) * width, factor_at(x, begin + U(active[i]), out)
            for column in range(first, last):
                out[to + column] += scaled(weight(data, a + column), e)
            i += U(1)

    @native
    def border(tile, tiles, width):
        """The first column of a tile; all tiles but the last consist of whole vectors."""
        return min((width * U(tile) // tiles + U(LANES - 1)) // U(LANES) * U(LANES), width)

    @allocating
    def add_rows(tile, tiles, data, active, counts, x, out, sizes):
        width = sizes.outer
        first, last = border(tile, tiles, width), border(tile + 1, tiles, width)
        for vector in range(sizes.batch):
            places = places_of(active, vector, sizes.inner)
            begin, to = vector * sizes.inner, vector * width
            add_tile(data, places, U(counts[vector]), x, begin, out, to, first, last, width)
        return 0

    # -- A @ x: in every row, add up the active elements ---------------------------------------------------------------

    @native
    def listed_term(data, at, line, x, begin, out):
        return scaled(weight(data, at + line), factor_at(x, begin + line, out))

    @native
    def sum_listed(data, at, active, count, x, begin, out):
        zero = out.dtype.type(0)
        a, b, c, d = zero, zero, zero, zero
        i = U(0)
        while i + U(4) <= count:
            a += listed_term(data, at, U(active[i]), x, begin, out)
            b += listed_term(data, at, U(active[i + U(1)]), x, begin, out)
            c += listed_term(data, at, U(active[i + U(2)]), x, begin, out)
            d += listed_term(data, at, U(active[i + U(3)]), x, begin, out)
            i += U(4)
        while i < count:
            a += listed_term(data, at, U(active[i]), x, begin, out)
            i += U(1)
        return (a + b) + (c + d)

    if event:

        @allocating
        def entries_of(x, active, counts, out, sizes):
            """One number per element: 1 for an event, otherwise 0."""
            entries = np.zeros(np.int64(sizes.inner * sizes.batch), out.dtype)
            for vector in range(sizes.batch):
                for i in range(U(counts[vector])):
                    entries[vector * sizes.inner + active[vector * sizes.inner + i]] = 1
            return entries

    else:

        @native
        def entries_of(x, active, counts, out, sizes):
            return x

    @native
    def add_found(total, data, at, value, inside, zero):
        """Add weights to the sums of a row where the elements of x aren't zero."""
        return where(value != zero, total + scaled(weights(data, at, inside), value), total)

    @native
    def add_eight(sums, data, at, stride, entries, place, inside):
        """Add one vector of columns to the sums of eight rows; `at` is its position in the first row."""
        a, b, c, d, e, f, g, h = sums
        value, zero = load(entries, place, inside), entries.dtype.type(0)
        return (
            add_found(a, data, at, value, inside, zero),
            add_found(b, data, at + stride, value, inside, zero),
            add_found(c, data, at + U(2) * stride, value, inside, zero),
            add_found(d, data, at + U(3) * stride, value, inside, zero),
            add_found(e, data, at + U(4) * stride, value, inside, zero),
            add_found(f, data, at + U(5) * stride, value, inside, zero),
            add_found(g, data, at + U(6) * stride, value, inside, zero),
            add_found(h, data, at + U(7) * stride, value, inside, zero),
        )

    @native
    def sum_all(data, at, stride, entries, begin, width, out):
        """The sums of eight rows, `stride` apart.

        The eight sums don't wait for each other, and elements of x are read once for all. Without prefetching, 10,000 x
        10,000 weights took 20.6 ms (four rows at once: 22, two: 25, one: 31). XLA's dense product takes 20.2, and so
        does this with prefetching.
        """
        zero = splat(out.dtype.type(0))
        sums = (zero, zero, zero, zero, zero, zero, zero, zero)
        cached, column = in_cache(data), U(0)
        while column + U(LANES) <= width:
            for row in range(U(0) if cached else U(8)):
                prefetch_lanes(data, at + row * stride + column + AHEAD_IN_EIGHT)
            sums = add_eight(sums, data, at + column, stride, entries, begin + column, all_true())
            column += U(LANES)
        sums = add_eight(sums, data, at + column, stride, entries, begin + column, iota() < W(width - column))
        a, b, c, d, e, f, g, h = sums
        return (
            sum_lanes(a), sum_lanes(b), sum_lanes(c), sum_lanes(d),
            sum_lanes(e), sum_lanes(f), sum_lanes(g), sum_lanes(h),
        )  # fmt: skip

    @allocating
    def sum_rows(chunk, chunks, data, active, counts, entries, out, sizes):
        inner = sizes.inner
        cached = sizes.batch > U(1) or in_cache(data)
        cost_of_jump = U(COST_OF_JUMP) if cached else U(COST_OF_JUMP_IN_MEMORY)
        first, stop = sizes.outer * U(chunk) // chunks, sizes.outer * U(chunk + 1) // chunks
        together = U(8) if first + U(8) <= stop else U(1)
        row = first
        while row < stop:
            # The last eight rows may overlap the previous eight, and repeat some.
            row = min(row, stop - together)
            # Process all vectors while the rows are in the cache.
            for vector in range(sizes.batch):
                to, at, begin = vector * sizes.outer + row, row * inner, vector * inner
                count = U(counts[vector])
                if count * cost_of_jump < inner:
                    places = places_of(active, vector, inner)
                    for i in range(together):
                        out[to + i] = sum_listed(data, at + i * inner, places, count, entries, begin, out)
                elif together == U(8):
                    sums = sum_all(data, at, inner, entries, begin, inner, out)
                    for i in range(8):
                        out[to + U(i)] = sums[i]
                else:
                    out[to] = sum_all(data, at, U(0), entries, begin, inner, out)[0]
            row += together
        return 0

    parallel_rows, parallel_sums = parallel_loop(add_rows), parallel_loop(sum_rows)

    @allocating
    def kernel(frame, data, x, out, batch, bound, inner, outer, reach, size, width):
        if out.size == 0 or x.size == 0 or data.size == 0:
            out[:] = 0
            return 0
        sizes = sizes_of(batch, bound, inner, outer, reach, size, width)
        active, counts = np.empty(inner * batch, np.uint64), np.empty(batch, np.uint64)
        touched = list_all(x, active, counts, sizes) * sizes.outer
        threads = threads_for(frame, in_order_worth(touched) if transpose else touched)
        if transpose:
            # One tile per thread, because all columns take equally long and short stretches of rows take longer. With
            # eight tiles per thread, 3,000 x 3,000 weights took 1.7 times the CPU time.
            tiles = max((sizes.outer + TILE - U(1)) // TILE, U(threads))
            return parallel_rows(frame, np.int64(tiles), threads, (tiles, data, active, counts, x, out, sizes))
        chunks, entries = chunks_for(threads), entries_of(x, active, counts, out, sizes)
        return parallel_sums(frame, chunks, threads, (U(chunks), data, active, counts, entries, out, sizes))

    return kernel
