"""How many threads a kernel may use, and how much work each must have. Imports no Numba.

Compiled code reads both variables whenever it runs, see `thread_limit`.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator

from brainevent_core import config

__all__ = ["ENTRIES", "ENTRIES_PER_THREAD", "LIMIT", "is_worth_a_thread", "shared_from"]

#: How much work makes a further thread worthwhile, in entries of a sparse product, 0.5 to 2 ns each. To queue a task
#: and wake its thread costs 5 us on a bare machine, and more than 20 us of CPU time on a virtual one, where the pool's
#: threads spin for more work afterwards: two threads then took 1.3 to 2.6 times the CPU time of one for 31,000 to
#: 58,000 entries, and were no faster.
ENTRIES_PER_THREAD = 80_000

#: The current value of `brainevent.config.num_threads`; the largest int64 for None.
LIMIT = ctypes.c_int64(sys.maxsize)

#: `ENTRIES_PER_THREAD`, unless a test has replaced it.
ENTRIES = ctypes.c_int64(ENTRIES_PER_THREAD)


def is_worth_a_thread(entries: float) -> bool:
    """Whether this many entries are worth a further thread."""
    return entries >= ENTRIES.value


def _set_limit(count: int | None) -> None:
    LIMIT.value = sys.maxsize if count is None else count


config.on_num_threads_change(_set_limit)


@contextlib.contextmanager
def shared_from(entries: int) -> Iterator[None]:
    """For tests: make a further thread worth this many entries in all kernels, so that small products use several.

    A kernel that was compiled as `serial` before, for less work than a thread was worth then, stays on one thread.
    """
    before, ENTRIES.value = ENTRIES.value, entries
    try:
        yield
    finally:
        ENTRIES.value = before
