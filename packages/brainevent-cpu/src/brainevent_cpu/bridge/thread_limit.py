"""The numbers of `thread_settings`, read by compiled code whenever it runs.

Both lie in words of this process. Machine code finds them by the name of a symbol, not by an address, so that handlers
on disk fit every process; and as no attribute of a call has them, compiled programs obey new ones at once.
"""

from __future__ import annotations

from .process_word import word_of_process
from .thread_settings import ENTRIES, LIMIT

__all__ = ["entries_per_thread", "thread_limit"]

#: What `brainevent.config.num_threads` says at this moment; the largest int64 for None.
thread_limit = word_of_process("brainevent_thread_limit", LIMIT)

#: The work that a further thread is worth.
entries_per_thread = word_of_process("brainevent_entries_per_thread", ENTRIES)
