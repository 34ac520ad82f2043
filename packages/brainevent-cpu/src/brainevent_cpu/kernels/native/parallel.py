"""The work of a kernel in entries of a sparse product, which decides how many threads it uses, see `threads_for`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...bridge.specialise import internal
from ...bridge.threads import parallel_loop, threads_for

__all__ = ["chunks_for", "columns_worth", "in_order_worth", "on_threads"]

U = np.uint64

# Chunks per thread, if chunks have no overhead: rows differ in length, and whichever thread is free claims the next
# chunk.
CHUNKS_PER_THREAD = 8

# How many numbers with sequential access, several per instruction, take as long as an entry with random access: 0.1 to
# 0.2 ns each in a cache.
IN_ORDER = U(8)


def on_threads(serial: bool) -> tuple[Any, Any]:
    """`threads_for` and `parallel_loop` for a kernel; a kernel with little work is `serial`, and uses no threads."""
    return (_one_thread, partial(parallel_loop, serial=True)) if serial else (threads_for, parallel_loop)


@internal
def _one_thread(frame, work):
    return 1


@internal
def chunks_for(threads):
    """The number of chunks for this many threads, if chunks have no overhead."""
    return CHUNKS_PER_THREAD * threads if threads > 1 else 1


@internal
def in_order_worth(numbers):
    """How many entries take as long as this many numbers with sequential access."""
    return numbers // IN_ORDER


@internal
def columns_worth(entries, batch):
    """How many entries take as long as these with `batch` adjacent columns, which are accessed sequentially."""
    return entries + in_order_worth(entries * (batch - U(1)))
