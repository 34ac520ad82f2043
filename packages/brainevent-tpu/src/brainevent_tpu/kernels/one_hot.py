"""Sums at places, by the MXU: a TPU can't add at 1,024 places at once, so each place is two one-hot vectors, of its row
of 128 and of its lane, and the MXU adds up their outer products.

Numbers of float32 are three parts of bfloat16 there, which together are all of their bits.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.pallas import tpu

from .lanes import LANES, SUBLANES

__all__ = ["HEIGHT", "counted", "summed"]

#: Of what the number of rows of sums has to be a multiple: rows of a register of bfloat16.
HEIGHT = 2 * SUBLANES

#: Parts of bfloat16 that add up to a number of float32.
_PARTS = 3

_ONE = int(np.float32(1).view(np.int32))


def counted(places: Any, rows: int) -> Any:
    """How often each place occurs in a register of them: (rows, 128), float32. A negative one isn't any."""
    return _outer(_one_hot(places >> 7, rows), _one_hot(places & (LANES - 1), LANES))


def summed(places: Any, values: Any, rows: int) -> Any:
    """The sums of finite values at the places of a register: (rows, 128), float32. A negative one isn't any."""
    row_of, lane = _one_hot(places >> 7, rows), places & (LANES - 1)
    parts = [_one_hot(lane, LANES, part) for part in _parts(values)]
    return _outer(jnp.concatenate([row_of] * len(parts), axis=1), jnp.concatenate(parts, axis=1))


def _one_hot(places: Any, size: int, bits: Any = _ONE) -> Any:
    """For each lane a column with a one, or a value of bfloat16, given by the bits of float32, at its place:
    (size, 1024), bfloat16, from (8, 128)."""
    # In words, of two rows each: no TPU before v6e compares or selects what is packed.
    word = jnp.where(places & 1 != 0, bits, jax.lax.shift_right_logical(bits, 16))
    at, pair = jax.lax.broadcasted_iota(jnp.int32, (size // 2, LANES), 0), places >> 1
    rows = [slice(sublane, sublane + 1) for sublane in range(SUBLANES)]
    words = jnp.concatenate([jnp.where(at == pair[row], word[row], 0) for row in rows], axis=1)
    return tpu.bitcast(words, jnp.bfloat16)


def _outer(rows: Any, columns: Any) -> Any:
    """The sum over lanes of the outer products of their columns."""
    return jax.lax.dot_general(rows, columns, (((1,), (1,)), ((), ())), preferred_element_type=jnp.float32)


def _parts(numbers: Any) -> list[Any]:
    """The bits of numbers that add up to ``numbers``, and are those of bfloat16 with zeros behind."""
    parts = []
    for _ in range(_PARTS):
        # By their bits: of two conversions XLA would make none.
        bits = jax.lax.bitcast_convert_type(numbers, jnp.int32) & -(1 << 16)
        parts.append(bits)
        numbers = numbers - jax.lax.bitcast_convert_type(bits, jnp.float32)
    return parts
