"""Which lines are active, read from any encoding of events (`brainevent_core.formats.OPERANDS`).

Products that follow the events want a list of them, products that meet every entry want a byte for each line. Both are
made here, for one vector at a time: it occupies `size` elements of the flat operand `x`, from `start` on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bridge.memory import count_trailing_zeros, load_word
from ...bridge.specialise import specialised
from ..call import Call

U = np.uint64


def active_lister(call: Call) -> Any:
    """`list_active(x, start, size, lines, active) -> count` writes the active lines, in order, to `active`."""
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)

    @native
    def list_mask(x, start, size, lines, active):
        # 32 silent lines are passed at once. Of 50,000 lines with 50 events that takes 3.6 µs, with 8 at once 6.1.
        found = U(0)
        at, stop = start, start + lines
        while at + U(32) <= stop:
            if (load_word(x, at) | load_word(x, at + U(8)) | load_word(x, at + U(16)) | load_word(x, at + U(24))) != 0:
                for word in range(at, at + U(32), U(8)):
                    if load_word(x, word) != 0:
                        # Without a branch: which of these lines are active can't be predicted.
                        for line in range(word, word + U(8)):
                            active[found] = line - start
                            found += U(x[line] != 0)
            at += U(32)
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
        return list_mask

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


def mask_writer(call: Call) -> Any:
    """`write_mask(x, start, size, lines, mask, at, stride)` writes 1 for active lines and 0 for others.

    The byte of line i is `mask[at + i * stride]`.
    """
    native = specialised(*call.words)

    if call.operand == "binary":

        @native
        def write_bytes(x, start, size, lines, mask, at, stride):
            for line in range(lines):
                mask[at + line * stride] = x[start + line]

        return write_bytes

    @native
    def write_bits(words, start, size, lines, mask, at, stride):
        for line in range(lines):
            bit = (U(words[start + line // U(32)]) >> (line % U(32))) & U(1)
            mask[at + line * stride] = bit

    if call.operand == "bitpacked":
        return write_bits

    listed = listed_bounds(call)

    @native
    def write_listed(x, start, size, lines, mask, at, stride):
        for line in range(lines):
            mask[at + line * stride] = 0
        first, last = listed(x, start, size)
        for position in range(first, last):
            line = U(np.uint32(x[position]))
            if line < lines:
                mask[at + line * stride] = 1

    return write_listed


def listed_bounds(call: Call) -> Any:
    """`listed(x, start, size) -> first, last`: where a compact operand lists its events; the count is clipped."""
    native = specialised(*call.words)

    @native
    def listed(x, start, size):
        count = min(max(np.int64(x[start]), 0), np.int64(size) - 1)
        return start + U(1), start + U(1) + U(count)

    return listed


def operand_reader(call: Call) -> Any:
    """`entries_of(x, sizes)`: the operand as numbers or as a byte per event, one for each line and column.

    x has its columns side by side, (lines, batch), if it is numbers or bytes, which are not copied; encoded columns are
    behind each other, (batch, size).
    """
    native, allocating = specialised(*call.words), specialised(*call.words, allocates=True)
    if call.operand in ("float", "binary"):

        @native
        def entries_of(x, sizes):
            return x

    else:
        write_mask = mask_writer(call)

        @allocating
        def entries_of(x, sizes):
            mask = np.empty(np.int64(sizes.inner * sizes.batch), np.uint8)
            for column in range(sizes.batch):
                write_mask(x, column * sizes.size, sizes.size, sizes.inner, mask, column, sizes.batch)
            return mask

    return entries_of
