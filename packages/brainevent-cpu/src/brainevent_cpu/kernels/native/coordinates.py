"""Products with a list of entries in any order (`coo`): every entry is visited, and adds to its target.

The kernel is `(frame, data, targets, sources, x, out, batch, …, width) -> status`, see `gather`: targets below `bound`
and sources below `reach` are inside the matrix. The caller chooses whether rows or columns are the targets, so one
kernel serves both directions. The result is row-major.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bridge.specialise import specialised
from ..kernel_spec import KernelSpec
from .arguments import sizes_of
from .elements import multiplier, weight_reader
from .events import operand_reader
from .parallel import columns_worth, on_threads
from .partial_sums import part_counter, part_of, sum_adder

__all__ = ["build"]

U = np.uint64


def build(call: KernelSpec) -> Any:
    """The kernel for one kind of call."""
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    weight, contribution, entries_of = weight_reader(call), multiplier(call), operand_reader(call)
    selects, batched = call.selects, call.batched

    @native
    def operand_at(x, source, reach):
        return x[source] if source < reach else x.dtype.type(0)

    @native
    def any_active(a, b, c, d):
        return ((a != 0) | (b != 0)) | ((c != 0) | (d != 0))

    @native
    def term(data, entry, value):
        """The contribution of an entry to its target."""
        return contribution(weight(data, entry), value)

    @native
    def add_columns(data, entry, x, at, out, to, batch):
        # Skipping entries without an event in any column takes as long as adding zeros if few entries have events, and
        # 1.8 times as long if many have.
        factor = weight(data, entry)
        for column in range(batch):
            out[to + column] += contribution(factor, x[at + column])

    @native
    def add_entries(first, last, data, targets, sources, x, out, sizes):
        for line in range(out.size):
            out[line] = 0
        batch, bound, reach = sizes.batch, sizes.bound, sizes.reach
        entry, zero = first, out.dtype.type(0)
        while entry + U(4) <= last and not batched:
            p, q = U(sources[entry]), U(sources[entry + U(1)])
            r, s = U(sources[entry + U(2)]), U(sources[entry + U(3)])
            a, b = operand_at(x, p, reach), operand_at(x, q, reach)
            c, d = operand_at(x, r, reach), operand_at(x, s, reach)
            # Of four silent entries, neither weights nor targets are read: 4 of 12 bytes per entry.
            if not selects or any_active(a, b, c, d):
                e = term(data, entry, a) if selects or p < reach else zero
                f = term(data, entry + U(1), b) if selects or q < reach else zero
                g = term(data, entry + U(2), c) if selects or r < reach else zero
                h = term(data, entry + U(3), d) if selects or s < reach else zero
                i, j = U(targets[entry]), U(targets[entry + U(1)])
                k, m = U(targets[entry + U(2)]), U(targets[entry + U(3)])
                if i == j and j == k and k == m:
                    # As in a sorted list, where each single addition would wait for the previous one.
                    if i < bound:
                        out[i] += (e + f) + (g + h)
                else:
                    if i < bound:
                        out[i] += e
                    if j < bound:
                        out[j] += f
                    if k < bound:
                        out[k] += g
                    if m < bound:
                        out[m] += h
            entry += U(4)
        while entry < last:
            target, source = U(targets[entry]), U(sources[entry])
            if target < bound and source < reach:
                if batched:
                    add_columns(data, entry, x, source * batch, out, target * batch, batch)
                else:
                    out[target] += term(data, entry, x[source])
            entry += U(1)

    @allocating
    def add_part(part, parts, data, targets, sources, x, out, copies, sizes):
        size = U(targets.size)
        first, last = size * U(part) // parts, size * U(part + 1) // parts
        add_entries(first, last, data, targets, sources, x, part_of(out, copies, part), sizes)
        return 0

    _, parallel_loop = on_threads(call.serial)
    parallel_parts, parts_for, add_parts = parallel_loop(add_part), part_counter(call.serial), sum_adder(call)

    @allocating
    def kernel(frame, data, targets, sources, x, out, batch, bound, inner, outer, reach, size, width):
        if out.size == 0 or x.size == 0:
            out[:] = 0
            return 0
        sizes = sizes_of(batch, bound, inner, outer, reach, size, width)
        parts = parts_for(frame, columns_worth(U(targets.size), sizes.batch), out.size)
        copies = np.empty((parts - 1) * out.size, out.dtype)
        entries = entries_of(x, sizes)
        status = parallel_parts(frame, parts, parts, (U(parts), data, targets, sources, entries, out, copies, sizes))
        return add_parts(frame, parts, out, copies) if status == 0 else status

    return kernel
