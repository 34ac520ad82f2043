"""Products of an x that selects with a dense matrix: they cost the active lines.

The kernel is `(frame, data, x, out, batch, …, width) -> status`, see `gather`; `width` is the length of a row of the
matrix. Columns of x stand behind each other, and so do their results.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bridge.memory import every_bit, masked
from ...bridge.specialise import specialised
from ...bridge.threads import parallel_loop
from ..call import Call
from .arguments import sizes_of
from .elements import multiplier, weight_reader
from .events import active_lister
from .parallel import chunks_for, threads_for

__all__ = ["build"]

U = np.uint64

# Columns whose sums are kept in the cache while all active rows are added to them. The hardware reads ahead in long
# stretches only: 1,000 of 10,000 x 10,000 weights took 2.3 ms (4,096 columns, which the first level holds: 3.0).
TILE = U(16384)

# In a row, an active element costs as much as this many that are read in passing: in a matrix that the cache holds, and
# in one that comes from memory, of which few active elements touch every line. Of 1,000 x 1,000 weights both ways took
# the same at 9 % spikes, of 10,000 x 10,000 at 5 %.
COST_OF_JUMP, COST_OF_JUMP_IN_MEMORY = 11, 20
CACHE = 1 << 23


def build(call: Call) -> Any:
    """The kernel for one kind of call."""
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    weight, list_active = weight_reader(call), active_lister(call)
    event = call.event

    @native
    def factor_at(x, at, out):
        """The entry of x that an active line has."""
        return out.dtype.type(1) if event else x[at]

    @native
    def scaled(number, factor):
        return number if event else number * factor

    @allocating
    def places_of(active, vector, inner):
        """Where the active lines of a vector are listed."""
        return active[vector * inner : (vector + U(1)) * inner]

    @allocating
    def list_all(x, active, counts, sizes):
        """The active lines of all vectors; how many there are."""
        lines = U(0)
        for vector in range(sizes.batch):
            places = places_of(active, vector, sizes.inner)
            counts[vector] = list_active(x, vector * sizes.size, sizes.size, sizes.inner, places)
            lines += U(counts[vector])
        return lines

    # -- x @ A: add up the active rows ---------------------------------------------------------------------------------

    @native
    def add_tile(data, active, count, x, begin, out, to, first, last, width):
        """Columns `first` to `last` of the active rows, added up in `out` from `to` on."""
        for column in range(first, last):
            out[to + column] = 0
        i = U(0)
        # Four rows at once: a quarter of the loads and stores of the sums.
        while i + U(4) <= count:
            a, b = U(active[i]) * width, U(active[i + U(1)]) * width
            c, d = U(active[i + U(2)]) * width, U(active[i + U(3)]) * width
            e, f = factor_at(x, begin + U(active[i]), out), factor_at(x, begin + U(active[i + U(1)]), out)
            g, h = factor_at(x, begin + U(active[i + U(2)]), out), factor_at(x, begin + U(active[i + U(3)]), out)
            for column in range(first, last):
                out[to + column] += (scaled(weight(data, a + column), e) + scaled(weight(data, b + column), f)) + (
                    scaled(weight(data, c + column), g) + scaled(weight(data, d + column), h)
                )
            i += U(4)
        while i < count:
            a, e = U(active[i]) * width, factor_at(x, begin + U(active[i]), out)
            for column in range(first, last):
                out[to + column] += scaled(weight(data, a + column), e)
            i += U(1)

    @allocating
    def add_rows(tile, tiles, data, active, counts, x, out, sizes):
        width = sizes.outer
        first, last = width * U(tile) // tiles, width * U(tile + 1) // tiles
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
        counted = masked

        @allocating
        def entries_of(x, active, counts, out, sizes):
            """A mask per event."""
            entries = np.zeros(np.int64(sizes.inner * sizes.batch), out.dtype)
            for vector in range(sizes.batch):
                for i in range(U(counts[vector])):
                    entries[vector * sizes.inner + active[vector * sizes.inner + i]] = every_bit(out.dtype.type(0))
            return entries

    else:
        counted = multiplier(call)

        @native
        def entries_of(x, active, counts, out, sizes):
            return x

    @specialised(*call.words, reassociate=True)
    def sum_all(data, at, stride, entries, begin, width, out):
        """The sums of eight rows, `stride` apart.

        Each sum waits for its own last addition only, and a mask is read once for all. 10,000 x 10,000 weights took
        20.6 ms (four rows: 22, two: 25, one: 31; a product with the zeros, by XLA: 20.2).
        """
        zero = out.dtype.type(0)
        a, b, c, d, e, f, g, h = zero, zero, zero, zero, zero, zero, zero, zero
        for column in range(width):
            mask, here = entries[begin + column], at + column
            a += counted(weight(data, here), mask)
            b += counted(weight(data, here + stride), mask)
            c += counted(weight(data, here + U(2) * stride), mask)
            d += counted(weight(data, here + U(3) * stride), mask)
            e += counted(weight(data, here + U(4) * stride), mask)
            f += counted(weight(data, here + U(5) * stride), mask)
            g += counted(weight(data, here + U(6) * stride), mask)
            h += counted(weight(data, here + U(7) * stride), mask)
        return a, b, c, d, e, f, g, h

    @allocating
    def sum_rows(chunk, chunks, data, active, counts, entries, out, sizes):
        inner = sizes.inner
        cached = sizes.batch > U(1) or U(data.size * data.itemsize) <= U(CACHE)
        cost_of_jump = U(COST_OF_JUMP) if cached else U(COST_OF_JUMP_IN_MEMORY)
        first, stop = sizes.outer * U(chunk) // chunks, sizes.outer * U(chunk + 1) // chunks
        together = U(8) if first + U(8) <= stop else U(1)
        row = first
        while row < stop:
            # The last eight may begin among those before, and repeat some.
            row = min(row, stop - together)
            # All vectors, while the rows are in the cache.
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
    transpose = call.transpose

    @allocating
    def kernel(frame, data, x, out, batch, bound, inner, outer, reach, size, threads, width):
        if out.size == 0 or x.size == 0 or data.size == 0:
            out[:] = 0
            return 0
        sizes = sizes_of(batch, bound, inner, outer, reach, size, width)
        active, counts = np.empty(inner * batch, np.uint64), np.empty(batch, np.uint64)
        lines = list_all(x, active, counts, sizes)
        threads = threads_for(frame, lines * sizes.outer, threads)
        chunks = chunks_for(threads)
        if transpose:
            tiles = max((sizes.outer + TILE - U(1)) // TILE, U(chunks))
            return parallel_rows(frame, np.int64(tiles), threads, (tiles, data, active, counts, x, out, sizes))
        entries = entries_of(x, active, counts, out, sizes)
        return parallel_sums(frame, chunks, threads, (U(chunks), data, active, counts, entries, out, sizes))

    return kernel
