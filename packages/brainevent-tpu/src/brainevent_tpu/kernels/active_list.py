"""A kernel that lists the active rows, for kernels that process 1,024 of them at once."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu

from . import cursor
from .device import SMEM_WORDS, some_tpu
from .walk import TILE

__all__ = ["active_list", "lists_fit"]


def lists_fit(rows: int, words: int) -> bool:
    """Whether a list of all rows, and this number of packed words, fit into scalar memory."""
    return _padded(rows) + words + TILE <= SMEM_WORDS


def active_list(words: jax.Array, rows: int, *, interpret: Any = False) -> tuple[jax.Array, jax.Array]:
    """The active rows of each vector in ascending order, and their number.

    Args:
        words: packed events, (vectors, words).
        rows: the number of rows.
        interpret: whether Pallas interprets the kernel.

    Returns:
        int32, (vectors, rows rounded up to a multiple of 1,024), undefined after the last active row; and (vectors,).
    """
    vectors, count = words.shape
    places = _padded(rows)

    def body(words: Any, out: Any, counts: Any, rows: Any, done: Any) -> None:
        vector = pl.program_id(0)
        where = (words, vector * count, count, cursor.one_row)

        def put(state: Any) -> Any:
            (word, events, row, end), number = state
            rows[number] = row
            return cursor.advanced((word, events, end, end), *where), number + 1

        start = (cursor.first(*where), jnp.int32(0))
        _, counts[vector] = jax.lax.while_loop(lambda state: cursor.has_entries(state[0]), put, start)
        copy = tpu.make_async_copy(rows, out.at[pl.ds(pl.multiple_of(vector * places, TILE), places)], done)
        copy.start()
        copy.wait()

    scalar, memory = pl.BlockSpec(memory_space=tpu.SMEM), pl.BlockSpec(memory_space=pl.ANY)
    call = pl.pallas_call(
        body,
        grid=(vectors,),
        in_specs=[scalar],
        out_specs=[memory, scalar],
        out_shape=[jax.ShapeDtypeStruct(shape, jnp.int32) for shape in ((vectors * places,), (vectors,))],
        scratch_shapes=[tpu.SMEM((places,), jnp.int32), tpu.SemaphoreType.DMA],
        name="active_list",
        interpret=interpret,
    )
    with some_tpu():
        found, counts = call(words.reshape(-1))
    return found.reshape(vectors, places), counts


def _padded(rows: int) -> int:
    return -(-rows // TILE) * TILE
