"""How many threads a kernel may use, and how much work each must have, read by compiled code whenever it runs.

Both numbers lie in words of this process. Machine code finds them by the name of a symbol, not by an address, so that
handlers on disk fit every process; and as no attribute of a call has them, compiled programs obey new ones at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator

from brainevent_core import config

from .process_word import word_of_process

__all__ = ["ENTRIES_PER_THREAD", "entries_per_thread", "shared_from", "thread_limit"]

#: The work that a further thread is worth, in entries of a sparse product, 0.5 to 2 ns each. To queue a task and wake
#: the thread that takes it costs 5 us on a bare machine, and more than 20 us of CPU time on a virtual one, where the
#: pool's threads spin for more work afterwards: two threads then took 1.3 to 2.6 times the CPU time of one for 31,000
#: to 58,000 entries, and were no faster.
ENTRIES_PER_THREAD = 80_000

_limit, _entries = ctypes.c_int64(sys.maxsize), ctypes.c_int64(ENTRIES_PER_THREAD)


#: What `brainevent.config.num_threads` says at this moment; the largest int64 for None.
thread_limit = word_of_process("brainevent_thread_limit", _limit)

#: `ENTRIES_PER_THREAD`, or what a test has in its place.
entries_per_thread = word_of_process("brainevent_entries_per_thread", _entries)


def _set_limit(count: int | None) -> None:
    _limit.value = sys.maxsize if count is None else count


config.on_num_threads_change(_set_limit)


@contextlib.contextmanager
def shared_from(entries: int) -> Iterator[None]:
    """Let a thread be worth so many entries in all kernels, for tests: so small products use several threads."""
    before, _entries.value = _entries.value, entries
    try:
        yield
    finally:
        _entries.value = before
