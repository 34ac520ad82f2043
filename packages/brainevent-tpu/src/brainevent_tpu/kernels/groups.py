"""Eight at a time: what DMA copies to the sublanes of a register for each, while the group before is computed with."""

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
    """Call ``visit(slot, size)`` for each group, with the number of its members: some entries of a row each.

    Args:
        slots: so many groups are held at once, one of them on its way.
        first: the cursor at the first row, see :mod:`.cursor`.
        advanced: of a cursor, the next one.
        fetch: starts to copy a member, given slot, place in the group, and its first entry and the one behind it.
        visit: waits for the members of a group, and computes.
        behind: the entry behind the member that begins at one, given the end of the row; a whole row by default.
        before_fetch: called with a slot before it is filled.
    """

    def fetch_group(at: Any, slot: Any) -> Any:
        """Start to copy the next members; the cursor behind them, and their number."""
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

    # The first turn only fetches: one place in the code that does is enough.
    start = (first, jnp.int32(-1), jnp.int32(slots - 1))
    jax.lax.while_loop(lambda state: state[1] != 0, group, start)
