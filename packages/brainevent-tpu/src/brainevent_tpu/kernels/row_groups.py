"""Active rows of a dense matrix in groups of eight, one row per sublane.

DMA can copy single rows out of the (8, 128) tiles of float32, but not of bfloat16.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

#: Columns that are processed without a branch.
CHUNK = 16 * LANES

#: Bytes of vector memory per column of a group, for all sublanes.
_BYTES_PER_COLUMN = SUBLANES * 4

#: Vector memory for a matrix, in groups: three slots, and intermediate results.
_GROUPS = 5

#: Words of scalar memory for everything except events.
_SMALL = 1024


def readable(shape: tuple[int, int], words: int, further: int = 0) -> bool:
    """Whether kernels can read rows of a matrix of this shape, together with rows of ``further`` matrices of the same
    shape. ``words`` is the total number of packed words."""
    rows, columns = shape
    per_column = (_GROUPS + 3 * further) * _BYTES_PER_COLUMN
    return (
        # XLA stores narrower matrices in column-major layout, and would transpose them for a kernel.
        rows > 0 and columns >= LANES and columns * per_column <= VMEM_BYTES and words + _SMALL <= SMEM_WORDS
    )


def scratch(columns: int, slots: int, matrices: int = 1) -> list[Any]:
    """The scratch shapes for ``slots`` groups, in the order of :meth:`RowGroups.of`."""
    return [
        *[tpu.VMEM((slots, SUBLANES, columns), jnp.float32)] * matrices,
        tpu.SMEM((slots * SUBLANES,), jnp.int32),
        tpu.SemaphoreType.DMA((slots,)),
    ]


@dataclass(frozen=True)
class RowGroups:
    """The active rows of a matrix, or of several matrices of the same shape, in a kernel.

    Attributes:
        words: packed events in scalar memory.
        offset: where the words of this vector begin.
        count: words per vector.
        matrices: in HBM, (rows, columns) each.
        slots: buffers for groups in vector memory, (slots, 8, columns) for each matrix.
        rows: the row numbers of the groups in the slots.
        arrived: a semaphore for each slot.
    """

    words: Any
    offset: Any
    count: int
    matrices: Sequence[Any]
    slots: Sequence[Any]
    rows: Any
    arrived: Any

    @classmethod
    def of(cls, words: Any, offset: Any, count: int, matrices: Sequence[Any], memory: Sequence[Any]) -> RowGroups:
        """Create it with scratch memory in the order of :func:`scratch`."""
        *slots, rows, arrived = memory
        return cls(words, offset, count, matrices, slots, rows, arrived)

    def each(self, visit: Callable[[Any, Any], None], before_fetch: Callable[[Any], None] = lambda slot: None) -> None:
        """Call ``visit(slot, size)`` for each group of ``size`` rows, and ``before_fetch(slot)`` before a slot is
        filled."""

        def fetch(slot: Any, place: int, row: Any, _: Any) -> None:
            self.rows[slot * SUBLANES + place] = row
            for matrix in range(len(self.matrices)):
                self.copy(slot, place, row, matrix).start()

        def visit_arrived(slot: Any, size: Any) -> None:
            self.wait(self.copy(slot, 0, 0), size * len(self.matrices))
            visit(slot, size)

        where = (self.words, self.offset, self.count, cursor.one_row)
        first, slots = cursor.first(*where), self.slots[0].shape[0]
        each_group(
            slots, first, lambda at: cursor.advanced(at, *where), fetch, visit_arrived, before_fetch=before_fetch
        )

    def copy(self, slot: Any, place: Any, row: Any, matrix: int = 0) -> Any:
        """The copy of a row of a matrix to a place in a slot."""
        source, there = self.matrices[matrix].at[pl.ds(row, 1)], self.slots[matrix].at[slot, pl.ds(place, 1)]
        return tpu.make_async_copy(source, there, self.arrived.at[slot])

    def copy_back(self, slot: Any, place: Any, row: Any, written: Any) -> Any:
        """The copy from a place in a slot to a row of the first matrix."""
        there, target = self.slots[0].at[slot, pl.ds(place, 1)], self.matrices[0].at[pl.ds(row, 1)]
        return tpu.make_async_copy(there, target, written.at[slot])

    @staticmethod
    def wait(copy: Any, count: Any) -> None:
        """Wait for ``count`` copies that have the size and the semaphore of ``copy``."""
        jax.lax.fori_loop(0, count, lambda i, _: copy.wait(), None)

    def each_chunk(self, compute: Callable[[Any], None]) -> None:
        """Call ``compute(lanes)`` with slices that together cover all columns."""
        columns = self.slots[0].shape[2]
        whole = columns // CHUNK
        if whole:
            jax.lax.fori_loop(0, whole, lambda i, _: compute(pl.ds(pl.multiple_of(i * CHUNK, CHUNK), CHUNK)), None)
        if columns % CHUNK:
            compute(slice(whole * CHUNK, columns))
