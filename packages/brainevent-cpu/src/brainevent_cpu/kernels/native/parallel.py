"""When a kernel uses several threads."""

from __future__ import annotations

from ...bridge.specialise import internal
from ...bridge.threads import pool_size

# A fork and join takes 4–5 µs; 30,000 entries take 25 µs in the fastest kernel. Below, one thread is about as fast, and
# leaves the other cores to the rest of the program.
SERIAL_BELOW = 30_000

# How many chunks a thread gets where chunks cost nothing: rows differ in length, and whichever thread is free claims
# the next chunk.
CHUNKS_PER_THREAD = 8


@internal
def threads_for(frame, work):
    """How many threads `work` entries are worth."""
    return 1 if work < SERIAL_BELOW else pool_size(frame)


@internal
def chunks_for(threads):
    """Into how many chunks work is cut for so many threads, where chunks cost nothing."""
    return CHUNKS_PER_THREAD * threads if threads > 1 else 1
