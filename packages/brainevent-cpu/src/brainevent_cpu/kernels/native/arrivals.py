"""Where an entry adds what it adds: at its target, or, with delays, at its target in the slot of a ring."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...bridge.memory import prefetch
from ...bridge.specialise import internal, specialised
from ..kernel_spec import KernelSpec

__all__ = ["Arrivals", "Targets", "slot_begins", "targets_of"]

U = np.uint64

#: The place of what arrives nowhere, and the least of those that are none.
NOWHERE = U(1) << U(63)


class Arrivals(NamedTuple):
    """A ring and the delays of what is added to it; for entries without delays a bound of targets stands here.

    Attributes:
      delays: how many steps later entries arrive, read as unsigned: one for all, for each source or target, or for
        each entry, as the kernel's specification says.
      begins: where the slot of each delay begins, see `slot_begins`.
      bound: how many targets there are; larger ones are outside.
      begin: where the slot begins in which the entries of a source arrive, if they have one delay.
    """

    delays: Any
    begins: Any
    bound: Any
    begin: Any


class Targets(NamedTuple):
    """Compiled functions, for one kind of call.

    Attributes:
      of_source: `of_source(reach, source) -> reach`: what entries of one source have in common.
      place: `place(indices, perm, entry, reach)`: where an entry adds.
      at: `at(target, source, entry, reach)`: the same for an entry whose target and source are known, both inside.
      inside: `inside(place, reach)`: whether there is such a place.
      ask_for: `ask_for(reach, start, stop)` prefetches what is read of entries besides index and weight.
    """

    of_source: Any
    place: Any
    at: Any
    inside: Any
    ask_for: Any


@internal
def slot_begins(now, slots, length):
    """Where the slot begins in which a delay arrives, for each that is less than the number of slots.

    A table, for slots are few: with arithmetic for each entry, 20,000 of them took 1.3 times as long.
    """
    begins, slot = np.empty(slots, np.uint64), np.int64(now)
    for delay in range(slots):
        begins[delay] = U(slot) * U(length)
        slot = slot + 1 if slot + 1 < slots else 0
    begins[0] = NOWHERE  # now is no delay
    return begins


def targets_of(call: KernelSpec) -> Targets:
    """How the entries of a kernel find their places."""
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
        """Where the slot of a delay begins; a whole round or more is none."""
        return reach.begins[delay if delay < U(reach.begins.size) else U(0)]

    @native
    def of_source(reach, source):
        if extent == "all" or extent == "source":
            begin = begin_of(U(reach.delays[U(0) if extent == "all" else source]), reach)
            return Arrivals(reach.delays, reach.begins, reach.bound, begin)
        return reach

    @native
    def at(target, source, entry, reach):
        """The place of an entry, whose target, source and position in the delays are inside."""
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
