"""Scatter-add on the MXU: a TPU can't scatter to 1,024 places at once, so each place becomes two one-hot vectors, for
its row of 128 and for its lane, and the MXU sums their outer products.

A float32 is split into three parts of bfloat16, which together contain all of its bits.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.pallas import tpu

from .lanes import LANES, SUBLANES

__all__ = ["HEIGHT", "counted", "summed"]

#: The number of rows of sums must be a multiple of this: rows of a bfloat16 register.
HEIGHT = 2 * SUBLANES

#: Parts of bfloat16 that add up to a float32.
_PARTS = 3

_ONE = int(np.float32(1).view(np.int32))


def counted(places: Any, rows: int) -> Any:
    """How often each place occurs in a register of places: (rows, 128), float32. Negative places are ignored."""
    return _outer(_one_hot(places >> 7, rows), _one_hot(places & (LANES - 1), LANES))


def summed(places: Any, values: Any, rows: int) -> Any:
    """The sums of finite values at the places in a register: (rows, 128), float32. Negative places are ignored."""
    row_of, lane = _one_hot(places >> 7, rows), places & (LANES - 1)
    parts = [_one_hot(lane, LANES, part) for part in _parts(values)]
    return _outer(jnp.concatenate([row_of] * len(parts), axis=1), jnp.concatenate(parts, axis=1))


def _one_hot(places: Any, size: int, bits: Any = _ONE) -> Any:
    """For each of the (8, 128) places a one-hot column: (size, 1024), bfloat16. The nonzero element is one, or a value
    of bfloat16, given as float32 bits."""
    # In words of two rows each: TPUs before v6e can't compare or select packed values.
    word = jnp.where(places & 1 != 0, bits, jax.lax.shift_right_logical(bits, 16))
    at, pair = jax.lax.broadcasted_iota(jnp.int32, (size // 2, LANES), 0), places >> 1
    rows = [slice(sublane, sublane + 1) for sublane in range(SUBLANES)]
    words = jnp.concatenate([jnp.where(at == pair[row], word[row], 0) for row in rows], axis=1)
    return tpu.bitcast(words, jnp.bfloat16)


def _outer(rows: Any, columns: Any) -> Any:
    """The sum of the outer products of corresponding columns."""
    return jax.lax.dot_general(rows, columns, (((1,), (1,)), ((), ())), preferred_element_type=jnp.float32)


def _parts(numbers: Any) -> list[Any]:
    """The float32 bits of parts that add up to ``numbers`` and are exact in bfloat16 (the lower 16 bits are zero)."""
    parts = []
    for _ in range(_PARTS):
        # Done on bits, because XLA removes a conversion to bfloat16 and back.
        bits = jax.lax.bitcast_convert_type(numbers, jnp.int32) & -(1 << 16)
        parts.append(bits)
        numbers = numbers - jax.lax.bitcast_convert_type(bits, jnp.float32)
    return parts
