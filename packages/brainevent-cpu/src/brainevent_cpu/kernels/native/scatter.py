"""`A.T @ x` for compressed rows: each row scatters its entries. If zeros of x are skipped, only active rows are read.

The kernel is `(frame, data, indices, indptr, perm, x, out, batch, …, width) -> status`, see `gather`. If zeros of x are
skipped, each column of x and of the result is contiguous; otherwise both are row-major.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...bridge.memory import prefetch
from ...bridge.simd import LANES, all_true, iota, load, store
from ...bridge.specialise import specialised
from ...bridge.threads import parallel_loop
from ..kernel_spec import KernelSpec
from .arguments import Rows, sizes_of
from .arrivals import Targets, targets_of
from .elements import lanes_reader, weight_reader
from .events import active_counter, active_lister
from .parallel import chunks_for, columns_worth, in_order_worth, on_threads
from .partial_sums import part_counter, part_of, sum_adder
from .rows import row_reader

__all__ = ["build", "rows_adder", "scatterer"]

U, W = np.uint64, np.uint32

# Prefetch distance, in active rows. 250,000 entries in rows of 50 took 2.2 ns each (1 row: 2.5, 4 rows: 2.3, without
# prefetching: 4.4); in rows of 100, 1.7 with any distance and 3.0 without.
ROWS_AHEAD = U(2)

# Entries prefetched per row, but not more than the average row has: the hardware prefetcher follows the rest of a
# longer row, and prefetching takes time as well. In rows of 100, a million entries took 0.75 ns each (64: 0.84, 48:
# 0.89, 112: 0.78, none: 1.16); in rows of 500, 64 to 128 took equally long, and all entries 12 % more.
PREFETCHED = U(96)

# Entries of short rows that are collected before they are added: 128 to 2,048 took equally long in rows of 10.
COLLECTED = 512


def row_adder(native: Any, place_of: Any, term: Any, targets: Targets) -> Any:
    """`add_row(data, indices, perm, start, stop, reach, factor, out)`: add the entries of a row to their targets.

    Each adds `term(data, place_of(perm, entry), factor, out)`.
    """
    place, inside = targets.place, targets.inside

    @native
    def add_row(data, indices, perm, start, stop, reach, factor, out):
        # Load four entries before the first store: a load after a store to an unknown address waits. At full activity,
        # one at a time took 3.3 ns per entry, four 1.6, eight 1.6. One test for all four bounds gained nothing.
        entry = start
        while entry + U(4) <= stop:
            i, j = place(indices, perm, entry, reach), place(indices, perm, entry + U(1), reach)
            k, m = place(indices, perm, entry + U(2), reach), place(indices, perm, entry + U(3), reach)
            p, q = place_of(perm, entry), place_of(perm, entry + U(1))
            r, s = place_of(perm, entry + U(2)), place_of(perm, entry + U(3))
            a, b = term(data, p, factor, out), term(data, q, factor, out)
            c, d = term(data, r, factor, out), term(data, s, factor, out)
            if inside(i, reach):
                out[i] += a
            if inside(j, reach):
                out[j] += b
            if inside(k, reach):
                out[k] += c
            if inside(m, reach):
                out[m] += d
            entry += U(4)
        while entry < stop:
            i = place(indices, perm, entry, reach)
            if inside(i, reach):
                out[i] += term(data, place_of(perm, entry), factor, out)
            entry += U(1)

    return add_row


class RowAdders(NamedTuple):
    """Compiled functions that add rows.

    Attributes:
      add_rows: `add_rows(first, last, active, rows, reach, x, out, sizes)`: add the active rows at positions `first` to
        `last` of the list; `reach` determines which targets are valid (see `arrivals`).
      row_of: `row_of(active, i)`: the active row at position i.
      place_of: `place_of(perm, entry)`: the position of an entry's weight.
    """

    add_rows: Any
    row_of: Any
    place_of: Any


def rows_adder(call: KernelSpec) -> RowAdders:
    """Functions that add the active rows of a matrix, or all rows if zeros of x aren't skipped."""
    native = specialised(*call.words)
    weight, row_span, targets = weight_reader(call), row_reader(call), targets_of(call)
    event, selects, batched = call.event, call.selects, call.batched
    homogeneous = call.homogeneous
    permuted = call.permuted and not homogeneous
    perm_is_read = permuted or (call.permuted and call.delays == "entry")
    of_source, ask_for = targets.of_source, targets.ask_for

    @native
    def place_of(perm, entry):
        return U(perm[entry]) if permuted else entry

    @native
    def term(data, place, factor, out):
        """The contribution of an entry to its target."""
        if permuted and place >= U(data.size):
            return out.dtype.type(0)
        return weight(data, place) if event else weight(data, place) * factor

    add_row = row_adder(native, place_of, term, targets)

    @native
    def add_row_to_columns(data, indices, start, stop, bound, x, at, batch, out):
        for entry in range(start, stop):
            target = U(indices[entry])
            if target < bound:
                factor = weight(data, entry)
                for column in range(batch):
                    out[target * batch + column] += factor * x[at + column]

    @native
    def prefetch_row(rows, reach, start, length):
        # The same length for every row, so that branches are predicted: with the actual length of each row, rows of 100
        # took 0.84 instead of 0.75 ns per entry.
        for entry in range(start, start + length, U(64) // U(rows.indices.itemsize)):
            prefetch(rows.indices, entry)
        ask_for(reach, start, start + length)
        if perm_is_read:
            # Don't prefetch the weights, each of which is in its own cache line: with 25 million of them, 0.1 % active,
            # an entry took 16 ns without, and 27 if all weights of a row were prefetched two rows ahead. Prefetching
            # them one by one, 8 to 64 entries ahead, gained nothing.
            for entry in range(start, start + length, U(64) // U(rows.perm.itemsize)):
                prefetch(rows.perm, entry)
        elif not homogeneous:
            for entry in range(start, start + length, U(64) // U(rows.data.itemsize)):
                prefetch(rows.data, entry)

    @native
    def row_of(active, i):
        return U(active[i]) if selects else i

    @native
    def add_rows(first, last, active, rows, reach, x, out, sizes):
        data, indices, perm = rows.data, rows.indices, rows.perm
        prefetched = min(PREFETCHED, U(indices.size) // max(sizes.inner, U(1)))
        for i in range(first, last):
            row = row_of(active, i)
            if i + ROWS_AHEAD < last:
                ahead = row_of(active, i + ROWS_AHEAD)
                # The hardware prefetcher predicts consecutive rows: 10,000 rows of 10 entries took 290 us with
                # prefetching and 200 without, and 50,000 rows of 50 entries 4.1 and 3.4 ms.
                if ahead != row + ROWS_AHEAD:
                    start, _ = row_span(rows.indptr, ahead, sizes.width)
                    prefetch_row(rows, reach, start, prefetched)
            start, stop = row_span(rows.indptr, row, sizes.width)
            if event:
                add_row(data, indices, perm, start, stop, of_source(reach, row), out.dtype.type(0), out)
            elif batched and not selects:
                at = row * sizes.batch
                add_row_to_columns(data, indices, start, stop, reach, x, at, sizes.batch, out)
            else:
                add_row(data, indices, perm, start, stop, of_source(reach, row), x[row], out)

    return RowAdders(add_rows, row_of, place_of)


def _active_scatterer(call: KernelSpec, row_of: Any, scatter_rows: Any) -> Any:
    """`scatter_active(frame, active, count, rows, x, out, sizes) -> status`: add the `count` active rows, on as many
    threads as the work is worth.

    Args:
      call: the kind of call.
      row_of: `row_of(active, i)`, the active row at position i.
      scatter_rows: `scatter_rows(first, last, active, rows, x, out, sizes)`, which clears `out` and adds the active
        rows at positions `first` to `last`.
    """
    link = specialised(*call.words, link=True)

    if call.serial:

        @link
        def scatter_in_order(frame, active, count, rows, x, out, sizes):
            scatter_rows(U(0), count, active, rows, x, out, sizes)
            return 0

        return scatter_in_order

    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    row_span, selects, csr = row_reader(call), call.selects, call.layout == "csr"

    @native
    def part_begin(before, count, part, parts):
        """The first active row of a part, if all parts have about as many entries (`before` has their prefix sums)."""
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

    parallel_parts, parts_for, add_parts = parallel_loop(scatter_part), part_counter(serial=False), sum_adder(call)

    @native
    def count_entries(active, count, rows, sizes):
        if not csr:
            return count * sizes.width
        entries = U(0)
        for i in range(count):
            start, stop = row_span(rows.indptr, row_of(active, i), sizes.width)
            entries += stop - start
        return entries

    @link
    def scatter_active(frame, active, count, rows, x, out, sizes):
        entries = count_entries(active, count, rows, sizes)
        parts = parts_for(frame, entries if selects else columns_worth(entries, sizes.batch), out.size)
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

    return scatter_active


def scatterer(call: KernelSpec) -> Any:
    """`scatter_all(frame, rows, x, out, sizes) -> status`; x is in the encoding of the call."""
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    link = specialised(*call.words, link=True)
    row_span, weights = row_reader(call), lanes_reader(call)
    selects, batched = call.selects, call.batched
    threads_for, parallel_loop = on_threads(call.serial)
    add_rows, row_of, place_of = rows_adder(call)

    # -- short rows ----------------------------------------------------------------------------------------------------

    @native
    def collected_term(terms, place, factor, out):
        return terms[place]

    add_collected = row_adder(native, place_of, collected_term, targets_of(call))

    @native
    def collect(data, indices, entry, inside, factor, columns, terms, count):
        """Append one vector of entries and their terms to the collected ones; only lanes in the mask are loaded."""
        store(columns, count, load(indices, entry, inside), all_true())
        store(terms, count, weights(data, entry, inside) * factor, all_true())

    @native
    def add_short_rows(first, last, rows, x, out, sizes, columns, terms):
        # The end of a row of about 10 entries is mispredicted, which costs as much as the row. So entries of many rows
        # are copied into one contiguous buffer, in whole vectors, and added in one loop. 10,000 rows of 10 took 0.72 ns
        # per entry (row by row 1.17), rows of 20 0.73 (0.89), rows of 30 equally long. For events alone, this gains as
        # much if the matrix is in the cache, and loses 15 % if not: whole vectors touch more cache lines.
        data, indices = rows.data, rows.indices
        count = U(0)
        for row in range(first, last):
            entry, stop = row_span(rows.indptr, row, sizes.width)
            while entry < stop:
                # Entries of the next row in a whole vector are overwritten, or not added.
                if entry + U(LANES) <= U(indices.size):
                    collect(data, indices, entry, all_true(), x[row], columns, terms, count)
                else:
                    collect(data, indices, entry, iota() < W(stop - entry), x[row], columns, terms, count)
                count += min(stop - entry, U(LANES))
                entry += U(LANES)
                if count > U(COLLECTED):
                    add_collected(terms, columns, columns, U(0), count, sizes.bound, x[row], out)
                    count = U(0)
        add_collected(terms, columns, columns, U(0), count, sizes.bound, out.dtype.type(0), out)

    @allocating
    def collect_and_add_rows(first, last, active, rows, x, out, sizes):
        columns = np.empty(COLLECTED + 2 * LANES, rows.indices.dtype)
        terms = np.empty(COLLECTED + 2 * LANES, out.dtype)
        add_short_rows(first, last, rows, x, out, sizes, columns, terms)

    @native
    def add_whole_rows(first, last, active, rows, x, out, sizes):
        add_rows(first, last, active, rows, sizes.bound, x, out, sizes)

    add_all_rows = collect_and_add_rows if call.short else add_whole_rows

    @(allocating if call.short else native)
    def scatter_rows(first, last, active, rows, x, out, sizes):
        """Clear `out`, and add the active rows at positions `first` to `last`."""
        for line in range(out.size):
            out[line] = 0
        add_all_rows(first, last, active, rows, x, out, sizes)

    scatter_active = _active_scatterer(call, row_of, scatter_rows)

    # -- all kinds of operands -----------------------------------------------------------------------------------------

    if not selects:

        @link
        def scatter_numbers(frame, rows, x, out, sizes):
            return scatter_active(frame, np.empty(0, np.uint64), sizes.inner, rows, x, out, sizes)

        return scatter_numbers

    list_active = active_lister(call)

    @link
    def scatter_vector(frame, vector, active, rows, x, out, sizes):
        column = x[vector * sizes.size : (vector + U(1)) * sizes.size]
        count = list_active(column, U(0), sizes.size, sizes.inner, active)
        sums = out[vector * sizes.outer : (vector + U(1)) * sizes.outer]
        return scatter_active(frame, active, count, rows, column, sums, sizes)

    if not batched:

        @link
        def scatter_one(frame, rows, x, out, sizes):
            active = np.empty(np.int64(sizes.inner), np.uint64)
            return scatter_vector(frame, U(0), active, rows, x, out, sizes)

        return scatter_one

    count_active = active_counter(call)

    @allocating
    def scatter_vectors(chunk, chunks, frame, rows, x, out, sizes):
        # One vector after the other, so that its sums stay in the cache.
        status, active = 0, np.empty(np.int64(sizes.inner), np.uint64)
        for vector in range(sizes.batch * U(chunk) // chunks, sizes.batch * U(chunk + 1) // chunks):
            failure = scatter_vector(frame, vector, active, rows, x, out, sizes)
            status = failure if failure != 0 else status
        return status

    parallel_vectors, parts_for = parallel_loop(scatter_vectors), part_counter(call.serial)

    @native
    def threads_of_batch(frame, rows, x, sizes):
        """How many vectors run in parallel; if 1, they run in order, each on as many threads as it is worth."""
        size, batch = U(rows.indices.size), np.int64(sizes.batch)
        lines = in_order_worth(sizes.batch * (sizes.inner + sizes.outer))
        # Count events only if the call would be worth a second thread with every row active.
        if threads_for(frame, size * sizes.batch + lines) == 1:
            return 1
        entries = count_active(x, sizes) * (size // sizes.inner + U(1))
        across = min(threads_for(frame, entries + lines), batch)
        return across if across >= parts_for(frame, entries // sizes.batch, sizes.outer) else 1

    @link
    def scatter_batch(frame, rows, x, out, sizes):
        threads = threads_of_batch(frame, rows, x, sizes)
        chunks = min(np.int64(sizes.batch), chunks_for(threads))
        own_frame = frame if threads == 1 else 0
        return parallel_vectors(frame, chunks, threads, (U(chunks), own_frame, rows, x, out, sizes))

    return scatter_batch


def build(call: KernelSpec) -> Any:
    """The kernel for one kind of call."""
    allocating = specialised(*call.words, allocates=True)
    scatter_all = scatterer(call)

    @allocating
    def kernel(frame, data, indices, indptr, perm, x, out, batch, bound, inner, outer, reach, size, width):
        if out.size == 0 or x.size == 0 or indices.size == 0:
            out[:] = 0
            return 0
        sizes = sizes_of(batch, bound, inner, outer, reach, size, width)
        rows = Rows(data, indices, indptr, perm)
        return scatter_all(frame, rows, x, out, sizes)

    return kernel
