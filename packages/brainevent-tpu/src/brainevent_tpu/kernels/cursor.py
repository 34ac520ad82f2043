"""Iteration over the active rows, which scalar instructions find in packed words.

A *cursor* is four numbers: the next word, the remaining events of the current word, and the remaining entries of the
current row, from ``begin`` to ``end``. Code that reads entries advances ``begin``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core.encodings import WORD_BITS

__all__ = ["advanced", "first", "has_entries", "one_row"]

#: A function of a row that returns where its entries begin and end.
Entries = Callable[[Any], tuple[Any, Any]]


def first(words: Any, offset: Any, count: int, entries: Entries) -> Any:
    """The cursor at the first row that has entries, or at the end; arguments as in :func:`advanced`."""
    zero = jnp.int32(0)
    return advanced((zero, zero, zero, zero), words, offset, count, entries)


def advanced(cursor: Any, words: Any, offset: Any, count: int, entries: Entries) -> Any:
    """The cursor at a row that has entries left, or at the end.

    Args:
        cursor: the current cursor.
        words: packed events in scalar memory.
        offset: where the words of this vector begin.
        count: words per vector.
        entries: returns where the entries of a row begin and end.
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
    """Whether the cursor is at a row, and not at the end."""
    _, _, begin, end = cursor
    return begin < end


def one_row(row: Any) -> tuple[Any, Any]:
    """``entries`` for kernels that treat a row as a single entry: the cursor's ``begin`` is the row itself."""
    return row, row + 1
