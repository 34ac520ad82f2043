"""The primitive ``jitc_matmul`` for events of rows: the walk of the reference, along active rows only.

Active rows are collected in the smallest sufficient array of a few fixed lengths, and walked in step like all rows in
the reference. Sums therefore run in the same order, and are identical bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core import jitc, reference
from brainevent_core.encodings import Encoding, is_event
from brainevent_core.formats import Shape
from brainevent_core.jitc import LAWS, ConnectionRule
from brainevent_core.kernels.active import ActiveRows
from brainevent_core.kernels.matmul import DTYPES, ENCODINGS
from brainevent_core.plugins import Takes

__all__ = ["SUPPORTS", "jitc_matmul"]

#: Number of rows times blocks below which the reference is as fast.
_FEWEST = 32

#: The arrays hold the number of rows divided by these.
_PARTS = (64, 8)


def _takes(
    data: Any, seed: Any, offset: Any, x: Any, *, rule: ConnectionRule, shape: Shape, transpose: bool, **_: Any
) -> bool:
    if not transpose or not all(isinstance(size, int) for size in (*shape, *x.shape)):
        return False
    rows, length = shape
    return rule.prob > 0 and length > 0 and rows * -(-length // jitc.block_size(rule.prob)) >= _FEWEST


#: The calls that the kernel supports.
SUPPORTS = Takes(encodings=ENCODINGS, laws=tuple(LAWS.values()), dtypes=DTYPES, further=_takes)


def jitc_matmul(
    data: jax.Array,
    seed: jax.Array,
    row_offset: jax.Array,
    x: jax.Array,
    *,
    rule: ConnectionRule,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
) -> jax.Array:
    """``A.T @ x``, see the primitive ``jitc_matmul``. If too many rows are active, all rows are walked."""
    rows, _ = shape
    x = encoding.decode(x, rows)
    active = ActiveRows.of(is_event(x) if x.ndim == 1 else is_event(x).any(axis=1))
    product = partial(reference.jitc_sum, data, seed, row_offset, rule=rule, shape=shape, transpose=transpose)

    def through(capacity: int) -> Callable[[], jax.Array]:
        def walk() -> jax.Array:
            ranks = jnp.arange(capacity, dtype=jnp.int32)
            row = active.take(ranks)
            return product(x[row], encoding=encoding, some=reference.Some(row, ranks < active.count))

        return walk

    capacities = sorted({-(-rows // part) for part in _PARTS} - {rows})
    branches = [*map(through, capacities), lambda: product(x, encoding=encoding, some=None)]
    fits = jnp.searchsorted(jnp.asarray(capacities, jnp.int32), active.count)
    return jax.lax.optimization_barrier(jax.lax.switch(fits, branches))
