"""Fixed fan-in, ``A @ events``: every neuron looks its presynaptic neurons up in a packed vector of events.

32 neurons are a bit each of a word, and 4,096 a row of 128 words, which is what a TPU's lane gather can look into at
once. So an instruction looks up 1,024 synapses, and a network of 16,384 neurons takes four for each of them. Nothing is
converted: stored as (neurons, synapses) of fewer than 128 columns or so, arrays lie transposed in the memory of a TPU
anyway, neurons along the lanes, and their transpose is free.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

from brainevent_core.encodings import Encoding
from brainevent_core.formats import FIXED_NUM_FORMAT, Format, Shape
from brainevent_core.plugins import Takes

from .device import VMEM_BYTES
from .lanes import LANES, PER_ROW, SUBLANES, has_event, rows_of
from .packed import ENCODINGS, packed_events

__all__ = ["TAKES", "fan_in_product"]

#: Rows of words: each is a gather more for all synapses, and code.
_MAX_ROWS = 64

#: Neurons of a block, unless memory allows only fewer. With 4 registers of neurons side by side a loop has enough to do
#: while it waits for a gather: 78 instead of 116 bundles for 4,096 synapses.
_TILE = 4 * LANES

_DTYPES = ("bfloat16", "float32")

#: A block of indices and one of weights, while the next are on their way.
_BYTES_PER_SYNAPSE = 2 * (4 + 4)


def _takes(data: Any, indices: Any, x: Any, *, shape: Shape, transpose: bool, **_: Any) -> bool:
    sizes = (*shape, *indices.shape, *x.shape)
    return (
        not transpose
        and all(isinstance(size, int) and size > 0 for size in sizes)
        and shape[1] <= _MAX_ROWS * PER_ROW
        and indices.dtype in (jnp.int32, jnp.uint32)
        and indices.shape[1] * LANES * _BYTES_PER_SYNAPSE <= VMEM_BYTES
    )


#: The calls that it takes.
TAKES = Takes(formats=(FIXED_NUM_FORMAT,), encodings=ENCODINGS, dtypes=_DTYPES, further=_takes)


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
    """``A @ x`` for events x: the primitive ``matmul``, see there."""
    neurons, width = indices.shape
    rows = -(-shape[1] // PER_ROW)
    words = packed_events(x, encoding, shape[1], rows * LANES)
    words = words.reshape(rows, LANES, -1).transpose(2, 0, 1)
    # Large unsigned indices become negative ones: both are outside.
    indices = jax.lax.bitcast_convert_type(indices, jnp.int32)

    homogeneous = format.is_homogeneous(data)
    per_synapse = [indices.T] if homogeneous else [indices.T, data.T]
    tile = min(_TILE, VMEM_BYTES // (_BYTES_PER_SYNAPSE * width) // LANES * LANES, -(-neurons // LANES) * LANES)
    # The vectors of a batch are the inner axis of the grid: a block of synapses is fetched once for all of them.
    block = pl.BlockSpec((width, tile), lambda i, vector: (0, i))
    sums = pl.pallas_call(
        _Body(homogeneous),
        grid=(-(-neurons // tile), words.shape[0]),
        in_specs=[pl.BlockSpec((1, rows, LANES), lambda i, vector: (vector, 0, 0)), *[block] * len(per_synapse)],
        out_specs=pl.BlockSpec((1, 1, tile), lambda i, vector: (vector, 0, i)),
        out_shape=jax.ShapeDtypeStruct((words.shape[0], 1, neurons), jnp.float32),
        name="fan_in",
        interpret=interpret,
    )(words, *per_synapse)
    sums = sums[:, 0].T.reshape(neurons, *x.shape[1:])
    if homogeneous:  # they are numbers of events: where there are none, an infinite weight must not show
        sums = jnp.where(sums != 0, sums * data[0].astype(jnp.float32), 0.0)
    return sums.astype(data.dtype)


class _Body:
    """The kernel: for a block of neurons, the sum of weights (or ones) over the synapses whose source has an event."""

    __name__ = "fan_in"

    def __init__(self, homogeneous: bool) -> None:
        self.homogeneous = homogeneous

    def __call__(self, words: Any, indices: Any, *weights_and_sums: Any) -> None:
        *weights, sums = weights_and_sums
        width, tile = indices.shape
        tables = rows_of(words.at[0])
        columns = [slice(at, at + LANES) for at in range(0, tile, LANES)]

        def added(at: Any, synapses: int, totals: Any) -> Any:
            """The totals, (8, 128) for each of the columns, with so many synapses of each neuron added."""
            out = []
            for column, total in zip(columns, totals):
                hit = has_event(tables, indices[pl.ds(at, synapses), column])
                weight = 1.0 if self.homogeneous else weights[0][pl.ds(at, synapses), column].astype(jnp.float32)
                terms = jnp.where(hit, weight, 0.0)
                if synapses < SUBLANES:
                    terms = jnp.concatenate([terms, jnp.zeros((SUBLANES - synapses, LANES), jnp.float32)])
                out.append(total + terms)
            return tuple(out)

        totals = tuple(jnp.zeros((SUBLANES, LANES), jnp.float32) for _ in columns)
        whole, rest = divmod(width, SUBLANES)
        if whole:  # otherwise a loop of no turns would read beyond the block, as it is traced
            totals = jax.lax.fori_loop(
                0, whole, lambda i, totals: added(pl.multiple_of(i * SUBLANES, SUBLANES), SUBLANES, totals), totals
            )
        if rest:
            totals = added(whole * SUBLANES, rest, totals)
        for column, total in zip(columns, totals):
            sums[0, :, column] = jnp.sum(total, axis=0, keepdims=True)
