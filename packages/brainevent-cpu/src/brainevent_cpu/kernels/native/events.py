"""Which elements of x are active, for every encoding (`brainevent_core.encodings`).

Products that follow events need a list of the active elements. Products that visit every entry need one value per
element: a byte, or a number. Both are created here, for one vector at a time, which occupies `size` elements of the
flat operand `x`, from `start` on. `lines` is the length of the decoded vector.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brainevent_core.encodings import BINARY, BITPACKED, COMPACT, FLOAT, SPARSE_FLOAT

from ...bridge.memory import count_ones, count_trailing_zeros, load_word, nonzero_bits
from ...bridge.simd import LANES, iota, load, mask_bits
from ...bridge.specialise import internal, specialised
from ..kernel_spec import KernelSpec

U = np.uint64
ALL = ~U(0)

# Encodings with one value per element: numbers, or bytes for events.
NOT_ENCODED = (FLOAT, SPARSE_FLOAT, BINARY)


def active_lister(call: KernelSpec) -> Any:
    """`list_active(x, start, size, lines, active) -> count`: write the indices of active elements to `active`, in
    ascending order."""
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)

    @native
    def list_word(word, line, found, active):
        """List the set bits of a word, whose lowest bit is element `line`; `active` has room for two more.

        Two are written unconditionally: if few elements are active, few words have more, and whether a word has one
        can't be predicted. 10,000 elements took 0.8 µs with 100 events (with a plain loop 1.5), and 2.6 with 1,000.
        """
        if word == ALL:
            for bit in range(U(64)):
                active[found + bit] = line + bit
            return found + U(64)
        for _ in range(2):
            active[found] = line + count_trailing_zeros(word)
            found += U(word != 0)
            word &= word - U(1)
        return list_rest(word, line, found, active)

    @native
    def list_rest(word, line, found, active):
        while word != 0:
            active[found] = line + count_trailing_zeros(word)
            found += U(1)
            word &= word - U(1)
        return found

    @native
    def list_entries(x, start, size, lines, active):
        found, line = U(0), U(0)
        while line + U(64) <= lines:
            found = list_word(nonzero_bits(x, start + line), line, found, active)
            line += U(64)
        while line < lines:
            active[found] = line
            found += U(x[start + line] != 0)
            line += U(1)
        return found

    @native
    def list_bits(words, start, size, lines, active):
        found, line = U(0), U(0)
        while line + U(64) <= lines:
            found = list_word(U(load_word(words, start + line // U(32))), line, found, active)
            line += U(64)
        while line < lines:
            word = U(words[start + line // U(32)])
            if line + U(32) > lines:
                word &= (U(1) << (lines - line)) - U(1)
            found = list_rest(word, line, found, active)
            line += U(32)
        return found

    if call.encoding is BITPACKED:
        return list_bits
    if call.encoding in NOT_ENCODED:
        return list_entries
    assert call.encoding is COMPACT

    listed = listed_bounds(call)

    @allocating
    def list_compact(x, start, size, lines, active):
        # A bit mask sorts the indices and removes duplicates.
        words = np.zeros(np.int64((lines + U(31)) // U(32)), np.uint32)
        first, last = listed(x, start, size)
        for at in range(first, last):
            line = U(np.uint32(x[at]))
            if line < lines:
                words[line // U(32)] |= np.uint32(1) << np.uint32(line % U(32))
        return list_bits(words, U(0), U(words.size), lines, active)

    return list_compact


def active_counter(call: KernelSpec) -> Any:
    """`count_active(x, sizes)`: estimate the number of active elements in all vectors, which is faster than to list
    them.

    Surplus bits after the last element and duplicates in a compact operand are counted, too.
    """
    native = specialised(*call.words)

    if call.encoding is BITPACKED:

        @native
        def count_bits(words, sizes):
            found = U(0)
            for i in range(words.size):
                found += count_ones(U(words[i]))
            return found

        return count_bits

    if call.encoding in NOT_ENCODED:

        @native
        def count_entries(x, sizes):
            found = 0
            for i in range(x.size):
                found += x[i] != 0
            return U(found)

        return count_entries
    assert call.encoding is COMPACT

    listed = listed_bounds(call)

    @native
    def count_listed(x, sizes):
        found = U(0)
        for vector in range(sizes.batch):
            first, last = listed(x, vector * sizes.size, sizes.size)
            found += last - first
        return found

    return count_listed


def entry_writer(call: KernelSpec) -> Any:
    """`write_entries(x, start, size, lines, entries, at, stride)`: write one value per element.

    That of element i is `entries[at + i * stride]`: a number, or 1 for an event and 0 otherwise.
    """
    native = specialised(*call.words)

    if call.encoding in NOT_ENCODED:

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

    if call.encoding is BITPACKED:
        return write_bits
    assert call.encoding is COMPACT

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


def listed_bounds(call: KernelSpec) -> Any:
    """`listed(x, start, size) -> first, last`: the range in which a compact operand lists its events, with the count
    clipped to the capacity."""
    native = specialised(*call.words)

    @native
    def listed(x, start, size):
        count = min(max(np.int64(x[start]), 0), np.int64(size) - 1)
        return start + U(1), start + U(1) + U(count)

    return listed


def column_interleaver(call: KernelSpec) -> Any:
    """`side_by_side(x, sizes)`: decode x, whose columns are contiguous, to a row-major array (lines, batch)."""
    write_entries, encoded = entry_writer(call), call.encoding not in NOT_ENCODED

    @specialised(*call.words, allocates=True)
    def side_by_side(x, sizes):
        entries = np.empty(np.int64(sizes.inner * sizes.batch), np.uint8 if encoded else x.dtype)
        for column in range(sizes.batch):
            write_entries(x, column * sizes.size, sizes.size, sizes.inner, entries, column, sizes.batch)
        return entries

    return side_by_side


def room_maker(*, bytes_of_lanes: bool) -> Any:
    """`with_room(x)`: x; if SIMD gathers read its bytes, a copy with padding for what they read past the last byte."""
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


def column_packer(call: KernelSpec) -> Any:
    """`packed(x, sizes)`: pack a row-major x with one byte per element into bits: `words_for` words per row, of `LANES`
    columns each.
    """

    @specialised(*call.words, allocates=True)
    def packed(x, sizes):
        words_per_line = words_for(sizes.batch)
        words = np.zeros(np.int64(sizes.inner * words_per_line), np.uint16)
        for line in range(sizes.inner):
            for first in range(U(0), sizes.batch, U(LANES)):
                columns = iota() < np.uint32(min(sizes.batch - first, U(LANES)))
                events = load(x, line * sizes.batch + first, columns) != np.uint8(0)
                words[line * words_per_line + first // U(LANES)] = mask_bits(events)
        return words

    return packed


@internal
def words_for(batch):
    """How many words hold the events of `batch` columns: an even number."""
    return U(2) * ((batch + U(2 * LANES - 1)) // U(2 * LANES))


def operand_reader(call: KernelSpec) -> Any:
    """`entries_of(x, sizes)`: the operand as a row-major array (lines, batch) of numbers, or of bytes for events.

    If x holds numbers or bytes, it has this layout already and isn't copied. If it is encoded, its columns are
    contiguous, (batch, size), and are decoded.
    """
    if call.encoding not in NOT_ENCODED:
        return column_interleaver(call)

    @specialised(*call.words)
    def entries_of(x, sizes):
        return x

    return entries_of
