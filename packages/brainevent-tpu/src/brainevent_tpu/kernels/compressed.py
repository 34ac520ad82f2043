"""Compressed rows, ``A.T @ events``: the code that its strategies share, which read active rows directly from the flat
arrays.

They read a row in *pieces*, aligned to 128 entries. The last piece of the arrays is a separate operand, because DMA
must not read beyond their end, and padding them would copy them in every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu

from brainevent_core.encodings import WORD_BITS, Encoding
from brainevent_core.formats import CSC_INDEX, CSR_FORMAT, FIXED_NUM_FORMAT, Format, Shape

from . import cursor
from .device import SMEM_WORDS, some_tpu
from .packed import packed_events
from .pointers import sane_pointers

__all__ = ["FORMATS", "PIECE", "Layout", "Rows", "compressed_product", "piece_of", "readable"]

#: Entries per piece: the alignment of a DMA.
PIECE = 128

#: Formats whose rows are contiguous.
FORMATS = tuple(fmt for base in (CSR_FORMAT, FIXED_NUM_FORMAT) for fmt in (base, base.with_component(CSC_INDEX)))

#: Words of scalar memory for everything else, which is little.
_SMALL = 1024


def readable(
    words: int, data: Any, *structure_and_x: Any, format: Format, shape: Shape, transpose: bool, **_: Any
) -> bool:
    """Whether kernels that need ``words`` words of scalar memory themselves can read rows of such a matrix."""
    *structure, x = structure_and_x
    if not transpose or not all(isinstance(size, int) for array in (data, *structure, x) for size in array.shape):
        return False
    rows, columns = shape
    nse = format.nse(structure, shape)
    pointers = rows + 1 if format.base is CSR_FORMAT else 0
    return (
        min(rows, columns, nse, *x.shape) > 0
        and nse < 2**31 - PIECE
        and words + pointers + (rows // WORD_BITS + 1) * math.prod(x.shape[1:]) + _SMALL <= SMEM_WORDS
        and format.named(structure).indices.dtype in (jnp.int32, jnp.uint32)
        # DMA copies single pieces only of 32-bit elements, so weights of other dtypes must be homogeneous.
        and (data.dtype == jnp.float32 or format.is_homogeneous(data))
    )


@dataclass(frozen=True)
class Layout:
    """The parameters that a kernel is generated from.

    Attributes:
        shape: of the stored matrix.
        nse: the number of its entries.
        homogeneous: whether the weight is homogeneous; each entry then adds one.
        pointers: whether rows are bounded by pointers; otherwise all have the same length.
        words: packed words per vector.
        vectors: the number of vectors of events.
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
        return self.nse // PIECE * PIECE

    @property
    def dtypes(self) -> tuple[Any, ...]:
        """Dtypes of the arrays of entries: indices, and weights unless homogeneous."""
        return (jnp.int32,) if self.homogeneous else (jnp.int32, jnp.float32)


