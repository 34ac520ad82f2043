"""The variables of `thread_settings`, for compiled code, which reads them whenever it runs.

Machine code finds them by symbol instead of by address, so handlers on disk work in every process. They aren't
attributes of calls, so changes take effect in compiled programs, too.
"""

from __future__ import annotations

from .process_word import word_of_process
from .thread_settings import ENTRIES, LIMIT

__all__ = ["entries_per_thread", "thread_limit"]

#: The current value of `brainevent.config.num_threads`; the largest int64 for None.
thread_limit = word_of_process("brainevent_thread_limit", LIMIT)

#: How much work makes a further thread worthwhile.
entries_per_thread = word_of_process("brainevent_entries_per_thread", ENTRIES)
