"""Delivery for compressed rows: each active row adds its entries to their targets, in the slots in which they arrive.
If zeros of x are skipped, only active rows are read.

The kernel is `(frame, ring, data, indices, indptr, perm, delays, now, x, out, bound, inner, length, size, slots, width)
-> status`; `ring` and `out` are one buffer. If `KernelSpec.permuted`, `perm` has the positions of weights and of delays
per entry: rows are then the columns of a matrix that is stored by rows. The kernel runs on one thread, because a copy
of the ring for each thread would take too much memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....bridge.specialise import specialised
from ...kernel_spec import KernelSpec
from ..arguments import Rows, sizes_of
from ..arrivals import Arrivals, slot_begins
from ..events import active_lister
from ..scatter import rows_adder

__all__ = ["build"]

U = np.uint64


def build(call: KernelSpec) -> Any:
    """The kernel for one kind of call."""
    allocating = specialised(*call.words, allocates=True)
    add_rows, _, _ = rows_adder(call)

    if call.selects:
        list_active = active_lister(call)

        @allocating
        def active_rows(x, sizes):
            active = np.empty(np.int64(sizes.inner), np.uint64)
            return active, list_active(x, U(0), sizes.size, sizes.inner, active)

    else:

        @allocating
        def active_rows(x, sizes):
            return np.empty(0, np.uint64), sizes.inner

    @allocating
    def kernel(
        frame, ring, data, indices, indptr, perm, delays, now, x, out, bound, inner, length, size, slots, width
    ):  # fmt: skip
        if out.size == 0 or x.size == 0 or indices.size == 0 or delays.size == 0:
            return 0
        sizes = sizes_of(1, bound, inner, length, bound, size, width)
        reach = Arrivals(delays, slot_begins(now[0], slots, length), U(bound), U(0))
        active, count = active_rows(x, sizes)
        add_rows(U(0), count, active, Rows(data, indices, indptr, perm), reach, x, out.reshape(out.size), sizes)
        return 0

    return kernel
