"""Duplicates, entries at the same position: they add up, so nonlinear operations must act on their sum.

Entries with different annotations, such as delays, are different synapses, and count as being at different places.
"""

from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core._arrays import remembered
from brainevent_core.matrices.annotations import entrywise
from brainevent_core.ops import MatrixSpec, entries_of, segment_sum

__all__ = ["first_of_place", "is_first", "may_repeat", "totals"]

_repeats: Any = {}


def may_repeat(stored: MatrixSpec) -> bool:
    """Whether two entries can be at the same place; always True for a traced structure."""
    if stored.stores_all:
        return False
    if stored.is_traced:
        return True

    def find() -> bool:
        # Sorted by both indices, because a combined key could overflow.
        with jax.ensure_compile_time_eval():
            row, col, exists = (np.asarray(index) for index in entries_of(stored)[:3])
        keys = [key.reshape(-1)[exists.reshape(-1)] for key in (*map(np.asarray, entrywise(stored)), col, row)]
        order = np.lexsort(keys)
        same = [key[order][1:] == key[order][:-1] for key in keys]
        return bool(np.logical_and.reduce(same).any())

    return remembered(_repeats, (stored.format, stored.shape), stored.structure, find)


def first_of_place(stored: MatrixSpec) -> Any:
    """For each entry, the position of the first entry at the same place, in storage order."""
    row, col, exists = (index.reshape(-1) for index in entries_of(stored)[:3])
    entry = jnp.arange(row.shape[0])
    # Entries that do not exist get a place of their own.
    row, col = jnp.where(exists, row, -1), jnp.where(exists, col, entry.astype(col.dtype))
    keys = [*entrywise(stored), col, row]
    order = jnp.lexsort(keys)
    changes = [key[order][1:] != key[order][:-1] for key in keys]
    begins = jnp.ones(row.shape, bool).at[1:].set(reduce(jnp.logical_or, changes))
    start = jax.lax.cummax(jnp.where(begins, entry, 0))
    return jnp.zeros_like(entry).at[order].set(order[start])


def totals(first: Any, data: Any) -> Any:
    """``data``, one weight per entry, with the sum of each place at its first entry, and 1 at the others."""
    sums = segment_sum(data.reshape(-1), (first,), (data.size,))
    return jnp.where(is_first(first), sums, 1).reshape(data.shape)


def is_first(first: Any) -> Any:
    """Whether each entry is the first at its place."""
    return first == jnp.arange(first.shape[0])
