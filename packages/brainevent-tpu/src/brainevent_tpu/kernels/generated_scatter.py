"""Generated connectivity, ``A.T @ events``, where the stream runs along the rows of A. Only active rows are walked,
1,024 at once.

The MXU sums over the places that they find, see :mod:`.one_hot`: it counts connections, and adds the variates of their
weights. Weights are linear in their parameters, so the result is computed from these sums at the end.
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

from .active_list import active_list, lists_fit
from .lanes import LANES, SUBLANES
from .one_hot import HEIGHT, counted, summed
from .packed import ENCODINGS, packed_events
from .walk import TILE, Walkers, can_walk, gap_tables, lanes, signed_words

__all__ = ["TAKES", "generated_scatter_product"]


def _takes(
    data: Any, seed: Any, offset: Any, x: Any, *, rule: ConnectionRule, shape: Shape, transpose: bool, **_: Any
) -> bool:
    if not transpose or not can_walk(offset, rule, shape, x):
        return False
    vectors = x.shape[1] if len(x.shape) == 2 else 1
    return lists_fit(shape[0], vectors * -(-shape[0] // WORD_BITS))


#: The supported calls.
TAKES = Takes(encodings=ENCODINGS, laws=tuple(LAWS.values()), dtypes=("bfloat16", "float32"), further=_takes)


def generated_scatter_product(
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
    """``A.T @ x`` for events x, as the primitive ``jitc_matmul`` defines it."""
    rows, length = shape
    words = packed_events(x, encoding, rows, -(-rows // WORD_BITS))
    active, counts = active_list(words.reshape(words.shape[0], -1).T, rows, interpret=interpret)
    active = active.reshape(active.shape[0], -1, SUBLANES, LANES)
    vectors, tiles = active.shape[:2]
    size = jitc.block_size(rule.prob)
    blocks, whole = -(-length // size), HEIGHT * LANES
    window = min(size, -(-length // whole) * whole) // LANES
    variates = 0 if rule.law.variate is None else 1
    tables = gap_tables(rule.prob)

    scalar = pl.BlockSpec(memory_space=tpu.SMEM)
    sums = pl.pallas_call(
        _Body(rule, length),
        grid=(vectors, blocks, tiles),  # the tiles of rows add to the same sums, one after the other
        in_specs=[
            *[scalar] * 3,
            pl.BlockSpec(tables.shape, lambda vector, block, tile: (0, 0, 0)),
            pl.BlockSpec((1, 1, SUBLANES, LANES), lambda vector, block, tile: (vector, tile, 0, 0)),
        ],
        out_specs=pl.BlockSpec((1, 1 + variates, window, LANES), lambda vector, block, tile: (vector, 0, block, 0)),
        out_shape=jax.ShapeDtypeStruct((vectors, 1 + variates, blocks * window, LANES), jnp.float32),
        name="generated_scatter",
        interpret=interpret,
    )(*signed_words(seed, row_offset), counts, jnp.asarray(tables), active)
    number, *of_variates = sums.reshape(vectors, 1 + variates, -1)[:, :, :length].transpose(1, 2, 0)
    parameters = data.astype(jnp.float32)
    total = parameters[0] * number
    for variate in of_variates:
        total += parameters[1] * variate
    # Where no connection has an event, an infinite parameter must not give NaN.
    return jnp.where(number != 0, total, 0.0).reshape(length, *x.shape[1:]).astype(data.dtype)


class _Body:
    """The kernel: a tile of active rows walks through a block."""

    __name__ = "generated_scatter"

    def __init__(self, rule: ConnectionRule, length: int) -> None:
        self.rule, self.length = rule, length

    def __call__(self, seed: Any, offset: Any, counts: Any, tables: Any, active: Any, sums: Any) -> None:
        size, variate, window = jitc.block_size(self.rule.prob), self.rule.law.variate, sums.shape[2]
        vector, block, tile = (pl.program_id(axis) for axis in range(3))
        left = counts[vector] - tile * TILE

        @pl.when(tile == 0)
        def clear() -> None:
            sums[...] = jnp.zeros_like(sums[...])

        @pl.when(left > 0)
        def walk() -> None:
            walkers = Walkers.start(self.rule, seed, tables, offset[0] + active[0, 0], block)
            end = jnp.where(lanes() < left, jnp.minimum(self.length - block * size, size), 0)

            def step(state: Any) -> Any:
                count, at = state
                counter = jnp.full(at.shape, count, jnp.int32)
                at, reached, connected = walkers.step(counter, at, end)
                place = jnp.where(connected, reached, -1)
                sums[0, 0] += counted(place, window)
                if variate is not None:
                    sums[0, 1] += summed(place, variate(walkers.drawn(counter)), window)
                return count + 1, at

            start = (jnp.int32(0), jnp.zeros((SUBLANES, LANES), jnp.int32))
            jax.lax.while_loop(lambda state: jnp.any(state[1] < end), step, start)
