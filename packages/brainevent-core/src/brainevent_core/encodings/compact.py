"""Events as a list: ``x[0]`` is their number, clipped to [0, capacity], ``x[1:]`` begins with their indices.

The indices are in any order; a duplicate counts once.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.encodings.bitpacked import WORD_BITS, pack
from brainevent_core.encodings.encoding import Encoding

__all__ = ["COMPACT"]


def _list_events(mask: Any, length: int) -> Any:
    """The number of events, and their indices in increasing order; the rest is filled with the length of the mask.

    Events beyond the capacity are dropped, and not counted.
    """
    if mask.ndim > 1:
        return jax.vmap(partial(_list_events, length=length), in_axes=-1, out_axes=-1)(mask)
    n = mask.shape[0]
    order = _ranks(mask)
    count = jnp.minimum(order[-1] if n else 0, length - 1)
    # The k-th event is written to position k, after the count at 0; silent entries are dropped.
    listed = jnp.full(length, n, jnp.int32)
    listed = listed.at[jnp.where(mask, order, length)].set(jnp.arange(n, dtype=jnp.int32), mode="drop")
    return listed.at[0].set(count)


def _ranks(mask: Any) -> Any:
    """The number of events up to and including each entry.

    A cumulative sum over words and population counts within them, 2 to 4 times as fast on CPUs as a cumulative sum over
    entries.
    """
    words = pack(mask, -(-mask.shape[0] // WORD_BITS))
    up_to = (jnp.uint32(2) << jnp.arange(WORD_BITS, dtype=jnp.uint32)) - 1  # for the last, the shift overflows to 0
    within = jax.lax.population_count(words[:, None] & up_to[None]).astype(jnp.int32)
    before = jnp.cumsum(within[:, -1]) - within[:, -1]
    return (within + before[:, None]).reshape(-1)[: mask.shape[0]]


def _mark(counted: Any, n: int) -> Any:
    if counted.ndim > 1:
        return jax.vmap(lambda column: _mark(column, n), in_axes=-1, out_axes=-1)(counted)
    count, indices = counted[0], counted[1:]
    valid = jnp.arange(indices.shape[0]) < count
    mask = jnp.zeros(n, jnp.bool_)
    return mask.at[jnp.where(valid, indices, -1)].set(True, mode="drop", wrap_negative_indices=False)


def _draw(rng: np.random.Generator, mask: np.ndarray, malformed: bool, dtype: str) -> np.ndarray:
    columns = mask.reshape(mask.shape[0], math.prod(mask.shape[1:])).T
    lists = [_draw_list(rng, column, malformed) for column in columns]
    return np.stack(lists, axis=-1).reshape(-1, *mask.shape[1:])


def _draw_list(rng: np.random.Generator, mask: np.ndarray, malformed: bool) -> np.ndarray:
    """Indices in any order; if malformed, mixed with indices outside, and with a count of twice the capacity."""
    indices = rng.permutation(np.flatnonzero(mask))
    capacity = mask.size + 6
    if not malformed:
        filled = np.full(capacity, mask.size)
        filled[: indices.size] = indices
        return np.array([indices.size, *filled], np.int32)
    filled = np.resize([mask.size, -1, -mask.size, mask.size + 1, 2**31 - 1], capacity)
    filled[rng.permutation(capacity)[: indices.size]] = indices
    return np.array([2 * capacity, *filled], np.int32)


COMPACT = Encoding("compact", event=True, decode=_mark, length=None, dtype=jnp.int32, encode=_list_events, draw=_draw)
