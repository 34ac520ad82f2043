"""Compressed rows, ``A.T @ events``: adds the entries of active rows one by one.

DMA copies a piece of a row to scalar memory while scalar instructions add the previous one. The sums are in scalar
memory as well, because no other memory of a TPU can be addressed by word.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu

from brainevent_core.formats import Shape
from brainevent_core.plugins import Takes

from . import cursor
from .compressed import FORMATS, PIECE, Layout, Rows, compressed_product, piece_of, readable
from .packed import ENCODINGS

__all__ = ["TAKES", "active_rows_product"]

#: Entries that are added without a branch: 5 or 6 bundles per entry instead of 10. Unrolling more doesn't help.
_UNROLLED = 8

#: How many entries are read ahead of the ones being added.
_AHEAD = 4


def _takes(*operands: Any, shape: Shape, **static: Any) -> bool:
    return isinstance(shape[1], int) and readable(_padded(shape[1]), *operands, shape=shape, **static)


#: The supported calls.
TAKES = Takes(formats=FORMATS, encodings=ENCODINGS, dtypes=("bfloat16", "float32"), further=_takes)


def _padded(columns: int) -> int:
    """The number of sums: one per column, and one for entries that are out of bounds, rounded up to whole pieces."""
    return -(-(columns + 1) // PIECE) * PIECE


def _call(layout: Layout) -> dict[str, Any]:
    """The parameters of ``pallas_call`` that are specific to this strategy."""
    places = _padded(layout.shape[1])
    return {
        "kernel": _Body(layout),
        "out_specs": pl.BlockSpec(memory_space=pl.ANY),
        "out_shape": jax.ShapeDtypeStruct((layout.vectors * places,), jnp.float32),
        "scratch_shapes": [
            tpu.SMEM((places,), jnp.float32),
            *(tpu.SMEM((2 * PIECE,), dtype) for dtype in layout.dtypes),
            tpu.SemaphoreType.DMA((len(layout.dtypes), 2)),
            tpu.SemaphoreType.DMA,
        ],
        "name": "active_rows",
    }


#: ``A.T @ x`` for events x, as the primitive ``matmul`` defines it.
active_rows_product = partial(compressed_product, _call)


class _Body:
    """The kernel. Its loop carries a cursor, and the slot of the piece that contains it."""

    __name__ = "active_rows"

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def __call__(self, *refs: Any) -> None:
        columns = self.layout.shape[1]
        rows, (out, sums, *pieces, arrived, written) = Rows.of(self.layout, *refs)

        def places(slot: Any) -> tuple[list[Any], list[Any]]:
            return (
                [piece.at[pl.ds(slot * PIECE, PIECE)] for piece in pieces],
                [arrived.at[i, slot] for i in range(len(pieces))],
            )

        def read(place: Any) -> tuple[Any, Any]:
            """The column and the weight of an entry; entries that are out of bounds get the column after the last.
            (Buffers are one-dimensional: with two dimensions, addressing takes four more instructions per entry.)"""
            index, *weight = (piece[place] for piece in pieces)
            inside = index.astype(jnp.uint32) < np.uint32(columns)
            return jnp.where(inside, index, columns), weight[0] if weight else 1.0

        def add(place: Any, count: int) -> None:
            """Add ``count`` entries, two at a time: a load waits for the previous store, so the sums of both entries
            are loaded before either is stored."""
            ahead = [read(place + i) for i in range(min(count, _AHEAD))]
            for begin in range(0, count, 2):
                both = ahead[begin : begin + 2]
                totals = [sums[column] for column, _ in both]
                ahead += [read(place + i) for i in range(len(ahead), min(count, begin + 2 + _AHEAD))]
                for i, (column, weight) in enumerate(both):
                    if i:  # both may have the same column
                        totals[i] = jnp.where(column == both[0][0], totals[0], totals[i])
                    totals[i] += weight
                for (column, _), total in zip(both, totals):
                    sums[column] = total

        def piece(state: Any) -> Any:
            (word, events, begin, end), slot = state
            first = piece_of(begin)
            stop = jnp.minimum(end, first + PIECE)
            following = rows.advanced((word, events, stop, end))

            @pl.when(cursor.has_entries(following))
            def fetch_following() -> None:
                rows.fetch(following[2], *places(1 - slot))

            rows.wait(*places(slot))
            groups = (stop - begin) >> 3

            at = slot * PIECE - first
            jax.lax.fori_loop(0, groups, lambda i, _: add(at + begin + i * _UNROLLED, _UNROLLED), None)
            jax.lax.fori_loop(at + begin + groups * _UNROLLED, at + stop, lambda i, _: add(i, 1), None)
            return following, 1 - slot

        def zero(i: Any, _: Any) -> None:
            for j in range(_UNROLLED):
                sums[i * _UNROLLED + j] = 0.0

        start = rows.first()

        @pl.when(cursor.has_entries(start))
        def fetch_first() -> None:
            rows.fetch(start[2], *places(0))

        jax.lax.fori_loop(0, sums.shape[0] // _UNROLLED, zero, None)
        jax.lax.while_loop(lambda state: cursor.has_entries(state[0]), piece, (start, jnp.int32(0)))
        all_places = sums.shape[0]
        at = pl.multiple_of(rows.vector * all_places, PIECE)
        result = tpu.make_async_copy(sums, out.at[pl.ds(at, all_places)], written)
        result.start()
        result.wait()
