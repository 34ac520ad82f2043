"""Which lines are active, read from any encoding that selects (`brainevent_core.formats.OPERANDS`).

Products that follow the events want a list of them, products that meet every entry want an entry for each line: a byte,
or a number. Both are made here, for one vector at a time: it occupies `size` elements of the flat operand `x`, from
`start` on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bridge.memory import count_trailing_zeros, load_word
from ...bridge.specialise import specialised
from ..call import Call

U = np.uint64

# Operands with an entry for each line: numbers, or a byte per event.
NOT_ENCODED = ("float", "sparse_float", "binary")


def active_lister(call: Call) -> Any:
    """`list_active(x, start, size, lines, active) -> count` writes the active lines, in order, to `active`."""
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)

    @native
    def list_entries(x, start, size, lines, active):
        # 32 bytes are passed at once. Of 50,000 lines with 50 events that takes 3.6 µs, with 8 at once 6.1.
        found = U(0)
        at, stop = start, start + lines
        step = U(8) // U(x.itemsize)
        while at + U(4) * step <= stop:
            a, b = load_word(x, at), load_word(x, at + step)
            c, d = load_word(x, at + U(2) * step), load_word(x, at + U(3) * step)
            if (a | b | c | d) != 0:
                for word in range(at, at + U(4) * step, step):
                    if load_word(x, word) != 0:
                        # Without a branch: which of these lines are active can't be predicted.
                        for line in range(word, word + step):
                            active[found] = line - start
                            found += U(x[line] != 0)
            at += U(4) * step
        while at < stop:
            active[found] = at - start
            found += U(x[at] != 0)
            at += U(1)
        return found

    @native
    def list_bits(words, start, size, lines, active):
        found = U(0)
        for at in range(size):
            word = U(words[start + at])
            while word != 0:
                line = at * U(32) + count_trailing_zeros(word)
                word &= word - U(1)
                if line < lines:
                    active[found] = line
                    found += U(1)
        return found

    if call.operand == "bitpacked":
        return list_bits
    if call.operand != "compact":
        return list_entries

    listed = listed_bounds(call)

    @allocating
    def list_compact(x, start, size, lines, active):
        # By way of bits, which put events in order and count each once.
        words = np.zeros(np.int64((lines + U(31)) // U(32)), np.uint32)
        first, last = listed(x, start, size)
        for at in range(first, last):
            line = U(np.uint32(x[at]))
            if line < lines:
                words[line // U(32)] |= np.uint32(1) << np.uint32(line % U(32))
        return list_bits(words, U(0), U(words.size), lines, active)

    return list_compact


def entry_writer(call: Call) -> Any:
    """`write_entries(x, start, size, lines, entries, at, stride)` writes an entry for each line.

    That of line i is `entries[at + i * stride]`: a number, or 1 for an event and 0 for none.
    """
    native = specialised(*call.words)

    if call.operand in NOT_ENCODED:

        @native
        def copy_entries(x, start, size, lines, entries, at, stride):
            for line in range(lines):
                entries[at + line * stride] = x[start + line]

        return copy_entries

    @native
    def write_bits(words, start, size, lines, entries, at, stride):
        for line in range(lines):
            bit = (U(words[start + line // U(32)]) >> (line % U(32))) & U(1)
            entries[at + line * stride] = bit

    if call.operand == "bitpacked":
        return write_bits

    listed = listed_bounds(call)

    @native
    def write_listed(x, start, size, lines, entries, at, stride):
        for line in range(lines):
            entries[at + line * stride] = 0
        first, last = listed(x, start, size)
        for position in range(first, last):
            line = U(np.uint32(x[position]))
            if line < lines:
                entries[at + line * stride] = 1

    return write_listed


def listed_bounds(call: Call) -> Any:
    """`listed(x, start, size) -> first, last`: where a compact operand lists its events; the count is clipped."""
    native = specialised(*call.words)

    @native
    def listed(x, start, size):
        count = min(max(np.int64(x[start]), 0), np.int64(size) - 1)
        return start + U(1), start + U(1) + U(count)

    return listed


def column_interleaver(call: Call) -> Any:
    """`side_by_side(x, sizes)`: columns of x that stand behind each other, as entries (lines, batch)."""
    write_entries, encoded = entry_writer(call), call.operand not in NOT_ENCODED

    @specialised(*call.words, allocates=True)
    def side_by_side(x, sizes):
        entries = np.empty(np.int64(sizes.inner * sizes.batch), np.uint8 if encoded else x.dtype)
        for column in range(sizes.batch):
            write_entries(x, column * sizes.size, sizes.size, sizes.inner, entries, column, sizes.batch)
        return entries

    return side_by_side


def room_maker(*, bytes_of_lanes: bool) -> Any:
    """`with_room(x)`: x; if vectors of its bytes are looked up, a copy with room for what is read behind the last."""
    if not bytes_of_lanes:

        @specialised("room", "given", allocates=True)
        def with_room(x):
            return x

        return with_room

    @specialised("room", "made", allocates=True)
    def with_room_behind(x):
        copy = np.zeros(x.size + 3, np.uint8)
        copy[: x.size] = x
        return copy

    return with_room_behind


def operand_reader(call: Call) -> Any:
    """`entries_of(x, sizes)`: the operand as numbers or as a byte per event, one for each line and column.

    x has its columns side by side, (lines, batch), if it is numbers or bytes, which are not copied; encoded columns are
    behind each other, (batch, size).
    """
    if call.operand not in NOT_ENCODED:
        return column_interleaver(call)

    @specialised(*call.words)
    def entries_of(x, sizes):
        return x

    return entries_of
