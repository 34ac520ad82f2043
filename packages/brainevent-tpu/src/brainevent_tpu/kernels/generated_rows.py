"""Generated connectivity, ``A @ events``, where the stream runs along the rows of A: see ``docs/jitc-stream.md``.

All rows are walked. Each step looks up the entry that it has reached in the packed events of the block.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu

from brainevent_core import jitc
from brainevent_core.encodings import WORD_BITS, Encoding
from brainevent_core.formats import Shape
from brainevent_core.jitc import LAWS, ConnectionRule
from brainevent_core.plugins import Takes

from .lanes import LANES, PER_ROW, SUBLANES, has_event, rows_of
from .packed import ENCODINGS, packed_events
from .walk import TILE, Walkers, can_walk, gap_tables, lanes, signed_words

__all__ = ["TAKES", "generated_rows_product"]

#: Steps between tests whether all walkers have left their blocks: a test waits for a reduction over all lanes.
_STEPS = 4


def _takes(
    data: Any, seed: Any, offset: Any, x: Any, *, rule: ConnectionRule, shape: Shape, transpose: bool, **_: Any
) -> bool:
    return not transpose and can_walk(offset, rule, shape, x)


#: The supported calls.
TAKES = Takes(encodings=ENCODINGS, laws=tuple(LAWS.values()), dtypes=("bfloat16", "float32"), further=_takes)


def generated_rows_product(
    data: jax.Array,
    seed: jax.Array,
    row_offset: jax.Array,
    x: jax.Array,
    *,
    rule: ConnectionRule,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    interpret: Any = False,
) -> jax.Array:
    """``A @ x`` for events x, as the primitive ``jitc_matmul`` defines it."""
    rows, length = shape
    size = jitc.block_size(rule.prob)
    blocks, tiles = -(-length // size), -(-rows // TILE)
    words = packed_events(x, encoding, length, blocks * size // WORD_BITS)
    words = words.reshape(blocks, size // WORD_BITS, -1).transpose(2, 0, 1)
    in_rows = -(-size // PER_ROW)
    words = jnp.pad(words, [(0, 0), (0, 0), (0, in_rows * LANES - words.shape[2])])
    words = words.reshape(-1, blocks, in_rows, LANES)
    tables = gap_tables(rule.prob)

    scalar = pl.BlockSpec(memory_space=tpu.SMEM)
    sums = pl.pallas_call(
        _Body(rule, length),
        grid=(tiles, words.shape[0], blocks),  # the blocks of a row add to the same sums, one after the other
        in_specs=[
            *[scalar] * 3,
            pl.BlockSpec(tables.shape, lambda tile, vector, block: (0, 0, 0)),
            pl.BlockSpec((1, 1, in_rows, LANES), lambda tile, vector, block: (vector, block, 0, 0)),
        ],
        out_specs=pl.BlockSpec((1, SUBLANES, LANES), lambda tile, vector, block: (vector, tile, 0)),
        out_shape=jax.ShapeDtypeStruct((words.shape[0], tiles * SUBLANES, LANES), jnp.float32),
        name="generated_rows",
        interpret=interpret,
    )(
        data.astype(jnp.float32),
        *signed_words(seed, row_offset),
        jnp.asarray(tables),
        words,
    )
    sums = sums.reshape(words.shape[0], -1)[:, :rows]
    return sums.T.reshape(rows, *x.shape[1:]).astype(data.dtype)


class _Body:
    """The kernel: a tile of rows walks through a block."""

    __name__ = "generated_rows"

    def __init__(self, rule: ConnectionRule, length: int) -> None:
        self.rule, self.length = rule, length

    def __call__(self, data: Any, seed: Any, offset: Any, tables: Any, words: Any, sums: Any) -> None:
        size = jitc.block_size(self.rule.prob)
        tile, block = pl.program_id(0), pl.program_id(2)
        events = rows_of(words.at[0, 0])
        walkers = Walkers.start(self.rule, seed, tables, offset[0] + tile * TILE + lanes(), block)
        end = jnp.minimum(self.length - block * size, size)
        shape = (SUBLANES, LANES)

        def step(count: Any, at: Any, total: Any) -> Any:
            at, reached, connected = walkers.step(count, at, end)
            weight = self.rule.law.weights(data, walkers.drawn(count))
            return at, total + jnp.where(connected & has_event(events, reached), weight, 0.0)

        def steps(state: Any) -> Any:
            count, at, total = state
            for further in range(_STEPS):
                at, total = step(jnp.full(shape, count + further, jnp.int32), at, total)
            return count + _STEPS, at, total

        start = (jnp.int32(0), jnp.zeros(shape, jnp.int32), jnp.zeros(shape, jnp.float32))
        total = jax.lax.while_loop(lambda state: jnp.any(state[1] < end), steps, start)[2]

        @pl.when(block == 0)
        def first() -> None:
            sums[0] = total

        @pl.when(block > 0)
        def further() -> None:
            sums[0] += total
