"""Groups of eight members: DMA copies each member to a sublane, while the previous group is being processed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

from . import cursor
from .lanes import SUBLANES

__all__ = ["each_group"]


def each_group(
    slots: int,
    first: Any,
    advanced: Callable[[Any], Any],
    fetch: Callable[[Any, int, Any, Any], None],
    visit: Callable[[Any, Any], None],
    *,
    behind: Callable[[Any, Any], Any] = lambda begin, end: end,
    before_fetch: Callable[[Any], None] = lambda slot: None,
) -> None:
    """Call ``visit(slot, size)`` for each group of ``size`` members, each of which is a range of entries of one row.

    Args:
        slots: the number of groups in memory, one of which is being fetched.
        first: the cursor at the first row, see :mod:`.cursor`.
        advanced: returns the next cursor, given a cursor.
        fetch: starts to copy a member, given the slot, the place in the group, and the member's begin and end.
        visit: waits for the members of a group, and processes them.
        behind: the end of the member that begins at an entry, given this entry and the end of the row; by default, the
            end of the row.
        before_fetch: called with a slot before it is filled.
    """

    def fetch_group(at: Any, slot: Any) -> Any:
        """Start to copy the next members; returns the cursor after them, and their number."""
        size = jnp.int32(0)
        for place in range(SUBLANES):
            word, events, begin, end = at
            exists, stop = cursor.has_entries(at), behind(begin, end)

            @pl.when(exists)
            def start(place: int = place, begin: Any = begin, stop: Any = stop) -> None:
                fetch(slot, place, begin, stop)

            size += exists.astype(jnp.int32)
            at = advanced((word, events, stop, end))
        return at, size

    def group(state: Any) -> Any:
        at, size, slot = state
        following = jnp.where(slot == slots - 1, 0, slot + 1)
        before_fetch(following)
        at, fetched = fetch_group(at, following)

        @pl.when(size > 0)
        def visit_group() -> None:
            visit(slot, size)

        return at, fetched, following

    # The first iteration only fetches, so that the code for fetching is generated once.
    start = (first, jnp.int32(-1), jnp.int32(slots - 1))
    jax.lax.while_loop(lambda state: state[1] != 0, group, start)
