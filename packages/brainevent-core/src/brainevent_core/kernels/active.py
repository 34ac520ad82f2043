"""Masks of rows: which entries are set, and the mask of all entries of the rows; both by their bits.

XLA's scatters and cumulative sums take 10 ns an entry on CPU: a list of the active of 4,000 neurons takes 40 µs, and
counting bits 2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from brainevent_core.encodings import BITPACKED, WORD_BITS

__all__ = ["ActiveRows", "entries_of"]


class ActiveRows(NamedTuple):
    """The set entries of a mask that has at least one entry.

    Attributes:
        words: the mask in bits.
        up_to: how many bits are set in each word and those before, int32.
        length: of the mask.
    """

    words: Any
    up_to: Any
    length: int

    @classmethod
    def of(cls, mask: Any) -> ActiveRows:
        """Of booleans, (n,)."""
        (length,) = mask.shape
        assert BITPACKED.encode is not None
        words = BITPACKED.encode(mask, -(-length // WORD_BITS))
        return cls(words, jnp.cumsum(_count(words)), length)

    @property
    def count(self) -> Any:
        """How many there are, int32."""
        return self.up_to[-1]

    def blocks(self, size: int) -> Any:
        """How many blocks of so many they fill, int32.

        Loops count blocks one by one: a loop that counts by more than one runs too seldom if its limit is a constant,
        in some versions of XLA.
        """
        return (self.count + (size - 1)) // size

    def take(self, ranks: Any) -> Any:
        """The index of the entry that is set first, second, ..., for ranks from 0; some index for ranks beyond."""
        word = jnp.searchsorted(self.up_to, ranks, side="right", method="scan_unrolled")
        word = jnp.minimum(word, self.words.shape[0] - 1)
        bits = self.words[word]
        within = ranks - (self.up_to[word] - _count(bits))
        masks = (jnp.uint32(2) << jnp.arange(WORD_BITS, dtype=jnp.uint32)) - 1  # the shift leaves no bit for the last
        place = jnp.sum(_count(bits[:, None] & masks) <= within[:, None], axis=1, dtype=jnp.int32)
        return jnp.minimum(word.astype(jnp.int32) * WORD_BITS + place, self.length - 1)


def entries_of(mask: Any, bounds: Any, nse: int) -> Any:
    """Which entries belong to a row that is set.

    Args:
        mask: (rows,), booleans.
        bounds: (rows + 1,), where each row begins and the last one ends, not falling.
        nse: the number of entries.
    """
    outside = jnp.zeros(1, jnp.bool_)
    changes = jnp.concatenate([mask, outside]) ^ jnp.concatenate([outside, mask])
    # Where rows are empty, several changes meet: an even number is none.
    met = jnp.zeros(nse, jnp.uint8).at[bounds].add(changes.astype(jnp.uint8), mode="drop")
    return _parity_up_to(met & 1 != 0)


def _parity_up_to(mask: Any) -> Any:
    """Whether an odd number of entries is set up to each and with it."""
    (length,) = mask.shape
    if length <= WORD_BITS:
        return jnp.cumsum(mask, dtype=jnp.int32) & 1 != 0
    assert BITPACKED.encode is not None
    words = BITPACKED.encode(mask, -(-length // WORD_BITS))
    for shift in (1, 2, 4, 8, 16):
        words = words ^ (words << shift)
    odd = words >> (WORD_BITS - 1) != 0
    before = _parity_up_to(odd) ^ odd
    return BITPACKED.decode(jnp.where(before, ~words, words), length)


def _count(words: Any) -> Any:
    return jax.lax.population_count(words).astype(jnp.int32)
