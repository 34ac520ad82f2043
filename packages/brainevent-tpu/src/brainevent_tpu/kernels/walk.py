"""The walk along generated connectivity, see ``docs/jitc-stream.md``.

Each lane walks along a block of a row, and the 1,024 rows of a register step in lockstep. The random functions of
:mod:`brainevent_core.jitc` are traced into the kernel unchanged, so the connections are bit-identical to those of every
other backend.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import jitc
from brainevent_core.jitc import ConnectionRule

from .lanes import LANES, SUBLANES, look_up, rows_of

__all__ = ["TILE", "Walkers", "can_walk", "gap_tables", "lanes", "signed_words"]

#: Rows that step in lockstep.
TILE = SUBLANES * LANES

_SHAPE = (SUBLANES, LANES)


def can_walk(offset: Any, rule: ConnectionRule, shape: tuple[int, int], x: Any) -> bool:
    """Whether there is anything to walk, with known sizes, from column 0 on; windows can begin at any column."""
    sizes = (*shape, *x.shape)
    return offset.shape == (1,) and rule.prob > 0 and all(isinstance(size, int) and size > 0 for size in sizes)


def gap_tables(prob: float) -> np.ndarray:
    """The gap tables of a probability in the layout of the kernels: (digits, rows, 128), int32."""
    tables = jitc.gap_tables(prob).view(np.int32)
    return tables.reshape(tables.shape[0], -1, LANES)


def signed_words(*arrays: jax.Array) -> list[jax.Array]:
    """The bits of uint32 arrays as int32, which scalar memory supports."""
    return [_signed(array) for array in arrays]


def lanes() -> Any:
    """The index of each lane in a register, (8, 128)."""
    sublane, lane = (jax.lax.broadcasted_iota(jnp.int32, _SHAPE, axis) for axis in (0, 1))
    return sublane * LANES + lane


@dataclass(frozen=True)
class Walkers:
    """1,024 walkers, each at the beginning of its block.

    Attributes:
        rule: the connection rule of the matrix.
        keys: the keys of the blocks.
        gaps: the rows of the table of each digit of a gap.
    """

    rule: ConnectionRule
    keys: tuple[Any, Any]
    gaps: list[list[Any]]

    @classmethod
    def start(cls, rule: ConnectionRule, seed: Any, tables: Any, rows: Any, block: Any) -> Walkers:
        """Walkers along a block of ``rows``, int32 of shape (8, 128); seed and tables are operands of the kernel."""
        words = [_unsigned(jnp.full(_SHAPE, word, jnp.int32)) for word in (seed[0], seed[1], block)]
        keys = jitc.block_keys(words[:2], _unsigned(rows), words[2])
        return cls(rule, keys, [rows_of(tables.at[digit]) for digit in range(tables.shape[0])])

    def step(self, count: Any, at: Any, end: Any) -> tuple[Any, Any, Any]:
        """Step number ``count`` of walkers that are at position ``at`` in their blocks, which end at ``end``: returns
        the new positions, the entry that each walker has reached, and whether it is a connection."""
        digits, cells = len(self.gaps), len(self.gaps[0]) * LANES
        drawn = [jitc.draw(*self.keys, _unsigned(count * digits + place)) for place in range(digits)]
        first, *others = (
            _signed(jitc.outcome(one, _unsigned(look_up(rows, _signed(jitc.own_cell(one, cells)))), cells))
            for one, rows in zip(drawn, self.gaps)
        )
        ends, gap = first < cells - 1, first
        for digit in others:
            gap = gap * cells + jnp.where(ends, digit, 0)
        reached, inside = at + gap, at < end
        return jnp.where(inside, reached + ends.astype(jnp.int32), at), reached, ends & inside & (reached < end)

    def drawn(self, count: Any) -> Any:
        """The draws for the weights of the connections of step number ``count``."""
        return jitc.draw(*self.keys, _unsigned(count) + jitc.WEIGHT_COUNTER)


def _unsigned(numbers: Any) -> Any:
    return jax.lax.bitcast_convert_type(numbers, jnp.uint32)


def _signed(numbers: Any) -> Any:
    return jax.lax.bitcast_convert_type(numbers, jnp.int32)
