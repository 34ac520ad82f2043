"""A walk through as many lines at once as a vector has lanes: one gap, one number looked up, one addition for each.

The lines wait for the last of them at the end of a block, for some tenth of the time.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from brainevent_core.jitc import WEIGHT_COUNTER, draw

from ....bridge.lanes import any_lane, ascending, cast, everywhere, lookup, lookup_byte, same, where
from .quantiles import build_quantile_lanes

__all__ = ["build_gather_lines"]

W, F = np.uint32, np.float32

# The operators of core's expression are those of lanes, too.
draw_lanes = numba.njit(draw, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def build_gather_lines(
    native: Any, *, tables_shape: tuple[int, int], law: str, event: bool, selects: bool, counting: bool
) -> Any:
    """A function that adds to the sums of lines what their connections in one block find in x.

    Args:
      native: the decorator that compiles it, from `specialised`.
      tables_shape: digits of a gap, and their base.
      law: of the weights.
      event: whether x has a byte for each event, and three more behind them, rather than numbers.
      selects: whether zeros of x count nothing.
      counting: whether sums are numbers of events, uint32, rather than of the weights' dtype.

    Returns:
      `gather_lines(key0, key1, tables, begin, end, count, data, x, total) -> total`. The keys and sums of the lines are
      lanes, of which the first `count` (uint32) are used; the block is `end` long and begins at `begin` (both uint32).
    """
    levels, cells = tables_shape
    bits = cells.bit_length() - 1
    last, digit_bits, rest_bits, rest = W(cells - 1), W(bits), W(32 - bits), W((1 << (32 - bits)) - 1)
    none = W((cells - 1) << ((levels - 1) * bits))
    level_draws = _level_draws(native, levels)
    quantile: Any = build_quantile_lanes() if law == "normal" else None

    @native
    def draws(key0, key1, step):
        """The draws of a step: those of its digits, and that of a weight, which vanishes where none is used."""
        return level_draws(key0, key1, W(step * W(levels))), draw_lanes(key0, key1, W(step + WEIGHT_COUNTER))

    @native
    def digit(tables, level, drawn):
        own = drawn >> rest_bits
        entry = lookup(tables, own + W(level * cells), everywhere())
        return where((drawn & rest) < (entry >> digit_bits), own, entry & last)

    @native
    def gap_of(drawn, tables):
        """The gap before the next connection of each line, whether there is one, and how far the step goes."""
        leading = digit(tables, 0, drawn[0])
        gap = leading
        for level in range(1, levels):
            gap = (gap << digit_bits) | digit(tables, level, drawn[level])
        connected = leading != last
        # By adding 1 where there is one, LLVM would make a number of the mask. The instruction for that waits for what
        # was in its register before (Intel), which was what a gather found.
        return gap, connected, where(connected, gap + W(1), none)

    @native
    def weight_of(drawn, data):
        zero = data.dtype.type(0)
        if law == "scalar":
            return same(data[0])
        if law == "uniform":
            return cast(cast(drawn >> W(8), F(0)) * F(2.0**-24), zero) * data[1] + data[0]
        return cast(quantile(drawn), zero) * data[1] + data[0]

    @native
    def add(total, found, weight, x, place):
        """The sums, after what is found of x at these places."""
        if event:
            found = found & (lookup_byte(x, place, found) != W(0))
            return where(found, total + (W(1) if counting else weight), total)
        value = lookup(x, place, found)
        if selects:
            found = found & (value != x.dtype.type(0))
        return where(found, total + weight * value, total)

    @native
    def gather_lines(key0, key1, tables, begin, end, count, data, x, total):
        # A line that has ended stays there.
        at = where(ascending() < count, W(0), same(end))
        going = at < end
        # Draws are made two steps ahead, and tables read one step ahead, also for lines that end meanwhile. One step
        # after the other takes a hundred cycles, and a processor can't wait for as many instructions of several: it
        # took 0.86 ns for a connection.
        step = W(2)
        drawn, value = draws(key0, key1, W(0))
        (gap, connected, length), weight = gap_of(drawn, tables), weight_of(value, data)
        drawn, value = draws(key0, key1, W(1))
        while any_lane(going):
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


def _level_draws(native: Any, levels: int) -> Any:
    """`draws(key0, key1, first)`: a tuple of so many draws from number `first` on."""
    if levels == 0:

        @native
        def draws(key0, key1, first):
            return ()

        return draws

    before, level = _level_draws(native, levels - 1), W(levels - 1)

    @native
    def draws_and_one(key0, key1, first):
        return (*before(key0, key1, first), draw_lanes(key0, key1, W(first + level)))

    return draws_and_one
