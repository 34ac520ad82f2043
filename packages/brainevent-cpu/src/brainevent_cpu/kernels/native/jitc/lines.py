"""A walk along as many rows at once as a vector has lanes: per step, one gap, one lookup and one addition for each.

At the end of a block, all rows wait for the last one, which takes about a tenth of the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brainevent_core.jitc import WEIGHT_COUNTER

from ....bridge.simd import any_true, cast, iota, splat, where
from ..elements import lanes_adder
from .vectors import build_gaps, build_variate, draw_lanes

__all__ = ["build_gather_lines"]

W = np.uint32


def build_gather_lines(
    native: Any, *, tables_shape: tuple[int, int], law: str, event: bool, selects: bool, counting: bool
) -> Any:
    """A function that gathers x at the connections of several rows in one block, and adds to the sums of these rows.

    Args:
      native: the decorator that compiles it, from `specialised`.
      tables_shape: digits of a gap, and their base.
      law: the distribution of the weights.
      event, selects, counting: what is added to the sums, see `lanes_adder`.

    Returns:
      `gather_lines(key0, key1, tables, begin, end, count, data, x, total) -> total`. Each row has one lane of the keys
      and sums, of which the first `count` (uint32) are used; the block has length `end` and begins at `begin` (both
      uint32).
    """
    gap_draws, gap_of = build_gaps(native, tables_shape)
    add = lanes_adder(native, event=event, selects=selects, counting=counting)
    variate: Any = None if law == "scalar" else build_variate(native, law)

    @native
    def draws(key0, key1, step):
        """The draws of a step, and the draw of a weight, which is optimised away if it isn't used."""
        return gap_draws(key0, key1, step), draw_lanes(key0, key1, step + WEIGHT_COUNTER)

    @native
    def weight_of(drawn, data):
        if law == "scalar":
            return splat(data[0])
        return cast(variate(drawn), data[0]) * data[1] + data[0]

    @native
    def gather_lines(key0, key1, tables, begin, end, count, data, x, total):
        # Rows that have reached the end stay there.
        at = where(iota() < count, W(0), splat(end))
        going = at < end
        # Draws are made two steps ahead, and tables read one step ahead, even for rows that end in the meantime. A step
        # has a latency of a hundred cycles, and the processor can't keep the instructions of enough steps in flight: in
        # sequence, a connection took 0.86 ns.
        step = W(2)
        drawn, value = draws(key0, key1, W(0))
        (gap, connected, length), weight = gap_of(drawn, tables), weight_of(value, data)
        drawn, value = draws(key0, key1, W(1))
        while any_true(going):
            further_drawn, further_value = draws(key0, key1, step)
            following, next_weight = gap_of(drawn, tables), weight_of(value, data)
            position = at + gap
            found = going & connected & (position < end)
            total = add(total, found, weight, x, position + begin)
            at = where(going, at + length, at)
            going = at < end
            (gap, connected, length), weight = following, next_weight
            drawn, value = further_drawn, further_value
            step = W(step + W(1))
        return total

    return gather_lines
