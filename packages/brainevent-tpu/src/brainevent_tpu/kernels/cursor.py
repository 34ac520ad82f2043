"""The rows that have an event, one after the other, found by scalar instructions in packed words.

A *cursor* is four numbers: the next word, its events that are left, and the entries of the current row that are left,
from ``begin`` to ``end``. Whoever reads entries sets ``begin`` forward.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core.encodings import WORD_BITS

__all__ = ["advanced", "first", "has_entries", "one_row"]

#: Two numbers: where the entries of a row begin and end.
Entries = Callable[[Any], tuple[Any, Any]]


def first(words: Any, offset: Any, count: int, entries: Entries) -> Any:
    """The cursor at the first row that has entries, or at the end; arguments as in :func:`advanced`."""
    zero = jnp.int32(0)
    return advanced((zero, zero, zero, zero), words, offset, count, entries)


def advanced(cursor: Any, words: Any, offset: Any, count: int, entries: Entries) -> Any:
    """The cursor at a row that has entries left, or at the end.

    Args:
        cursor: where it stands.
        words: packed events in scalar memory.
        offset: where those of this vector begin.
        count: of the words of a vector.
        entries: of a row.
    """

    def searching(cursor: Any) -> Any:
        word, events, begin, end = cursor
        return (begin >= end) & ((events != 0) | (word < count))

    def step(cursor: Any) -> Any:
        word, events, begin, end = cursor

        def next_word() -> Any:
            return word + 1, words[offset + word], begin, end

        def next_event() -> Any:
            row = word * WORD_BITS - 1 - jax.lax.clz(events & -events)
            return word, events & (events - 1), *entries(row)

        return jax.lax.cond(events == 0, next_word, next_event)

    return jax.lax.while_loop(searching, step, cursor)


def has_entries(cursor: Any) -> Any:
    """Whether the cursor stands at a row, and not at the end."""
    _, _, begin, end = cursor
    return begin < end


def one_row(row: Any) -> tuple[Any, Any]:
    """Entries for those to whom a row is one: the cursor's ``begin`` is the row itself."""
    return row, row + 1
