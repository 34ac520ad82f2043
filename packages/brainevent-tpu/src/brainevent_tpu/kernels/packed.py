"""Packed events as the kernels read them: 32 per int32 word, because Mosaic shifts and compares signed words best."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core.encodings import BINARY, BITPACKED, COMPACT, WORD_BITS, Encoding

__all__ = ["ENCODINGS", "packed_events"]

#: The encodings that can be packed. The reference decodes them in the same way, so none is slower than there.
ENCODINGS = (BINARY, BITPACKED, COMPACT)


def packed_events(x: Any, encoding: Encoding, length: int, words: int) -> jax.Array:
    """The events of each vector, packed; bits after the last entry are zero.

    Args:
        x: the encoded vector, or vectors in columns.
        encoding: one of :data:`ENCODINGS`.
        length: the number of entries of a decoded vector.
        words: the number of words per vector, enough for all entries.

    Returns:
        int32, (words,), or (words, vectors).
    """
    if encoding is BITPACKED:
        packed = _without_surplus(x, length)
    else:
        assert BITPACKED.encode is not None
        packed = BITPACKED.encode(encoding.decode(x, length), -(-length // WORD_BITS))
    behind = [(0, words - packed.shape[0])] + [(0, 0)] * (x.ndim - 1)
    return jax.lax.bitcast_convert_type(jnp.pad(packed, behind), jnp.int32)


def _without_surplus(words: Any, length: int) -> Any:
    """Bit-packed events with the surplus bits after the last entry cleared; they can have any value."""
    surplus = -length % WORD_BITS
    if not surplus:
        return words
    return words.at[-1].set(words[-1] & jnp.uint32((1 << (WORD_BITS - surplus)) - 1))
