"""Materialised just-in-time connectivity: a window of it as dense arrays, or its connections as a list."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....bridge.specialise import specialised
from ..parallel import chunks_for, in_order_worth, on_threads
from .stream import SCRATCH, WORTH, block_keys, build_walk

__all__ = ["build_elements", "build_entries"]

U, W = np.uint64, np.uint32


def build_elements(facts: tuple[str, ...], *, tables_shape: tuple[int, int], serial: bool) -> Any:
    """The kernel that writes windows of networks as dense arrays.

    Args:
      facts: words for the other arguments.
      tables_shape: digits of a gap, and their base.
      serial: whether to use a single thread.

    Returns:
      An njit function `(frame, seed, first, tables, connected, drawn, block, length, lines) -> status`, which fills
      flat arrays of booleans and of draws; `first` holds the window's first row and position.
    """
    native, allocating = specialised(*facts), specialised(*facts, allocates=True)
    threads_for, parallel_loop = on_threads(serial)

    @native
    def visit(row, sink, position, value):
        connected, drawn = sink
        connected[row + position] = True
        drawn[row + position] = value
        return row

    walk = build_walk(native, tables_shape=tables_shape, value="draw", aligned=False, visit=visit)

    @allocating
    def write(chunk, chunks, seed, first, tables, connected, drawn, block, length, lines):
        draws, values = np.empty(SCRATCH, np.uint32), np.empty(SCRATCH, np.uint32)
        start = U(first[1])
        for line in range(lines * U(chunk) // chunks, lines * U(chunk + 1) // chunks):
            row = line * length
            for position in range(row, row + length):
                connected[position] = False
                drawn[position] = 0
            for number in range(start // block, (start + length + block - U(1)) // block):
                # Positions before the window wrap around, and are larger than any in the window.
                begin = number * block - start
                end = min(block, start + length - number * block)
                key0, key1 = block_keys(seed, W(first[0] + W(line)), W(number))
                walk(key0, key1, tables, begin, end, length, draws, values, row, (connected, drawn))
        return 0

    parallel_write = parallel_loop(write)

    @allocating
    def kernel(frame, seed, first, tables, connected, drawn, block, length, lines):
        threads = threads_for(frame, in_order_worth(U(lines * length)))
        chunks = chunks_for(threads)
        arguments = (U(chunks), seed, first, tables, connected, drawn, U(block), U(length), U(lines))
        return parallel_write(frame, chunks, threads, arguments)

    return kernel


def build_entries(facts: tuple[str, ...], *, tables_shape: tuple[int, int], serial: bool) -> Any:
    """The kernel that lists the connections, row by row.

    Args:
      facts: words for the other arguments.
      tables_shape: digits of a gap, and their base.
      serial: whether to use a single thread.

    Returns:
      An njit function `(frame, seed, first, tables, counts, positions, drawn, block, length, lines, per_line) ->
      status`. It writes the number of connections of every row, and the positions and draws of as many connections as
      there is room for.
    """
    native, allocating = specialised(*facts), specialised(*facts, allocates=True)
    threads_for, parallel_loop = on_threads(serial)

    @native
    def visit_count(count, sink, position, value):
        return count + U(1)

    @native
    def visit_list(place, sink, position, value):
        positions, drawn = sink
        if place < U(positions.size):
            positions[place] = position
            drawn[place] = value
        return place + U(1)

    # Two walks, whose symbols must differ.
    counting, listing = specialised(*facts, "count"), specialised(*facts, "list")
    walk_counting = build_walk(counting, tables_shape=tables_shape, value="none", aligned=True, visit=visit_count)
    walk_listing = build_walk(listing, tables_shape=tables_shape, value="draw", aligned=True, visit=visit_list)

    @allocating
    def count_lines(chunk, chunks, seed, first, tables, counts, block, length, lines):
        draws, values = np.empty(SCRATCH, np.uint32), np.empty(SCRATCH, np.uint32)
        for line in range(lines * U(chunk) // chunks, lines * U(chunk + 1) // chunks):
            count = U(0)
            for number in range((length + block - U(1)) // block):
                begin = number * block
                end = min(block, length - begin)
                key0, key1 = block_keys(seed, W(first[0] + W(line)), W(number))
                count = walk_counting(key0, key1, tables, begin, end, length, draws, values, count, 0)
            counts[line] = count
        return 0

    @allocating
    def list_lines(chunk, chunks, seed, first, tables, before, positions, drawn, block, length, lines):
        draws, values = np.empty(SCRATCH, np.uint32), np.empty(SCRATCH, np.uint32)
        for line in range(lines * U(chunk) // chunks, lines * U(chunk + 1) // chunks):
            place = before[line]
            for number in range((length + block - U(1)) // block):
                begin = number * block
                end = min(block, length - begin)
                key0, key1 = block_keys(seed, W(first[0] + W(line)), W(number))
                sink = (positions, drawn)
                place = walk_listing(key0, key1, tables, begin, end, length, draws, values, place, sink)
        return 0

    parallel_count, parallel_list = parallel_loop(count_lines), parallel_loop(list_lines)

    @allocating
    def kernel(frame, seed, first, tables, counts, positions, drawn, block, length, lines, per_line):
        threads = threads_for(frame, U(lines * per_line) * WORTH)
        chunks = chunks_for(threads)
        arguments = (U(chunks), seed, first, tables, counts, U(block), U(length), U(lines))
        status = parallel_count(frame, chunks, threads, arguments)
        if status != 0:
            return status
        before = np.empty(counts.size + 1, np.uint64)
        before[0] = 0
        for line in range(counts.size):
            before[line + 1] = before[line] + U(counts[line])
        if positions.size:
            lists = (U(chunks), seed, first, tables, before, positions, drawn, U(block), U(length), U(lines))
            status = parallel_list(frame, chunks, threads, lists)
        for place in range(min(before[counts.size], U(positions.size)), U(positions.size)):
            positions[place] = length
            drawn[place] = 0
        return status

    return kernel
