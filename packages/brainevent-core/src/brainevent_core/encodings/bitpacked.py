"""Events as bits: entry i is bit ``i % 32`` of word ``i // 32``, counted from the least significant.

Surplus bits of the last word are ignored.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from brainevent_core.encodings.encoding import Encoding

__all__ = ["BITPACKED", "WORD_BITS", "pack"]

#: Number of events per word.
WORD_BITS = 32


def pack(mask: Any, words: int) -> Any:
    """Pack booleans into the bits of ``words`` words; surplus bits are zero."""
    padded = jnp.pad(mask, [(0, words * WORD_BITS - mask.shape[0])] + [(0, 0)] * (mask.ndim - 1))
    lanes = padded.reshape(words, WORD_BITS, *mask.shape[1:]).astype(jnp.uint32)
    place = _bits(mask.ndim, jnp.uint32)
    return jnp.sum(lanes << place, axis=1, dtype=jnp.uint32)


def _bits(ndim: int, dtype: Any) -> Any:
    """The bit positions along axis 1, between the axis of words and ``ndim - 1`` trailing axes."""
    return jnp.arange(WORD_BITS, dtype=dtype).reshape(1, -1, *(1,) * (ndim - 1))


def _unpack(words: Any, n: int) -> Any:
    mask = (words[:, None] >> _bits(words.ndim, words.dtype)) & 1 != 0
    return mask.reshape(words.shape[0] * WORD_BITS, *words.shape[1:])[:n]


def _draw(rng: np.random.Generator, mask: np.ndarray, malformed: bool, dtype: str) -> np.ndarray:
    surplus = np.full((-mask.shape[0] % WORD_BITS, *mask.shape[1:]), malformed)
    packed = np.packbits(np.concatenate([mask, surplus]), axis=0, bitorder="little")
    words = packed.reshape(-1, 4, *mask.shape[1:]).astype(np.uint32)
    return np.asarray(sum(words[:, byte] << np.uint32(8 * byte) for byte in range(4)), np.uint32)


BITPACKED = Encoding(
    "bitpacked",
    event=True,
    decode=_unpack,
    length=lambda n: -(-n // WORD_BITS),
    dtype=jnp.uint32,
    encode=pack,
    draw=_draw,
)
