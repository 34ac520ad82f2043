"""When a kernel uses several threads: what its work is in entries of a sparse product, see `threads_for`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...bridge.specialise import internal
from ...bridge.threads import parallel_loop, threads_for

__all__ = ["chunks_for", "columns_worth", "in_order_worth", "on_threads"]

U = np.uint64

# How many chunks a thread gets where chunks cost nothing: rows differ in length, and whichever thread is free claims
# the next chunk.
CHUNKS_PER_THREAD = 8

# How many numbers that are read and written in order, several in an instruction, take as long as an entry, which is
# looked up: 0.1 to 0.2 ns each in a cache.
IN_ORDER = U(8)


def on_threads(serial: bool) -> tuple[Any, Any]:
    """`threads_for` and `parallel_loop` for a kernel; one with little work is `serial`, and uses no threads."""
    return (_one_thread, partial(parallel_loop, serial=True)) if serial else (threads_for, parallel_loop)


@internal
def _one_thread(frame, work):
    return 1


@internal
def chunks_for(threads):
    """Into how many chunks work is cut for so many threads, where chunks cost nothing."""
    return CHUNKS_PER_THREAD * threads if threads > 1 else 1


@internal
def in_order_worth(numbers):
    """How many entries take as long as so many numbers in order."""
    return numbers // IN_ORDER


@internal
def columns_worth(entries, batch):
    """How many entries take as long as these with `batch` columns side by side, which are numbers in order."""
    return entries + in_order_worth(entries * (batch - U(1)))
