"""Fixed fan-in, ``A @ x``: every neuron looks up its presynaptic neurons in a vector of packed events, or of numbers,
which takes 32 times as many instructions.

A word packs 32 neurons, and a row of 128 words, the table of a TPU's lane gather, packs 4,096. One gather looks up
1,024 synapses in such a row, so a network of 16,384 neurons takes four gathers for them. Nothing is converted: XLA
stores arrays of shape (neurons, synapses) with fewer than about 128 columns transposed anyway, with neurons along the
lanes, so their transpose is free.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

from brainevent_core.encodings import Encoding
from brainevent_core.formats import FIXED_NUM_FORMAT, Format, Shape
from brainevent_core.plugins import Takes

from .lanes import LANES, SUBLANES, has_event, look_up, rows_of
from .tables import LOOKED_UP, fits, table_of, tile_of

__all__ = ["TAKES", "fan_in_product"]


def _takes(data: Any, indices: Any, x: Any, *, shape: Shape, transpose: bool, encoding: Encoding, **_: Any) -> bool:
    return not transpose and fits(encoding, indices, x, shape=shape)


#: The supported calls.
TAKES = Takes(formats=(FIXED_NUM_FORMAT,), encodings=LOOKED_UP, dtypes=("bfloat16", "float32"), further=_takes)


def fan_in_product(
    data: jax.Array,
    indices: jax.Array,
    x: jax.Array,
    *,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    interpret: Any = False,
) -> jax.Array:
    """``A @ x``, as the primitive ``matmul`` defines it."""
    neurons, width = indices.shape
    homogeneous = format.is_homogeneous(data)
    if homogeneous and not encoding.event:
        x = encoding.decode(x, shape[1]).astype(jnp.float32) * data[0].astype(jnp.float32)
    table = table_of(x, encoding, shape[1])
    # Large unsigned indices become negative; both are out of bounds.
    indices = jax.lax.bitcast_convert_type(indices, jnp.int32)

    per_synapse = [indices.T] if homogeneous else [indices.T, data.T]
    tile = tile_of(neurons, width)
    # The vectors of a batch are the inner axis of the grid, so a block of synapses is fetched once for all of them.
    block = pl.BlockSpec((width, tile), lambda i, vector: (0, i))
    sums = pl.pallas_call(
        _Body(homogeneous, encoding.event, shape[1]),
        grid=(-(-neurons // tile), table.shape[0]),
        in_specs=[pl.BlockSpec((1, *table.shape[1:]), lambda i, vector: (vector, 0, 0)), *[block] * len(per_synapse)],
        out_specs=pl.BlockSpec((1, 1, tile), lambda i, vector: (vector, 0, i)),
        out_shape=jax.ShapeDtypeStruct((table.shape[0], 1, neurons), jnp.float32),
        name="fan_in",
        interpret=interpret,
    )(table, *per_synapse)
    sums = sums[:, 0].T.reshape(neurons, *x.shape[1:])
    # With a homogeneous weight, these are counts of events; where there are none, an infinite weight must not give NaN.
    if homogeneous and encoding.event:
        sums = jnp.where(sums != 0, sums * data[0].astype(jnp.float32), 0.0)
    return sums.astype(data.dtype)


class _Body:
    """The kernel: for a block of neurons, the sum of weights (or ones) over the synapses whose source has an event, or
    the sum of weights times the numbers of their sources."""

    __name__ = "fan_in"

    def __init__(self, homogeneous: bool, events: bool, length: int) -> None:
        self.homogeneous, self.events, self.length = homogeneous, events, length

    def __call__(self, table: Any, indices: Any, *weights_and_sums: Any) -> None:
        *weights, sums = weights_and_sums
        width, tile = indices.shape
        tables = rows_of(table.at[0])
        columns = [slice(at, at + LANES) for at in range(0, tile, LANES)]

        def added(at: Any, synapses: int, totals: Any) -> Any:
            """The totals, (8, 128) for each of the columns, plus the next ``synapses`` synapses of each neuron."""
            out = []
            for column, total in zip(columns, totals):
                index = indices[pl.ds(at, synapses), column]
                weight = 1.0 if self.homogeneous else weights[0][pl.ds(at, synapses), column].astype(jnp.float32)
                if self.events:
                    terms = jnp.where(has_event(tables, index), weight, 0.0)
                else:
                    inside = (index >= 0) & (index < self.length)
                    terms = jnp.where(inside, look_up(tables, index) * weight, 0.0)
                if synapses < SUBLANES:
                    terms = jnp.concatenate([terms, jnp.zeros((SUBLANES - synapses, LANES), jnp.float32)])
                out.append(total + terms)
            return tuple(out)

        totals = tuple(jnp.zeros((SUBLANES, LANES), jnp.float32) for _ in columns)
        whole, rest = divmod(width, SUBLANES)
        if whole:  # a loop of zero iterations is traced as well, and would read beyond the block
            totals = jax.lax.fori_loop(
                0, whole, lambda i, totals: added(pl.multiple_of(i * SUBLANES, SUBLANES), SUBLANES, totals), totals
            )
        if rest:
            totals = added(whole * SUBLANES, rest, totals)
        for column, total in zip(columns, totals):
            sums[0, :, column] = jnp.sum(total, axis=0, keepdims=True)
