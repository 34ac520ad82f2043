"""Where an entry is added: at its target, or, with delays, at its target in a slot of the ring buffer."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...bridge.memory import prefetch
from ...bridge.specialise import internal, specialised
from ..kernel_spec import KernelSpec

__all__ = ["Arrivals", "Targets", "slot_begins", "targets_of"]

U = np.uint64

#: Sentinel for an entry that is not delivered: every position from this one on is invalid.
NOWHERE = U(1) << U(63)


class Arrivals(NamedTuple):
    """`reach` for entries with delays: their delays, and the slots of the ring buffer. Without delays, `reach` is just
    the number of targets.

    Attributes:
      delays: delays in steps, read as unsigned: one for all entries, one per source or target, or one per entry, as
        `KernelSpec.delays` says.
      begins: the start of each delay's slot, see `slot_begins`.
      bound: how many targets there are; larger indices are outside the matrix.
      begin: the start of the slot in which the entries of a source arrive, if they all have the same delay.
    """

    delays: Any
    begins: Any
    bound: Any
    begin: Any


class Targets(NamedTuple):
    """Compiled functions, for one kind of call.

    Attributes:
      of_source: `of_source(reach, source) -> reach`: `reach` for the entries of one source.
      place: `place(indices, perm, entry, reach)`: the position to which an entry is added.
      at: `at(target, source, entry, reach)`: the same if the target and the source are known, and both are valid.
      inside: `inside(place, reach)`: whether a position is valid.
      ask_for: `ask_for(reach, start, stop)` prefetches what is read per entry besides its index and weight.
    """

    of_source: Any
    place: Any
    at: Any
    inside: Any
    ask_for: Any


@internal
def slot_begins(now, slots, length):
    """The start of the slot in which each delay arrives, for all delays less than the number of slots.

    This is a table, because there are few slots: computed per entry, 20,000 entries took 1.3 times as long.
    """
    begins, slot = np.empty(slots, np.uint64), np.int64(now)
    for delay in range(slots):
        begins[delay] = U(slot) * U(length)
        slot = slot + 1 if slot + 1 < slots else 0
    begins[0] = NOWHERE  # a delay of 0 is invalid
    return begins


def targets_of(call: KernelSpec) -> Targets:
    """The functions that map the entries of a kernel to positions."""
    native = specialised(*call.words)
    if not call.delays:

        @native
        def of_any_source(reach, source):
            return reach

        @native
        def target(indices, perm, entry, reach):
            return U(indices[entry])

        @native
        def itself(target, source, entry, reach):
            return target

        @native
        def is_target(place, reach):
            return place < reach

        @native
        def ask_for_nothing(reach, start, stop):
            pass

        return Targets(of_any_source, target, itself, is_target, ask_for_nothing)

    extent, permuted = call.delays, call.permuted

    @native
    def begin_of(delay, reach):
        """The start of a delay's slot; `NOWHERE` for a delay that isn't less than the number of slots."""
        return reach.begins[delay if delay < U(reach.begins.size) else U(0)]

    @native
    def of_source(reach, source):
        if extent == "all" or extent == "source":
            begin = begin_of(U(reach.delays[U(0) if extent == "all" else source]), reach)
            return Arrivals(reach.delays, reach.begins, reach.bound, begin)
        return reach

    @native
    def at(target, source, entry, reach):
        """The position of an entry whose target, source and index into the delays are valid."""
        if extent == "all":
            begin = begin_of(U(reach.delays[U(0)]), reach)
        elif extent == "source":
            begin = begin_of(U(reach.delays[source]), reach)
        elif extent == "target":
            begin = begin_of(U(reach.delays[target]), reach)
        else:
            begin = begin_of(U(reach.delays[entry]), reach)
        return begin + target

    @native
    def place(indices, perm, entry, reach):
        target = U(indices[entry])
        if extent == "all" or extent == "source":
            return reach.begin + target if target < reach.bound else NOWHERE
        if extent == "target":
            return at(target, U(0), entry, reach) if target < reach.bound else NOWHERE
        where = U(perm[entry]) if permuted else entry
        if permuted and where >= U(reach.delays.size):
            return NOWHERE
        begin = begin_of(U(reach.delays[where]), reach)
        return begin + target if target < reach.bound else NOWHERE

    @native
    def inside(place, reach):
        return place < NOWHERE

    @native
    def ask_for(reach, start, stop):
        if extent == "entry" and not permuted:
            for entry in range(start, stop, U(64) // U(reach.delays.itemsize)):
                prefetch(reach.delays, entry)

    return Targets(of_source, place, at, inside, ask_for)
