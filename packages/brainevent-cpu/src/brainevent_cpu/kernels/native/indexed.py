"""`A @ x` for compressed rows with a column index, if zeros of x are skipped: scatters the active columns, or gathers
all entries if that is less work.

The kernel is `(frame, data, indices, indptr, column_rows, column_indptr, column_perm, x, out, batch, …, width) ->
status`, see `gather`; row indices in the column index are valid below `reach`. Each column of x and of the result is
contiguous.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from brainevent_core.encodings import BINARY

from ...bridge.specialise import internal, specialised
from ..kernel_spec import KernelSpec
from .arguments import Rows, sizes_of
from .events import active_lister, column_interleaver
from .gather import gatherer
from .scatter import scatterer

__all__ = ["build"]

U = np.uint64

# The cost of an entry that is reached through the index, relative to one that is read in order. With a homogeneous
# weight it is 1.5 to 2, or 3 to 4 relative to a SIMD gather. With one weight per entry, each weight is in its own cache
# line, which comes from the cache (6 to 7 ns with a million entries; in order 1.0 to 1.2), or from memory with TLB
# misses (15 ns with 2.5 million entries, 30 with 25 million).
COST_HOMOGENEOUS, COST_HOMOGENEOUS_LANES = U(2), U(3)
COSTS_PERMUTED = ((2_000_000, U(7)), (8_000_000, U(13)))
LARGEST_COST = U(25)


@internal
def cost_permuted(entries):
    """The relative cost of an entry, in a matrix with one weight per entry."""
    for fewer_than, cost in COSTS_PERMUTED:
        if entries < fewer_than:
            return cost
    return LARGEST_COST


def build(call: KernelSpec) -> Any:
    """The kernel for one kind of call."""
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    gather_all = gatherer(dataclasses.replace(call, encoding=BINARY) if call.event else call)
    by_column = dataclasses.replace(call, layout="csr", transpose=True, permuted=True)
    scatter_all = scatterer(by_column)
    list_active, side_by_side = active_lister(call), column_interleaver(call)
    batched, homogeneous = call.batched, call.homogeneous
    cost_homogeneous = COST_HOMOGENEOUS_LANES if call.lanes else COST_HOMOGENEOUS

    @native
    def active_entries(x, active, indptr, sizes):
        """The number of entries in the active columns."""
        entries = U(0)
        for vector in range(sizes.batch):
            count = list_active(x, vector * sizes.size, sizes.size, sizes.inner, active)
            for i in range(count):
                entries += U(indptr[active[i] + U(1)]) - U(indptr[active[i]])
        return entries

    @allocating
    def gather_vectors(frame, rows, x, out, sizes):
        """Gather from a row-major copy of x, and make the columns of the result contiguous, as the scatter does."""
        sums = np.empty(out.size, out.dtype) if batched else out
        status = gather_all(frame, rows, side_by_side(x, sizes), sums, sizes)
        if batched:
            for line in range(sizes.outer):
                for vector in range(sizes.batch):
                    out[vector * sizes.outer + line] = sums[line * sizes.batch + vector]
        return status

    @allocating
    def kernel(
        frame, data, indices, indptr, column_rows, column_indptr, column_perm, x, out,
        batch, bound, inner, outer, reach, size, width,
    ):  # fmt: skip
        if out.size == 0 or x.size == 0 or indices.size == 0:
            out[:] = 0
            return 0
        sizes = sizes_of(batch, bound, inner, outer, reach, size, width)
        active = np.empty(inner, np.uint64)
        cost = cost_homogeneous if homogeneous else cost_permuted(indices.size)
        if active_entries(x, active, column_indptr, sizes) * cost < U(indices.size) * sizes.batch:
            columns = Rows(data, column_rows, column_indptr, column_perm)
            # Here indices are rows, which `reach` bounds.
            by_column_sizes = sizes_of(batch, reach, inner, outer, reach, size, 0)
            return scatter_all(frame, columns, x, out, by_column_sizes)
        rows = Rows(data, indices, indptr, indices)
        return gather_vectors(frame, rows, x, out, sizes)

    return kernel
