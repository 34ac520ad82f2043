"""Dense rows, ``A.T @ events``: the sum of the active rows, without reading the others.

A product with all rows on the MXU reads the matrix once for a whole batch, while this kernel reads a fraction of it for
each vector. It is therefore used for vectors and small batches.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu

from brainevent_core.encodings import WORD_BITS, Encoding
from brainevent_core.formats import DENSE_FORMAT, Format, Shape
from brainevent_core.plugins import Takes

from .device import some_tpu
from .lanes import SUBLANES
from .packed import ENCODINGS, packed_events
from .row_groups import RowGroups, readable, scratch

__all__ = ["LEFT", "TAKES", "dense_rows_product"]

#: Maximum number of vectors, each of which reads its own rows.
_MAX_VECTORS = 8

#: Groups of rows: one is fetched while another is added.
_SLOTS = 2


def _takes(data: Any, x: Any, *, shape: Shape, transpose: bool, **_: Any) -> bool:
    if not all(isinstance(size, int) and size > 0 for size in (*shape, *x.shape)):
        return False
    vectors = x.shape[1] if len(x.shape) == 2 else 1
    return transpose and vectors <= _MAX_VECTORS and readable(shape, vectors * -(-shape[0] // WORD_BITS))


def _left(data: Any, x: Any, *, transpose: bool, **_: Any) -> bool:
    return not transpose or (len(x.shape) == 2 and isinstance(x.shape[1], int) and x.shape[1] > _MAX_VECTORS)


#: The supported calls.
TAKES = Takes(formats=(DENSE_FORMAT,), encodings=ENCODINGS, dtypes=("float32",), further=_takes)

#: The calls that the MXU computes best: sums of columns, which aren't contiguous in memory, and many vectors.
LEFT = Takes(formats=(DENSE_FORMAT,), encodings=ENCODINGS, further=_left)


def dense_rows_product(
    data: jax.Array,
    x: jax.Array,
    *,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    interpret: Any = False,
) -> jax.Array:
    """``A.T @ x`` for events x, as the primitive ``matmul`` defines it."""
    rows, columns = shape
    count = -(-rows // WORD_BITS)
    words = packed_events(x, encoding, rows, count).T.reshape(-1)
    vectors = x.shape[1] if x.ndim == 2 else 1

    def body(words: Any, matrix: Any, out: Any, sums: Any, *memory: Any) -> None:
        groups = RowGroups.of(words, pl.program_id(0) * count, count, [matrix], memory)

        def add(slot: Any, size: Any) -> None:
            def chunk(lanes: Any) -> None:
                read = groups.slots[0][slot, :, lanes]
                exists = jax.lax.broadcasted_iota(jnp.int32, read.shape, 0) < size
                sums[:, lanes] += jnp.where(exists, read, 0.0)

            groups.each_chunk(chunk)

        def zero(lanes: Any) -> None:
            sums[:, lanes] = jnp.zeros_like(sums[:, lanes])

        def total(lanes: Any) -> None:
            out[0, :, lanes] = jnp.sum(sums[:, lanes], axis=0, keepdims=True)

        groups.each_chunk(zero)
        groups.each(add)
        groups.each_chunk(total)

    call = pl.pallas_call(
        body,
        grid=(vectors,),
        in_specs=[pl.BlockSpec(memory_space=tpu.SMEM), pl.BlockSpec(memory_space=pl.ANY)],
        out_specs=pl.BlockSpec((1, 1, columns), lambda vector: (vector, 0, 0)),
        out_shape=jax.ShapeDtypeStruct((vectors, 1, columns), jnp.float32),
        scratch_shapes=[tpu.VMEM((SUBLANES, columns), jnp.float32), *scratch(columns, _SLOTS)],
        name="dense_rows",
        interpret=interpret,
    )
    with some_tpu():
        out: jax.Array = call(words, data)
    return out[:, 0].T.reshape(columns, *x.shape[1:])
