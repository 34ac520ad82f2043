"""Products with just-in-time connectivity.

Rows are walked block by block, and all rows through one block before the next, so that the part of the vector that a
block touches stays in the cache. A scatter is divided into chunks by sizes and events alone, and in a gather each row
has a sum of its own, so results don't depend on the number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....bridge.memory import load_word, select_or_zero
from ....bridge.simd import iota, load, store
from ....bridge.specialise import specialised
from ..events import room_maker
from ..parallel import chunks_for, columns_worth, in_order_worth, on_threads
from .lines import build_gather_lines
from .stream import SCRATCH, WORTH, block_keys, build_walk

__all__ = ["build_matmul"]

U, W = np.uint64, np.uint32

# Rows whose keys are computed together, so that this is vectorised.
GROUP = 16

# Into how many parts the rows are divided at most, if the blocks alone don't give enough chunks.
PARTS = U(8)


def build_matmul(
    facts: tuple[str, ...],
    *,
    tables_shape: tuple[int, int],
    law: str,
    entries: str,
    transpose: bool,
    batched: bool,
    window: bool,
    vectors: str,
    serial: bool,
) -> Any:
    """The kernel of a product.

    Args:
      facts: words for the other arguments, which become part of every symbol.
      tables_shape: digits of a gap, and their base.
      law: the distribution of the weights.
      entries: what x holds: "event", one byte per element; otherwise numbers of the weights' dtype, "float" or
        "sparse_float".
      transpose: whether to multiply by the transpose: a scatter instead of a gather.
      batched: whether x has several columns, otherwise one.
      window: whether the rows of the matrix begin in the middle of those of the network, at `first[1]`.
      vectors: what is looked up in SIMD vectors: "gaps" of the scalar law, see `stream`; "lines", a step of several
        rows at once, if a single vector is gathered, see `lines`; or "none".
      serial: whether to use a single thread.

    Returns:
      An njit function `(frame, data, seed, first, tables, x, out, batch, block, length, lines, per_line) -> status`;
      `per_line` is the expected number of connections per row.
    """
    native, allocating = specialised(*facts), specialised(*facts, allocates=True)
    threads_for, parallel_loop = on_threads(serial)
    event, selects, scalar = entries == "event", entries != "float", law == "scalar"
    counting = scalar and event and not batched
    abreast = vectors == "lines"
    # Rows that are walked together belong to one chunk.
    unit = U(GROUP if abreast else 1)

    @native
    def weight_of(data, value):
        return data[0] if scalar else data[0] + data[1] * data.dtype.type(value)

    @native
    def contribution(weight, value):
        if event:
            return select_or_zero(weight, value)
        return select_or_zero(weight * value, np.uint8(value != 0)) if selects else weight * value

    @native
    def add_columns(out, to, x, of, batch, weight):
        """Add a weight times a row of x to a row of the output."""
        for column in range(batch):
            out[to + column] += contribution(weight, x[of + column])

    # -- what a connection adds to the output of A.T @ x, or to the sum of its row in A @ x ---------------------------

    @native
    def addition(data, value, factor):
        """What a connection adds; `factor` is the element of x of its row, 1 for an event."""
        return weight_of(data, value) if event else weight_of(data, value) * factor

    @native
    def visit_scatter(factor, sink, position, value):
        out, data, x, row, batch = sink
        if batched:
            add_columns(out, position * batch, x, row, batch, weight_of(data, value))
        else:
            out[position] += addition(data, value, factor)
        return factor

    @native
    def visit_gather(total, sink, position, value):
        out, data, x, row, batch = sink
        if batched:
            add_columns(out, row, x, position * batch, batch, weight_of(data, value))
            return total
        if counting:
            return W(total + x[position])
        return total + contribution(weight_of(data, value), x[position])

    @native
    def visit_four_scatter(factor, sink, positions, values):
        out, data = sink[0], sink[1]
        if batched:
            for i in range(4):
                factor = visit_scatter(factor, sink, positions[i], values[i])
            return factor
        # All four loads come before the first store. Otherwise, processors that have once predicted that a load depends
        # on a pending store make every load wait for the store before it: a connection took 7 instead of 2.6 ns.
        a = out[positions[0]] + addition(data, values[0], factor)
        b = out[positions[1]] + addition(data, values[1], factor)
        c = out[positions[2]] + addition(data, values[2], factor)
        d = out[positions[3]] + addition(data, values[3], factor)
        out[positions[0]] = a
        out[positions[1]] = b
        out[positions[2]] = c
        out[positions[3]] = d
        return factor

    @native
    def visit_four_gather(total, sink, positions, values):
        for i in range(4):
            total = visit_gather(total, sink, positions[i], values[i])
        return total

    walk = build_walk(
        native,
        tables_shape=tables_shape,
        value="none" if scalar else law,
        aligned=not window,
        visit=visit_scatter if transpose else visit_gather,
        visit_four=visit_four_scatter if transpose else visit_four_gather,
        lanes=vectors == "gaps",
    )

    @native
    def group_keys(seed, first, active, start, count, number, keys0, keys1):
        """The keys of block `number`, for `count` rows."""
        for i in range(count):
            line = W(active[start + i]) if transpose else W(start + i)
            keys0[i], keys1[i] = block_keys(seed, W(first + line), W(number))

    @allocating
    def scatter_block(number, start, stop, active, data, seed, first, tables, x, out, batch, block, length, origin):
        draws, values = np.empty(SCRATCH, np.uint32), np.empty(SCRATCH, np.float32)
        keys0, keys1 = np.empty(GROUP, np.uint32), np.empty(GROUP, np.uint32)
        # Positions before the window wrap around, and are larger than any in the window.
        begin = number * block - origin
        end = min(block, origin + length - number * block)
        for group in range(start, stop, U(GROUP)):
            count = min(U(GROUP), stop - group)
            group_keys(seed, first, active, group, count, number, keys0, keys1)
            for i in range(count):
                row = U(active[group + i]) * batch
                factor = data.dtype.type(1) if event or batched else x[row]
                key0, key1, sink = keys0[i], keys1[i], (out, data, x, row, batch)
                walk(key0, key1, tables, begin, end, length, draws, values, factor, sink)

    @allocating
    def scatter(chunk, blocks, parts, active, data, seed, first, tables, x, out, sums, batch, block, length, origin):
        """One block of one part of the rows. All parts but the first have their own sums."""
        number, part = origin // block + U(chunk) % blocks, U(chunk) // blocks
        target = out if part == 0 else sums[(part - U(1)) * U(out.size) : part * U(out.size)]
        begin = (max(number * block, origin) - origin) * batch
        stop = (min(origin + length, (number + U(1)) * block) - origin) * batch
        for position in range(begin, stop):
            target[position] = 0
        size = U(active.size)
        scatter_block(
            number,
            size * part // parts,
            size * (part + U(1)) // parts,
            active,
            data,
            seed,
            first,
            tables,
            x,
            target,
            batch,
            block,
            length,
            origin,
        )
        return 0

    @native
    def add_sums(chunk, chunks, parts, out, sums):
        size = U(out.size)
        for part in range(U(0), parts - U(1)):
            for position in range(size * U(chunk) // chunks, size * U(chunk + 1) // chunks):
                out[position] += sums[part * size + position]
        return 0

    parallel_scatter, parallel_sums = parallel_loop(scatter), parallel_loop(add_sums)

    @allocating
    def find_active(x, batch, lines):
        """The active rows, or all rows if zeros aren't skipped. Zeros of x are skipped eight bytes at a time."""
        active = np.empty(np.int64(lines), np.uint32)
        if not selects:
            for line in range(lines):
                active[line] = line
            return active
        found = U(0)
        size, step = lines * batch, U(8) // U(x.itemsize)
        at = U(0)
        while at < size:
            if at + step <= size and load_word(x, at) == 0:
                at += step
            elif x[at] != 0:
                line = at // batch
                active[found] = line
                found += U(1)
                at = (line + U(1)) * batch
            else:
                at += U(1)
        return active[:found]

    @allocating
    def scatter_all(frame, data, seed, first, tables, x, out, batch, block, length, lines, per_line, origin):
        active = find_active(x, batch, lines)
        blocks = (origin + length + block - U(1)) // block - origin // block
        work = columns_worth(U(active.size) * per_line, batch)
        parts = U(1)
        if blocks < PARTS:
            # The sums of a part are as long as the output, and have to be cleared and added.
            parts = max(U(1), min(PARTS, U(active.size) * per_line * batch // (U(4) * U(out.size))))
        sums = np.empty(np.int64(parts - U(1)) * out.size, out.dtype)
        threads = threads_for(frame, work * WORTH)
        arguments = (blocks, parts, active, data, seed, first, tables, x, out, sums, batch, block, length, origin)
        status = parallel_scatter(frame, np.int64(blocks * parts), threads, arguments)
        if status == 0 and parts > U(1):
            threads = threads_for(frame, in_order_worth(U(sums.size)))
            status = parallel_sums(frame, threads, threads, (U(threads), parts, out, sums))
        return status

    @native
    def finished(total, data):
        """The sum of a row."""
        if counting:
            # Without events the sum is 0, whatever the weight is.
            return data[0] * data.dtype.type(total) if total != 0 else data.dtype.type(0)
        return total

    gather_lines: Any = None
    if abreast:
        gather_lines = build_gather_lines(
            native, tables_shape=tables_shape, law=law, event=event, selects=selects, counting=counting
        )

    @allocating
    def gather(chunk, chunks, data, seed, first, tables, x, out, batch, block, length, lines, origin):
        draws, values = np.empty(SCRATCH, np.uint32), np.empty(SCRATCH, np.float32)
        keys0, keys1 = np.empty(GROUP, np.uint32), np.empty(GROUP, np.uint32)
        groups = (lines + unit - U(1)) // unit
        start, stop = groups * U(chunk) // chunks * unit, min(lines, groups * U(chunk + 1) // chunks * unit)
        for position in range(start * batch, stop * batch):
            out[position] = 0
        totals = np.zeros(np.int64(stop - start), np.uint32 if counting else out.dtype)
        for number in range(origin // block, (origin + length + block - U(1)) // block):
            begin = number * block - origin
            end = min(block, origin + length - number * block)
            for group in range(start, stop, U(GROUP)):
                count = min(U(GROUP), stop - group)
                group_keys(seed, first, x, group, count, number, keys0, keys1)
                if abreast:
                    used = iota() < W(count)
                    total = load(totals, group - start, used)
                    key0, key1 = load(keys0, U(0), used), load(keys1, U(0), used)
                    total = gather_lines(key0, key1, tables, W(begin), W(end), W(count), data, x, total)
                    store(totals, group - start, total, used)
                    continue
                for i in range(count):
                    total, sink = totals[group - start + i], (out, data, x, (group + i) * batch, batch)
                    key0, key1 = keys0[i], keys1[i]
                    totals[group - start + i] = walk(key0, key1, tables, begin, end, length, draws, values, total, sink)
        if not batched:
            for line in range(start, stop):
                out[line] = finished(totals[line - start], data)
        return 0

    parallel_gather, with_room = parallel_loop(gather), room_maker(bytes_of_lanes=abreast and event)

    @allocating
    def gather_all(frame, data, seed, first, tables, x, out, batch, block, length, lines, per_line, origin):
        threads = threads_for(frame, columns_worth(lines * per_line, batch) * WORTH)
        chunks = U(chunks_for(threads))
        arguments = (chunks, data, seed, first, tables, with_room(x), out, batch, block, length, lines, origin)
        return parallel_gather(frame, np.int64(chunks), threads, arguments)

    @allocating
    def kernel(frame, data, seed, first, tables, x, out, batch, block, length, lines, per_line):
        if lines == 0 or length == 0 or batch == 0:
            out[:] = 0
            return 0
        origin = U(first[1]) if window else U(0)
        sizes = (U(batch), U(block), U(length), U(lines), U(per_line), origin)
        arguments = (frame, data, seed, first[0], tables, x, out, *sizes)
        return scatter_all(*arguments) if transpose else gather_all(*arguments)

    return kernel
