"""Products with compressed rows, in native code: one source for all formats, directions, and kinds of weights and
operands.

Arrays are flat. Positions are unsigned throughout: for a signed index Numba emits a test for negative values, twice
the time in `gather`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bridge.memory import kept, load_word, prefetch
from ..bridge.specialise import specialised
from ..bridge.threads import parallel_loop, pool_size

__all__ = ["build"]

U = np.uint64

# Entries times batch below which one thread is faster: a fork and join takes 4–5 µs.
SERIAL_BELOW = 30_000

# Entries of a row that the scatter asks for in advance; on longer rows the hardware sees where it is going.
PREFETCHED = U(2048)


def build(facts: tuple[str, ...], *, csr: bool, homogeneous: bool, event: bool, transpose: bool, batched: bool) -> Any:
    """The kernel for one kind of call.

    Args:
      facts: words for the other arguments, which become part of every symbol.
      csr: whether rows are bounded by pointers, otherwise by their common width.
      homogeneous: whether there is one weight for all entries.
      event: whether x holds booleans, otherwise numbers of the weights' dtype.
      transpose: whether to multiply by the transpose: scatter rather than gather.
      batched: whether x has several columns, otherwise one.

    Returns:
      An njit function `(frame, data, indices, indptr, x, out, batch, cols, rows, width) -> status`.
    """
    native = specialised(*facts)
    counting = event and homogeneous and not batched

    @native
    def unsigned(index):
        """Any integer as uint64: negative ones become larger than every size, so that one comparison catches both
        ends."""
        return U(np.int64(index))

    # -- rows ----------------------------------------------------------------------------------------------------------

    @native
    def well_formed(indptr, nse):
        """Whether pointers rise from 0 or more to `nse` or less. Without a branch, so that it is vectorised."""
        falls = 0
        for i in range(1, indptr.size):
            falls += indptr[i] < indptr[i - 1]
        return falls == 0 and indptr[0] >= 0 and indptr[indptr.size - 1] <= nse

    @native
    def repaired(indptr, nse):
        """Pointers clipped to [0, nse] and replaced by their running maximum; their dtype can hold what they become."""
        fixed = np.empty(indptr.size, indptr.dtype)
        last = np.int64(0)
        for i in range(indptr.size):
            if indptr[i] > nse:
                last = np.int64(nse)
            elif indptr[i] > 0:
                last = max(last, np.int64(indptr[i]))
            fixed[i] = last
        return fixed

    @native
    def row_start(indptr, row, width):
        """The position of the first entry of `row`; that of the next row is where it ends."""
        if csr:
            return U(indptr[row])
        return row * width

    # -- entries -------------------------------------------------------------------------------------------------------

    @native
    def weight_of(data, entry):
        return data[0] if homogeneous else data[entry]

    @native
    def term(data, indices, x, entry, cols):
        """What an entry adds to its row.

        A branch for the bounds is always predicted right, one for the spikes is not. In a gather of 256,000 entries
        at 10 % spikes, bounds by branch and spikes by bit mask took 160 µs (homogeneous: 104), both by select 413
        (157), both by branch 739, a zero appended to x for what is outside 178 (124); scipy.sparse takes 167.
        """
        column = unsigned(indices[entry])
        if column >= cols:
            return nothing(data)
        if counting:
            return np.int64(x[column])
        if event:
            return kept(weight_of(data, entry), x[column])
        return weight_of(data, entry) * x[column]

    @native
    def nothing(data):
        return np.int64(0) if counting else data.dtype.type(0)

    @native
    def add_columns(out, to, x, of, batch, weight):
        """Add a weight times a row of x to a row of the output."""
        zero = out.dtype.type(0)
        for column in range(batch):
            if event:
                out[to + column] += weight if x[of + column] != 0 else zero
            else:
                out[to + column] += weight * x[of + column]

    # -- A @ x ---------------------------------------------------------------------------------------------------------

    @native
    def gather_row(data, indices, x, start, stop, cols):
        # Four sums, because each waits for its own last addition only.
        zero = nothing(data)
        a, b, c, d = zero, zero, zero, zero
        entry = start
        while entry + U(4) <= stop:
            a += term(data, indices, x, entry, cols)
            b += term(data, indices, x, entry + U(1), cols)
            c += term(data, indices, x, entry + U(2), cols)
            d += term(data, indices, x, entry + U(3), cols)
            entry += U(4)
        while entry < stop:
            a += term(data, indices, x, entry, cols)
            entry += U(1)
        total = (a + b) + (c + d)
        if counting:
            # No event adds nothing, whatever the weight is.
            return data[0] * data.dtype.type(total) if total != 0 else data.dtype.type(0)
        return total

    @native
    def gather(chunk, chunks, data, indices, indptr, x, out, batch, cols, rows, width):
        first, last = rows * U(chunk) // chunks, rows * U(chunk + 1) // chunks
        for row in range(first, last):
            start, stop = row_start(indptr, row, width), row_start(indptr, row + U(1), width)
            if not batched:
                out[row] = gather_row(data, indices, x, start, stop, cols)
                continue
            for column in range(row * batch, (row + U(1)) * batch):
                out[column] = 0
            one = data.dtype.type(1)
            for entry in range(start, stop):
                source = unsigned(indices[entry])
                if source < cols:
                    # Counting events is exact, adding up the same weight isn't.
                    weight = one if event and homogeneous else weight_of(data, entry)
                    add_columns(out, row * batch, x, source * batch, batch, weight)
            if event and homogeneous:
                for column in range(row * batch, (row + U(1)) * batch):
                    if out[column] != 0:
                        out[column] *= data[0]
        return 0

    parallel_gather = parallel_loop(gather)

    # -- A.T @ x -------------------------------------------------------------------------------------------------------

    @native
    def find_active(x, batch, rows, active):
        """List the rows with an event; their number. Eight silent entries are passed at once."""
        found = U(0)
        size = rows * batch
        at = U(0)
        while at < size:
            if at + U(8) <= size and load_word(x, at) == 0:
                at += U(8)
            elif not batched:
                stop = min(at + U(8), size)
                while at < stop:
                    active[found] = at
                    found += U(x[at] != 0)
                    at += U(1)
            elif x[at] != 0:
                row = at // batch
                active[found] = row
                found += U(1)
                at = (row + U(1)) * batch
            else:
                at += U(1)
        return found

    @native
    def active_row(active, i):
        return U(active[i]) if event else i

    @native
    def prefetch_row(data, indices, indptr, row, width):
        start, stop = row_start(indptr, row, width), row_start(indptr, row + U(1), width)
        stop = min(stop, start + PREFETCHED)
        for entry in range(start, stop, U(64) // U(indices.itemsize)):
            prefetch(indices, entry)
        if not homogeneous:
            for entry in range(start, stop, U(64) // U(data.itemsize)):
                prefetch(data, entry)

    @native
    def scatter_rows(first, last, active, data, indices, indptr, x, out, batch, cols, width):
        """Add the active rows from number `first` to `last` to `out`."""
        for column in range(out.size):
            out[column] = 0
        for i in range(first, last):
            if i + U(2) < last:
                prefetch_row(data, indices, indptr, active_row(active, i + U(2)), width)
            row = active_row(active, i)
            start, stop = row_start(indptr, row, width), row_start(indptr, row + U(1), width)
            for entry in range(start, stop):
                target = unsigned(indices[entry])
                if target < cols:
                    weight = weight_of(data, entry)
                    if batched:
                        add_columns(out, target * batch, x, row * batch, batch, weight)
                    elif event:
                        out[target] += weight
                    else:
                        out[target] += weight * x[row]

    @native
    def share(before, count, part, parts):
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

    @native
    def scatter(chunk, chunks, active, before, count, data, indices, indptr, x, out, sums, batch, cols, width):
        first, last = share(before, count, U(chunk), chunks), share(before, count, U(chunk + 1), chunks)
        if chunk + 1 == np.int64(chunks):
            last = count
        part = out if chunk == 0 else sums[(chunk - 1) * out.size : chunk * out.size]
        scatter_rows(first, last, active, data, indices, indptr, x, part, batch, cols, width)
        return 0

    @native
    def add_sums(chunk, chunks, out, sums):
        size = U(out.size)
        first, last = size * U(chunk) // chunks, size * U(chunk + 1) // chunks
        for part in range(U(0), chunks - U(1)):
            for column in range(first, last):
                out[column] += sums[part * size + column]
        return 0

    parallel_scatter, parallel_sums = parallel_loop(scatter), parallel_loop(add_sums)

    @native
    def scatter_all(frame, data, indices, indptr, x, out, batch, cols, rows, width):
        active = np.empty(np.int64(rows) if event else 0, np.int64)
        count = find_active(x, batch, rows, active) if event else rows
        # How many entries there are to add.
        if csr:
            entries = U(0)
            for i in range(count):
                row = active_row(active, i)
                entries += row_start(indptr, row + U(1), width) - row_start(indptr, row, width)
        else:
            entries = count * width
        threads = pool_size(frame) if entries * batch >= U(SERIAL_BELOW) else 1
        # The sums of a chunk are as long as the output, and have to be cleared and added.
        if threads == 1 or entries * batch < U(2) * U(out.size):
            scatter_rows(U(0), count, active, data, indices, indptr, x, out, batch, cols, width)
            return 0
        before = np.empty(np.int64(count) + 1, np.uint64)
        before[0] = 0
        for i in range(count):
            row = active_row(active, i)
            before[i + U(1)] = before[i] + (row_start(indptr, row + U(1), width) - row_start(indptr, row, width))
        # As many chunks as threads: each needs sums of its own. They are added in the order of chunks.
        chunks = U(threads)
        sums = np.empty((threads - 1) * out.size, out.dtype)
        status = parallel_scatter(
            frame,
            threads,
            threads,
            (chunks, active, before, count, data, indices, indptr, x, out, sums, batch, cols, width),
        )
        return parallel_sums(frame, threads, threads, (chunks, out, sums)) if status == 0 else status

    # -- the kernel ----------------------------------------------------------------------------------------------------

    @native
    def kernel(frame, data, indices, indptr, x, out, batch, cols, rows, width):
        if out.size == 0 or x.size == 0 or indices.size == 0:
            out[:] = 0
            return 0
        mask = x.view(np.uint8) if event else x
        pointers = indptr
        if csr and not well_formed(indptr, indices.size):
            pointers = repaired(indptr, indices.size)
        if transpose:
            return scatter_all(frame, data, indices, pointers, mask, out, U(batch), U(cols), U(rows), U(width))
        threads = pool_size(frame) if indices.size * batch >= SERIAL_BELOW else 1
        # Rows differ in length: several chunks a thread, each claimed by whichever is free.
        chunks = 8 * threads if threads > 1 else 1
        return parallel_gather(
            frame,
            chunks,
            threads,
            (U(chunks), data, indices, pointers, mask, out, U(batch), U(cols), U(rows), U(width)),
        )

    return kernel
