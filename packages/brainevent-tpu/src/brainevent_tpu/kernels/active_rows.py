"""Compressed rows, ``A.T @ events``: of the rows that have an event, entry by entry, straight from the flat arrays.

A row is read in *pieces*, aligned to 128 entries, which DMA copies to scalar memory: the next is on its way while one
is added up, by scalar instructions. The sums are in scalar memory, too, because nothing else in a TPU can be addressed
word by word. The last piece of the arrays is an operand of its own, for DMA must not read beyond their end, and padding
them would copy them in every step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu

from brainevent_core.encodings import WORD_BITS, Encoding
from brainevent_core.formats import CSC_INDEX, CSR_FORMAT, FIXED_NUM_FORMAT, Format, Shape
from brainevent_core.plugins import Takes

from . import cursor
from .device import SMEM_WORDS, some_tpu
from .packed import ENCODINGS, packed_events
from .pointers import sane_pointers

__all__ = ["TAKES", "active_rows_product"]

#: Entries of a piece: what a DMA can be aligned to.
_PIECE = 128

#: Entries that are added without a branch between: 5 or 6 bundles each instead of 9.
_UNROLLED = 8

_FORMATS = tuple(fmt for base in (CSR_FORMAT, FIXED_NUM_FORMAT) for fmt in (base, base.with_component(CSC_INDEX)))

#: Two pieces of indices and of weights, and what else takes little.
_SMALL = 1024


def _takes(data: Any, *structure_and_x: Any, format: Format, shape: Shape, transpose: bool, **_: Any) -> bool:
    *structure, x = structure_and_x
    if not transpose or not all(isinstance(size, int) for array in (data, *structure, x) for size in array.shape):
        return False
    rows, columns = shape
    nse = format.nse(structure, shape)
    pointers = rows + 1 if format.base is CSR_FORMAT else 0
    return (
        min(rows, columns, nse, *x.shape) > 0
        and nse < 2**31 - _PIECE
        and _padded(columns) + pointers + (rows // WORD_BITS + 1) * math.prod(x.shape[1:]) + _SMALL <= SMEM_WORDS
        and format.named(structure).indices.dtype in (jnp.int32, jnp.uint32)
        # Scalar memory has words of 32 bits only: other weights have to be one for all.
        and (data.dtype == jnp.float32 or format.is_homogeneous(data))
    )


#: The calls that it takes.
TAKES = Takes(formats=_FORMATS, encodings=ENCODINGS, dtypes=("bfloat16", "float32"), further=_takes)


def active_rows_product(
    data: jax.Array,
    *structure_and_x: jax.Array,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    interpret: Any = False,
) -> jax.Array:
    """``A.T @ x`` for events x: the primitive ``matmul``, see there."""
    *structure, x = structure_and_x
    named, nse = format.named(structure), format.nse(structure, shape)
    indices = jax.lax.bitcast_convert_type(named.indices.reshape(-1), jnp.int32)
    bounds = [sane_pointers(named.indptr, nse, interpret=interpret)] if format.base is CSR_FORMAT else []
    homogeneous = format.is_homogeneous(data)
    entries = [indices] if homogeneous else [indices, data.reshape(-1)]
    words = packed_events(x, encoding, shape[0], -(-shape[0] // WORD_BITS))
    vectors = x.shape[1] if x.ndim == 2 else 1
    layout = _Layout(shape, nse, homogeneous, bool(bounds), words.shape[0], vectors)
    sums = _sums(layout, bounds, entries, words.T.reshape(-1), interpret=interpret)
    sums = sums[:, : shape[1]].T.reshape(shape[1], *x.shape[1:])
    if homogeneous:  # they are numbers of entries: where there are none, an infinite weight must not show
        sums = jnp.where(sums != 0, sums * data[0].astype(jnp.float32), 0.0)
    return sums.astype(data.dtype)


def _padded(columns: int) -> int:
    """Sums of so many columns and of a place for what is outside, in whole registers."""
    return -(-(columns + 1) // _PIECE) * _PIECE


@dataclass(frozen=True)
class _Layout:
    """What a kernel is made for.

    Attributes:
        shape: of the stored matrix.
        nse: the number of its entries.
        homogeneous: whether each adds one, rather than a weight of its own.
        pointers: whether rows begin where pointers say; otherwise all are of one length.
        words: of packed events for a vector.
        vectors: of events.
    """

    shape: Shape
    nse: int
    homogeneous: bool
    pointers: bool
    words: int
    vectors: int

    @property
    def whole(self) -> int:
        """The number of entries in whole pieces."""
        return self.nse // _PIECE * _PIECE


def _sums(layout: _Layout, bounds: Sequence[Any], entries: Sequence[Any], words: Any, *, interpret: Any) -> jax.Array:
    """For each vector the sums of all columns, and behind them places without meaning."""
    places = _padded(layout.shape[1])
    rest = [jnp.pad(array[layout.whole :], (0, layout.whole + _PIECE - layout.nse)) for array in entries]
    scalar, memory = pl.BlockSpec(memory_space=tpu.SMEM), pl.BlockSpec(memory_space=pl.ANY)
    call = pl.pallas_call(
        _Body(layout, len(entries)),
        grid=(layout.vectors,),
        in_specs=[scalar] * (1 + len(bounds)) + [memory] * (2 * len(entries)),
        out_specs=memory,
        out_shape=jax.ShapeDtypeStruct((layout.vectors * places,), jnp.float32),
        scratch_shapes=[
            tpu.SMEM((places,), jnp.float32),
            *(tpu.SMEM((2 * _PIECE,), array.dtype) for array in entries),
            tpu.SemaphoreType.DMA((len(entries), 2)),
            tpu.SemaphoreType.DMA,
        ],
        name="active_rows",
        interpret=interpret,
    )
    with some_tpu():
        out: jax.Array = call(words, *bounds, *entries, *rest)
    return out.reshape(layout.vectors, places)


class _Body:
    """The kernel. Its loop carries a cursor, see :mod:`.cursor`, and the place of the piece that it stands in."""

    __name__ = "active_rows"

    def __init__(self, layout: _Layout, arrays: int) -> None:
        self.layout, self.arrays = layout, arrays

    def __call__(self, words: Any, *refs: Any) -> None:
        layout, count = self.layout, self.arrays
        bounds, refs = (refs[0], refs[1:]) if layout.pointers else (None, refs)
        entries, rest, refs = refs[:count], refs[count : 2 * count], refs[2 * count :]
        out, sums, *pieces, arrived, written = refs
        columns, width = layout.shape[1], layout.nse // layout.shape[0]
        vector = pl.program_id(0)

        def row_entries(row: Any) -> Any:
            return (bounds[row], bounds[row + 1]) if bounds is not None else (row * width, (row + 1) * width)

        def advanced(at: Any) -> Any:
            return cursor.advanced(at, words, vector * layout.words, layout.words, row_entries)

        def copies(source: Any, at: Any, slot: Any) -> list[Any]:
            return [
                tpu.make_async_copy(
                    array.at[pl.ds(at, _PIECE)], piece.at[pl.ds(slot * _PIECE, _PIECE)], arrived.at[i, slot]
                )
                for i, (array, piece) in enumerate(zip(source, pieces))
            ]

        def fetch(begin: Any, slot: Any) -> None:
            at = pl.multiple_of(_aligned(begin), _PIECE)
            if layout.whole:

                @pl.when(at < layout.whole)
                def fetch_whole() -> None:
                    for copy in copies(entries, at, slot):
                        copy.start()

            @pl.when(at >= layout.whole)
            def fetch_rest() -> None:
                for copy in copies(rest, 0, slot):
                    copy.start()

        def add(place: Any, count: int) -> None:
            """So many entries. All are read first: a load would wait for the store before it."""
            # In one dimension: places in two would take four instructions more for each entry.
            read = [[piece[place + i] for piece in pieces] for i in range(count)]
            for index, *weight in read:
                # What is outside, as an unsigned number, has a place of its own, behind the last.
                inside = index.astype(jnp.uint32) < np.uint32(columns)
                sums[jnp.where(inside, index, columns)] += weight[0] if weight else 1.0

        def piece(state: Any) -> Any:
            (word, events, begin, end), slot = state
            first = _aligned(begin)
            stop = jnp.minimum(end, first + _PIECE)
            following = advanced((word, events, stop, end))

            @pl.when(cursor.has_entries(following))
            def fetch_following() -> None:
                fetch(following[2], 1 - slot)

            for copy in copies(rest, 0, slot):  # for their size: whichever was started has the same
                copy.wait()
            groups = (stop - begin) >> 3

            at = slot * _PIECE - first
            jax.lax.fori_loop(0, groups, lambda i, _: add(at + begin + i * _UNROLLED, _UNROLLED), None)
            jax.lax.fori_loop(at + begin + groups * _UNROLLED, at + stop, lambda i, _: add(i, 1), None)
            return following, 1 - slot

        def zero(i: Any, _: Any) -> None:
            for j in range(_UNROLLED):
                sums[i * _UNROLLED + j] = 0.0

        start = cursor.first(words, vector * layout.words, layout.words, row_entries)

        @pl.when(cursor.has_entries(start))
        def fetch_first() -> None:
            fetch(start[2], 0)

        jax.lax.fori_loop(0, sums.shape[0] // _UNROLLED, zero, None)
        jax.lax.while_loop(lambda state: cursor.has_entries(state[0]), piece, (start, jnp.int32(0)))
        places = sums.shape[0]
        at = pl.multiple_of(vector * places, _PIECE)
        result = tpu.make_async_copy(sums, out.at[pl.ds(at, places)], written)
        result.start()
        result.wait()


def _aligned(entry: Any) -> Any:
    """The first entry of the piece that an entry is in. (Division would ask for the kind of TPU.)"""
    return entry & -_PIECE
