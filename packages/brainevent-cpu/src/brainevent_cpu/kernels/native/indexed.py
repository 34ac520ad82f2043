"""`A @ events` with compressed rows that carry a column index: it costs the active columns, or all entries if that is
less.

The kernel is `(frame, data, indices, indptr, column_rows, column_indptr, column_slots, x, out, batch, …, width) ->
status`, see `gather`; rows in the index reach as far as `reach`. Columns of x and of the result stand behind each
other.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ...bridge.specialise import specialised
from ..call import Call
from .arguments import Rows, sizes_of
from .events import active_lister, mask_writer
from .gather import gatherer
from .scatter import scatterer

__all__ = ["build"]

U = np.uint64

# How many times longer an entry takes that is reached through the index: its weight is in a line of its own.
COST_BY_SLOT = 4
COST_HOMOGENEOUS = 2


def build(call: Call) -> Any:
    """The kernel for one kind of call."""
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    gather_all = gatherer(dataclasses.replace(call, operand="binary"))
    by_column = dataclasses.replace(call, layout="csr", transpose=True, slots=True)
    scatter_all = scatterer(by_column)
    list_active, write_mask = active_lister(call), mask_writer(call)
    batched = call.batched
    cost = COST_HOMOGENEOUS if call.homogeneous else COST_BY_SLOT

    @native
    def active_entries(x, active, indptr, sizes):
        """How many entries the active columns have."""
        entries = U(0)
        for vector in range(sizes.batch):
            count = list_active(x, vector * sizes.size, sizes.size, sizes.inner, active)
            for i in range(count):
                entries += U(indptr[active[i] + U(1)]) - U(indptr[active[i]])
        return entries

    @allocating
    def gather_vectors(frame, rows, x, out, sizes, threads):
        """Gathered from columns side by side, and written behind each other, as the other way has them."""
        mask = np.empty(np.int64(sizes.inner * sizes.batch), np.uint8)
        for vector in range(sizes.batch):
            write_mask(x, vector * sizes.size, sizes.size, sizes.inner, mask, vector, sizes.batch)
        sums = np.empty(out.size, out.dtype) if batched else out
        status = gather_all(frame, rows, mask, sums, sizes, threads)
        if batched:
            for line in range(sizes.outer):
                for vector in range(sizes.batch):
                    out[vector * sizes.outer + line] = sums[line * sizes.batch + vector]
        return status

    @allocating
    def kernel(
        frame, data, indices, indptr, column_rows, column_indptr, column_slots, x, out,
        batch, bound, inner, outer, reach, size, threads, width,
    ):  # fmt: skip
        if out.size == 0 or x.size == 0 or indices.size == 0:
            out[:] = 0
            return 0
        sizes = sizes_of(batch, bound, inner, outer, reach, size, width)
        active = np.empty(inner, np.uint64)
        if active_entries(x, active, column_indptr, sizes) * U(cost) < U(indices.size) * sizes.batch:
            columns = Rows(data, column_rows, column_indptr, column_slots)
            # The index of an entry's row is bounded by the reach.
            by_column_sizes = sizes_of(batch, reach, inner, outer, reach, size, 0)
            return scatter_all(frame, columns, x, out, by_column_sizes, threads)
        rows = Rows(data, indices, indptr, indices)
        return gather_vectors(frame, rows, x, out, sizes, threads)

    return kernel