def compressed_product(
    make: Callable[[Layout], Any],
    data: jax.Array,
    *structure_and_x: jax.Array,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    interpret: Any = False,
) -> jax.Array:
    """``A.T @ x`` for events x, as the primitive ``matmul`` defines it.

    Args:
        make: returns the parameters of ``pallas_call`` that are specific to the strategy for a layout, including the
            ``kernel``. Its references begin with the operands in the order of :meth:`Rows.of`. Its result contains, for
            each vector, the sums of all columns, and possibly padding.
    """
    *structure, x = structure_and_x
    named, nse = format.named(structure), format.nse(structure, shape)
    indices = jax.lax.bitcast_convert_type(named.indices.reshape(-1), jnp.int32)
    bounds = [sane_pointers(named.indptr, nse, interpret=interpret)] if format.base is CSR_FORMAT else []
    homogeneous = format.is_homogeneous(data)
    entries = [indices] if homogeneous else [indices, data.reshape(-1)]
    words = packed_events(x, encoding, shape[0], -(-shape[0] // WORD_BITS))
    vectors = x.shape[1] if x.ndim == 2 else 1
    layout = Layout(shape, nse, homogeneous, bool(bounds), words.shape[0], vectors)
    rest = [jnp.pad(array[layout.whole :], (0, layout.whole + PIECE - nse)) for array in entries]
    scalar, memory = pl.BlockSpec(memory_space=tpu.SMEM), pl.BlockSpec(memory_space=pl.ANY)
    call = pl.pallas_call(
        grid=(vectors,),
        in_specs=[scalar] * (1 + len(bounds)) + [memory] * (2 * len(entries)),
        interpret=interpret,
        **make(layout),
    )
    with some_tpu():
        sums = call(words.T.reshape(-1), *bounds, *entries, *rest)
    sums = sums.reshape(vectors, -1)[:, : shape[1]].T.reshape(shape[1], *x.shape[1:])
    if homogeneous:  # the sums are numbers of entries; where there are none, an infinite weight must not give NaN
        sums = jnp.where(sums != 0, sums * data[0].astype(jnp.float32), 0.0)
    return sums.astype(data.dtype)


@dataclass(frozen=True)
class Rows:
    """The operands inside a kernel, and its cursor over the entries of active rows, see :mod:`.cursor`.

    Attributes:
        layout: the layout of the kernel.
        words: packed events in scalar memory.
        bounds: pointers in scalar memory, or None.
        entries: arrays in HBM: indices, and weights unless homogeneous.
        rest: the last piece of each.
        vector: the number of the vector of events.
    """

    layout: Layout
    words: Any
    bounds: Any
    entries: Sequence[Any]
    rest: Sequence[Any]
    vector: Any

    @classmethod
    def of(cls, layout: Layout, words: Any, *refs: Any) -> tuple[Rows, Sequence[Any]]:
        """Split the references of a kernel into the operands, and the others."""
        bounds, refs = (refs[0], refs[1:]) if layout.pointers else (None, refs)
        count = len(layout.dtypes)
        rows = cls(layout, words, bounds, refs[:count], refs[count : 2 * count], pl.program_id(0))
        return rows, refs[2 * count :]

    def first(self) -> Any:
        """The cursor at the first row."""
        return cursor.first(*self._where())

    def advanced(self, at: Any) -> Any:
        """The cursor at a row that has entries left, or at the end."""
        return cursor.advanced(at, *self._where())

    def fetch(self, begin: Any, places: Sequence[Any], arrived: Sequence[Any]) -> None:
        """Start to copy the piece that contains an entry to ``places``, one per array, with one semaphore each."""
        at = pl.multiple_of(piece_of(begin), PIECE)
        if self.layout.whole:

            @pl.when(at < self.layout.whole)
            def fetch_whole() -> None:
                for copy in self._copies(self.entries, at, places, arrived):
                    copy.start()

        @pl.when(at >= self.layout.whole)
        def fetch_rest() -> None:
            for copy in self._copies(self.rest, 0, places, arrived):
                copy.start()

    def wait(self, places: Sequence[Any], arrived: Sequence[Any]) -> None:
        """Wait for a piece that is being fetched. All pieces have the same size as the last one."""
        for copy in self._copies(self.rest, 0, places, arrived):
            copy.wait()

    @staticmethod
    def _copies(source: Sequence[Any], at: Any, places: Sequence[Any], arrived: Sequence[Any]) -> list[Any]:
        return [
            tpu.make_async_copy(array.at[pl.ds(at, PIECE)], place, done)
            for array, place, done in zip(source, places, arrived)
        ]

    def _where(self) -> tuple[Any, ...]:
        return self.words, self.vector * self.layout.words, self.layout.words, self._row

    def _row(self, row: Any) -> tuple[Any, Any]:
        if self.bounds is not None:
            return self.bounds[row], self.bounds[row + 1]
        width = self.layout.nse // self.layout.shape[0]
        return row * width, (row + 1) * width


def piece_of(entry: Any) -> Any:
    """The first entry of the piece that contains an entry. (For a division, Pallas would look up the kind of TPU.)"""
    return entry & -PIECE
