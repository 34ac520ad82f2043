"""Encodes events for products (`brainevent_core.encodings`), from one byte per element.

The kernel is `(frame, x, out, lines, size) -> status`: x consists of contiguous vectors of `lines` bytes, 0 or 1, and
the result of contiguous vectors of `size` elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brainevent_core.encodings import BINARY, BITPACKED, COMPACT

from ...bridge.memory import load_word
from ...bridge.specialise import specialised
from ..kernel_spec import KernelSpec
from .events import active_lister

__all__ = ["build"]

U = np.uint64

# Multiplying eight bytes of 0 or 1 by this collects their bits in the highest byte, that of the first byte lowest: bit
# 8 i of the word and bit 56 - 7 i of the factor contribute to bit 56 + i, and no two products of bits coincide.
GATHER_BITS = U(0x0102040810204080)


def build(call: KernelSpec) -> Any:
    """The kernel that creates the encoding `call.encoding`."""
    native = specialised(*call.words)
    list_active = active_lister(KernelSpec("encoding", encoding=BINARY))

    @native
    def pack(x, start, lines, out, at, size):
        for word in range(size):
            line, bits = start + word * U(32), U(0)
            if (word + U(1)) * U(32) <= lines:
                for byte in range(U(4)):
                    bits |= ((U(load_word(x, line + byte * U(8))) * GATHER_BITS) >> U(56)) << (byte * U(8))
            else:
                for bit in range(lines - word * U(32)):
                    bits |= U(x[line + bit]) << bit
            out[at + word] = np.uint32(bits)

    @specialised(*call.words, allocates=True)
    def list_lines(x, start, lines, out, at, size):
        # `list_active` may write one index more than there are events, for which the result has no room.
        active = np.empty(np.int64(lines) + 1, np.uint64)
        count = min(list_active(x, start, lines, lines, active), size - U(1))
        out[at] = np.int32(count)
        for i in range(count):
            out[at + U(1) + i] = np.int32(active[i])
        for i in range(count, size - U(1)):
            out[at + U(1) + i] = np.int32(lines)

    encode = {BITPACKED: pack, COMPACT: list_lines}[call.encoding]

    @specialised(*call.words, allocates=True)
    def kernel(frame, x, out, lines, size):
        for vector in range(U(out.size) // U(size)):
            encode(x, vector * U(lines), U(lines), out, vector * U(size), U(size))
        return 0

    return kernel
