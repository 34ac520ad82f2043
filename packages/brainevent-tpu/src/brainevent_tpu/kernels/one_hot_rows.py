"""Compressed rows, ``A.T @ events``: adds the entries of active rows by one-hot products, 1,024 at once.

DMA copies groups of eight pieces of rows to vector memory. The MXU processes all rows of 128 sums for each group, so
the cost of a group grows with the width of the matrix, and doesn't depend on the length of the rows.
:mod:`.active_rows` adds entries one by one, at a cost that doesn't depend on the width.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu

from brainevent_core.formats import Format, Shape
from brainevent_core.plugins import Takes

from . import active_rows
from .compressed import FORMATS, PIECE, Layout, Rows, compressed_product, piece_of, readable
from .groups import each_group
from .lanes import LANES, SUBLANES
from .one_hot import HEIGHT, counted, summed
from .packed import ENCODINGS

__all__ = ["TAKES", "one_hot_rows_product"]

#: Groups: one is fetched while another is added.
_SLOTS = 2


#: Maximum number of rows of sums: more take many seconds to compile.
_MAX_HEIGHT = 1024

#: Bundles per group, and additional ones per row of sums, on v5e (`aot/figures.json`), by whether weights are
#: homogeneous; otherwise they take three products.
_GROUP, _PER_ROW = {True: 600, False: 1000}, {True: 1.6, False: 5}

#: Bundles of :mod:`.active_rows` per entry, and per piece.
_ENTRY, _PIECE = 6, 100


def _takes(data: Any, *structure_and_x: Any, format: Format, shape: Shape, **static: Any) -> bool:
    operands, static = (data, *structure_and_x), {"format": format, "shape": shape, **static}
    if not readable(0, *operands, **static) or _height(shape[1]) > _MAX_HEIGHT:
        return False
    width = format.nse(structure_and_x[:-1], shape) / shape[0]
    # Rows begin anywhere in a piece, so they touch more pieces than they could fill.
    entries = SUBLANES * width / (1 + max(width - 1, 0) / PIECE)
    homogeneous = format.is_homogeneous(data)
    group = _GROUP[homogeneous] + _PER_ROW[homogeneous] * _height(shape[1])
    return group <= entries * _ENTRY + SUBLANES * _PIECE or not active_rows.TAKES(*operands, **static)


#: The supported calls.
TAKES = Takes(formats=FORMATS, encodings=ENCODINGS, dtypes=("bfloat16", "float32"), further=_takes)


def _height(columns: int) -> int:
    """The number of rows of 128 sums."""
    return -(-columns // (HEIGHT * LANES)) * HEIGHT


def _call(layout: Layout) -> dict[str, Any]:
    """The parameters of ``pallas_call`` that are specific to this strategy."""
    height = _height(layout.shape[1])
    arrays = len(layout.dtypes)
    return {
        "kernel": _Body(layout),
        "out_specs": pl.BlockSpec((1, height, LANES), lambda vector: (vector, 0, 0)),
        "out_shape": jax.ShapeDtypeStruct((layout.vectors, height, LANES), jnp.float32),
        "scratch_shapes": [
            *(tpu.VMEM((_SLOTS, SUBLANES, LANES), dtype) for dtype in layout.dtypes),
            tpu.SMEM((2 * _SLOTS * SUBLANES,), jnp.int32),
            tpu.SemaphoreType.DMA((arrays, _SLOTS)),
        ],
        "name": "one_hot_rows",
    }


#: ``A.T @ x`` for events x, as the primitive ``matmul`` defines it.
one_hot_rows_product = partial(compressed_product, _call)


class _Body:
    """The kernel."""

    __name__ = "one_hot_rows"

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def __call__(self, *refs: Any) -> None:
        rows, (out, *pieces, bounds, arrived) = Rows.of(self.layout, *refs)
        columns, height = self.layout.shape[1], out.shape[1]

        def places(slot: Any, place: int) -> tuple[list[Any], list[Any]]:
            return [piece.at[slot, place] for piece in pieces], [arrived.at[i, slot] for i in range(len(pieces))]

        def behind(begin: Any, end: Any) -> Any:
            return jnp.minimum(end, piece_of(begin) + PIECE)

        def fetch(slot: Any, place: int, begin: Any, stop: Any) -> None:
            for i, entry in enumerate((begin, stop)):
                bounds[2 * (slot * SUBLANES + place) + i] = entry - piece_of(begin)
            rows.fetch(begin, *places(slot, place))

        def inside(slot: Any, size: Any) -> Any:
            """Which lanes of a group have entries."""
            sublane, lane = (jax.lax.broadcasted_iota(jnp.int32, (SUBLANES, LANES), axis) for axis in (0, 1))
            begin = stop = jnp.zeros((SUBLANES, LANES), jnp.int32)
            for place in range(SUBLANES):
                at = 2 * (slot * SUBLANES + place)
                begin = jnp.where(sublane == place, bounds[at], begin)
                stop = jnp.where(sublane == place, bounds[at + 1], stop)
            return (sublane < size) & (lane >= begin) & (lane < stop)

        def visit(slot: Any, size: Any) -> None:
            jax.lax.fori_loop(0, size, lambda i, _: rows.wait(*places(slot, 0)), None)
            index, *weights = (piece[slot] for piece in pieces)
            place = jnp.where(inside(slot, size) & (index >= 0) & (index < columns), index, -1)
            if not weights:
                out[0] += counted(place, height)
                return
            bits = jax.lax.bitcast_convert_type(weights[0], jnp.int32)
            finite = bits & 0x7F800000 != 0x7F800000
            out[0] += summed(place, jnp.where((place >= 0) & finite, weights[0], 0.0), height)
            odd = jnp.where(finite, -1, place)

            @pl.when(jnp.max(odd) >= 0)
            def add_odd() -> None:
                """Add weights that aren't finite one by one: the MXU would multiply them by zeros, and spread NaN."""
                number = jax.lax.broadcasted_iota(jnp.int32, odd.shape, 0) * LANES
                number += jax.lax.broadcasted_iota(jnp.int32, odd.shape, 1)

                def add(odd: Any) -> Any:
                    one = jnp.max(jnp.where(odd >= 0, number, -1))
                    this = number == one
                    where = jnp.max(jnp.where(this, place, -1))
                    value = jnp.sum(jnp.where(this, weights[0], 0.0))
                    lane = jax.lax.broadcasted_iota(jnp.int32, (1, LANES), 1)
                    row = pl.ds(where >> 7, 1)
                    out[0, row] += jnp.where(lane == (where & (LANES - 1)), value, 0.0)
                    return jnp.where(this, -1, odd)

                jax.lax.while_loop(lambda odd: jnp.max(odd) >= 0, add, odd)

        out[...] = jnp.zeros_like(out[...])
        each_group(_SLOTS, rows.first(), rows.advanced, fetch, visit, behind=behind)
