"""Lookups by lane: what a TPU can do for 1,024 indices at once, in a table of rows of 128."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from brainevent_core.encodings import WORD_BITS

__all__ = ["LANES", "PER_ROW", "SUBLANES", "has_event", "look_up", "rows_of"]

LANES, SUBLANES = 128, 8

#: Neurons whose packed events a row of words holds.
PER_ROW = WORD_BITS * LANES


def rows_of(table: Any) -> list[Any]:
    """The rows of a table of shape (rows, 128), each in all sublanes."""
    return [jnp.broadcast_to(table[row : row + 1], (SUBLANES, LANES)) for row in range(table.shape[0])]


def look_up(rows: Sequence[Any], indices: Any) -> Any:
    """The entries of a table, as :func:`rows_of` gives it, at indices of shape (up to 8, 128); zero where an index is
    outside. A gather can look into one register: a table of several rows takes one for each."""
    row, lane = indices >> 7, indices & (LANES - 1)
    found = jnp.zeros(indices.shape, rows[0].dtype)
    for number, one in enumerate(rows):
        found = jnp.where(row == number, jnp.take_along_axis(one[: indices.shape[0]], lane, axis=1), found)
    return found


def has_event(words: Sequence[Any], indices: Any) -> Any:
    """Whether neurons have events, in rows of packed words; those outside have none."""
    return (look_up(words, indices >> 5) >> (indices & (WORD_BITS - 1))) & 1 != 0
