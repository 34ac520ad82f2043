"""Lane gathers: a TPU can look up 1,024 indices at once, in a table with rows of 128."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from brainevent_core.encodings import WORD_BITS

__all__ = ["LANES", "PER_ROW", "SUBLANES", "has_event", "look_up", "rows_of"]

LANES, SUBLANES = 128, 8

#: Neurons per row of packed events.
PER_ROW = WORD_BITS * LANES


def rows_of(table: Any) -> list[Any]:
    """The rows of a table of shape (rows, 128), each broadcast to all sublanes."""
    return [jnp.broadcast_to(table[row : row + 1], (SUBLANES, LANES)) for row in range(table.shape[0])]


def look_up(rows: Sequence[Any], indices: Any) -> Any:
    """The entries of a table from :func:`rows_of` at indices of shape (up to 8, 128); zero where an index is out of
    bounds. A gather reads a single register, so the table takes one gather per row."""
    row, lane = indices >> 7, indices & (LANES - 1)
    found = jnp.zeros(indices.shape, rows[0].dtype)
    for number, one in enumerate(rows):
        found = jnp.where(row == number, jnp.take_along_axis(one[: indices.shape[0]], lane, axis=1), found)
    return found


def has_event(words: Sequence[Any], indices: Any) -> Any:
    """Whether neurons have events, from rows of packed words; out-of-bounds indices have none."""
    return (look_up(words, indices >> 5) >> (indices & (WORD_BITS - 1))) & 1 != 0
