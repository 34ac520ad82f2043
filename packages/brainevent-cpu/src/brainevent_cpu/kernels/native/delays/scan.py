"""Delivery of entries that aren't sorted by source: every entry is visited.

The kernel is `(frame, ring, data, sources, lines, delays, now, x, out, bound, inner, length, rows, size, slots, width)
-> status`; `ring` and `out` are one buffer. With a layout, targets are rows, and `lines` are the row pointers; without
one, `lines` are the targets of entries. Targets below `bound` and sources below `inner` are inside the matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....bridge.specialise import specialised
from ...kernel_spec import KernelSpec
from ..arrivals import Arrivals, slot_begins, targets_of
from ..elements import weight_reader
from ..events import entry_writer
from ..plasticity.search import NOTED, searcher
from ..rows import row_reader

__all__ = ["build"]

U = np.uint64


def build(call: KernelSpec) -> Any:
    """The kernel for one kind of call."""
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    weight, row_span, targets = weight_reader(call), row_reader(call), targets_of(call)
    at, inside, event, in_rows = targets.at, targets.inside, call.event, call.layout != ""

    @native
    def target_of(lines, entry, row, width):
        """The target of an entry, which is in `row` or in a later row."""
        if not in_rows:
            return U(lines[entry])
        while row_span(lines, row, width)[1] <= entry:
            row += U(1)
        return row

    @native
    def add_noted(places, noted, row, sink):
        data, sources, lines, reach, x, out, width = sink
        for i in range(noted):
            entry = places[i]
            target, source = target_of(lines, entry, row, width), U(sources[entry])
            row = target if in_rows else row
            if target < reach.bound:
                place = at(target, source, entry, reach)
                if inside(place, reach):
                    out[place] += weight(data, entry) if event else weight(data, entry) * x[source]
        return row

    search = searcher(call, add_noted)

    if event:
        write_entries = entry_writer(call)

        @native
        def mark(x, size, inner, mask):
            write_entries(x, U(0), size, inner, mask, U(0), U(1))

    else:
        selects = call.selects

        @native
        def mark(x, size, inner, mask):
            for line in range(inner):
                mask[line] = np.uint8(x[line] != 0) if selects else np.uint8(1)

    @native
    def any_marked(mask):
        found = 0
        for line in range(mask.size):
            found |= mask[line]
        return found != 0

    @native
    def span(sources, lines, rows, width):
        """The range of the entries that belong to rows."""
        if not in_rows:
            return U(0), U(sources.size)
        return row_span(lines, U(0), width)[0], row_span(lines, rows - U(1), width)[1]

    @allocating
    def kernel(
        frame, ring, data, sources, lines, delays, now, x, out, bound, inner, length, rows, size, slots, width
    ):  # fmt: skip
        if out.size == 0 or x.size == 0 or sources.size == 0 or delays.size == 0 or rows == 0:
            return 0
        mask, sums = np.empty(inner, np.uint8), out.reshape(out.size)
        mark(x, U(size), U(inner), mask)
        if any_marked(mask):
            start, stop = span(sources, lines, U(rows), U(width))
            reach = Arrivals(delays, slot_begins(now[0], slots, length), U(bound), U(0))
            places, sink = np.empty(NOTED, np.uint64), (data, sources, lines, reach, x, sums, U(width))
            search(sources, start, stop, U(inner), False, mask, places, data, U(0), sink)
        return 0

    return kernel
