"""``sddmm`` for fixed fan-in or fan-out: for each entry, a number of its row times a number that is looked up.

As in :mod:`.fan_in`, rows are along the lanes, and the lookup table contains packed events or numbers. The result is
therefore the derivative with respect to the weights of a product with events, or with numbers.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

from brainevent_core.encodings import FLOAT, Encoding, is_event
from brainevent_core.formats import DENSE_FORMAT, FIXED_NUM_FORMAT, Format, Shape
from brainevent_core.plugins import Takes

from .lanes import LANES, SUBLANES, has_event, look_up, rows_of
from .tables import LOOKED_UP, fits, table_of, tile_of

__all__ = ["LEFT", "TAKES", "sampled_products"]


def _takes(y: Any, indices: Any, x: Any, *, shape: Shape, transpose: bool, encoding: Encoding, **_: Any) -> bool:
    return fits(FLOAT if transpose else encoding, indices, x, y, shape=shape)


#: The supported calls.
TAKES = Takes(formats=(FIXED_NUM_FORMAT,), encodings=LOOKED_UP, dtypes=("bfloat16", "float32"), further=_takes)

#: The calls that are left to XLA: products at all positions of a matrix.
LEFT = Takes(formats=(DENSE_FORMAT,), encodings=LOOKED_UP)


def sampled_products(
    y: jax.Array,
    indices: jax.Array,
    x: jax.Array,
    *,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    interpret: Any = False,
) -> jax.Array:
    """``y[out] · x[in]`` for each entry, as the primitive ``sddmm`` defines it."""
    neurons, width = indices.shape
    if transpose:
        decoded = encoding.decode(x, shape[0])
        of_rows, table = is_event(decoded) if encoding.event else decoded, table_of(y, FLOAT, shape[1])
    else:
        of_rows, table = y, table_of(x, encoding, shape[1])
    bits, vectors = table.dtype == jnp.int32, table.shape[0]
    of_rows = of_rows.astype(jnp.float32).reshape(neurons, vectors).T[:, None]
    # Large unsigned indices become negative; both are out of bounds.
    columns = jax.lax.bitcast_convert_type(indices, jnp.int32).T
    tile = tile_of(neurons, width)

    def body(table: Any, of_rows: Any, indices: Any, out: Any) -> None:
        tables, first = rows_of(table.at[0]), pl.program_id(1) == 0

        def products(at: Any, column: slice) -> Any:
            index, of_row = indices[at, column], of_rows[0, :, column]
            if bits:
                return jnp.where(has_event(tables, index), of_row, 0.0)
            found = look_up(tables, index)
            if encoding.event:
                return jnp.where(of_row != 0, found, 0.0)
            return jnp.where((index >= 0) & (index < shape[1]), found * of_row, 0.0)

        def write(at: Any) -> None:
            for begin in range(0, tile, LANES):
                column = slice(begin, begin + LANES)
                new = products(at, column)
                out[at, column] = new if vectors == 1 else new + jnp.where(first, 0.0, out[at, column])

        whole, rest = divmod(width, SUBLANES)
        if whole:  # a loop of zero iterations is traced as well, and would read beyond the block
            jax.lax.fori_loop(
                0, whole, lambda i, _: write(pl.ds(pl.multiple_of(i * SUBLANES, SUBLANES), SUBLANES)), None
            )
        if rest:
            write(slice(whole * SUBLANES, width))

    block = pl.BlockSpec((width, tile), lambda i, vector: (0, i))
    out = pl.pallas_call(
        body,
        grid=(-(-neurons // tile), vectors),  # a block of entries is fetched once for all vectors
        in_specs=[
            pl.BlockSpec((1, *table.shape[1:]), lambda i, vector: (vector, 0, 0)),
            pl.BlockSpec((1, 1, tile), lambda i, vector: (vector, 0, i)),
            block,
        ],
        out_specs=block,
        out_shape=jax.ShapeDtypeStruct((width, neurons), jnp.float32),
        name="sampled",
        interpret=interpret,
    )(table, of_rows, columns)
    return out.T.astype(y.dtype)
