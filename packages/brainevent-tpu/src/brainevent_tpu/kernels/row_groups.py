"""Rows of a dense matrix that have an event, eight at a time: a row for each sublane of the registers.

DMA copies single rows of float32, whose tiles of (8, 128) it takes apart, and not of bfloat16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu

from . import cursor
from .device import SMEM_WORDS, VMEM_BYTES
from .groups import each_group
from .lanes import LANES, SUBLANES

__all__ = ["CHUNK", "RowGroups", "readable", "scratch"]

#: Columns that are computed without a branch between.
CHUNK = 16 * LANES

#: Vector memory for a column: three groups and what is computed from them, each of which may take all sublanes.
_BYTES_PER_COLUMN = 5 * SUBLANES * 4

#: Words of scalar memory for what isn't events.
_SMALL = 1024


def readable(shape: tuple[int, int], words: int) -> bool:
    """Whether kernels can read rows of such a matrix, given as many packed words as there are in all."""
    rows, columns = shape
    return (
        # XLA lays narrower ones out by columns, and would turn them around for a kernel.
        rows > 0 and columns >= LANES and columns * _BYTES_PER_COLUMN <= VMEM_BYTES and words + _SMALL <= SMEM_WORDS
    )


def scratch(columns: int, slots: int) -> list[Any]:
    """Memory for so many groups, as :class:`RowGroups` takes it."""
    return [
        tpu.VMEM((slots, SUBLANES, columns), jnp.float32),
        tpu.SMEM((slots * SUBLANES,), jnp.int32),
        tpu.SemaphoreType.DMA((slots,)),
    ]


@dataclass(frozen=True)
class RowGroups:
    """The active rows of a matrix, in a kernel.

    Attributes:
        words: packed events in scalar memory.
        offset: where those of this vector begin.
        count: of the words of a vector.
        matrix: in the memory of the TPU, (rows, columns).
        slots: of groups, (slots, 8, columns).
        rows: which rows stand in the slots.
        arrived: a semaphore for each slot.
    """

    words: Any
    offset: Any
    count: int
    matrix: Any
    slots: Any
    rows: Any
    arrived: Any

    def each(self, visit: Callable[[Any, Any], None], before_fetch: Callable[[Any], None] = lambda slot: None) -> None:
        """Call ``visit(slot, size)`` for each group, with the number of its rows, and ``before_fetch(slot)`` before a
        slot is filled."""

        def fetch(slot: Any, place: int, row: Any, _: Any) -> None:
            self.rows[slot * SUBLANES + place] = row
            self.copy(slot, place, row).start()

        def visit_arrived(slot: Any, size: Any) -> None:
            self.wait(self.copy(slot, 0, 0), size)
            visit(slot, size)

        where = (self.words, self.offset, self.count, cursor.one_row)
        first, slots = cursor.first(*where), self.slots.shape[0]
        each_group(
            slots, first, lambda at: cursor.advanced(at, *where), fetch, visit_arrived, before_fetch=before_fetch
        )

    def copy(self, slot: Any, place: Any, row: Any) -> Any:
        """Of a row of the matrix to its place."""
        return tpu.make_async_copy(self.matrix.at[pl.ds(row, 1)], self._place(slot, place), self.arrived.at[slot])

    def copy_back(self, slot: Any, place: Any, row: Any, written: Any) -> Any:
        """Of what stands in a place to a row of the matrix."""
        return tpu.make_async_copy(self._place(slot, place), self.matrix.at[pl.ds(row, 1)], written.at[slot])

    def _place(self, slot: Any, place: Any) -> Any:
        return self.slots.at[slot, pl.ds(place, 1)]

    @staticmethod
    def wait(copy: Any, count: Any) -> None:
        """For so many copies of the size of one, by the same semaphore."""
        jax.lax.fori_loop(0, count, lambda i, _: copy.wait(), None)

    def each_chunk(self, compute: Callable[[Any], None]) -> None:
        """Call ``compute(lanes)`` with slices that together are all columns."""
        columns = self.slots.shape[2]
        whole = columns // CHUNK
        if whole:
            jax.lax.fori_loop(0, whole, lambda i, _: compute(pl.ds(pl.multiple_of(i * CHUNK, CHUNK), CHUNK)), None)
        if columns % CHUNK:
            compute(slice(whole * CHUNK, columns))
