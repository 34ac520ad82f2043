"""The search for entries whose line has an event: all entries are looked at."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....bridge.memory import prefetch
from ....bridge.specialise import specialised
from ...kernel_spec import KernelSpec
from .inside import inside_tester

__all__ = ["NOTED", "searcher"]

U = np.uint64

# Entries that are looked at twice if it isn't known that all lines exist, first whether these do: they stay in the
# innermost cache.
SEGMENT = U(1024)

# Entries whose events are looked up at once.
GROUP = U(8)

# Entries that are noted, and their weights asked for, before the first of them is touched.
NOTED = 64


def searcher(call: KernelSpec, touch_noted: Any) -> Any:
    """A function that finds the entries whose line has an event.

    Events of eight entries are looked up at once, with one branch for all of them; entries that have one are noted, and
    what is to be done about them is done while their weights come from memory. Of a million entries with 1 % events,
    eight bytes of a group and its branch take 0.5 ms, and finding the one that has an event 0.2 (a branch that can't be
    predicted). Without a branch for the group (a list of groups, written always) it was 1.5 times as much.

    Args:
      call: the kernel's.
      touch_noted: an njit function `touch_noted(places, noted, carry, sink) -> carry` that changes the weights of the
        first `noted` entries in `places`, which rise from call to call.

    Returns:
      `search(keys, first, last, reach, inside, mask, places, out, carry, sink) -> carry`. `keys` are the lines of
      entries, of which those from `first` to `last` are looked at, and `mask` has a byte for each line. Lines from
      `reach` on have no events; `inside` says that there are none. `places` is scratch, an array of length `NOTED`, and
      `out` has the weights, by entry.
    """
    native = specialised(*call.words)
    all_inside, room = inside_tester(call), U(NOTED)

    @native
    def note_group(keys, mask, out, start, places, noted):
        prefetch(out, start)
        for entry in range(start, start + GROUP):
            # Without a branch: which of them it is can't be predicted.
            places[noted] = entry
            noted += U(mask[U(keys[entry])])
        return noted

    @native
    def search(keys, first, last, reach, inside, mask, places, out, carry, sink):
        entry, noted = first, U(0)
        while entry < last:
            stop = min(last, entry + SEGMENT)
            if inside or all_inside(keys, entry, stop, reach):
                while entry + GROUP <= stop:
                    a = mask[U(keys[entry])] | mask[U(keys[entry + U(1)])]
                    b = mask[U(keys[entry + U(2)])] | mask[U(keys[entry + U(3)])]
                    c = mask[U(keys[entry + U(4)])] | mask[U(keys[entry + U(5)])]
                    d = mask[U(keys[entry + U(6)])] | mask[U(keys[entry + U(7)])]
                    if (a | b | c | d) != 0:
                        if noted + GROUP > room:
                            carry = touch_noted(places, noted, carry, sink)
                            noted = U(0)
                        noted = note_group(keys, mask, out, entry, places, noted)
                    entry += GROUP
            while entry < stop:
                line = U(keys[entry])
                if line < reach and mask[line] != 0:
                    if noted == room:
                        carry = touch_noted(places, noted, carry, sink)
                        noted = U(0)
                    places[noted] = entry
                    noted += U(1)
                entry += U(1)
        return touch_noted(places, noted, carry, sink)

    return search
