"""Draws, gaps and variates in SIMD vectors: of one step of several rows, or of several steps of one row."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from brainevent_core.jitc import draw

from ....bridge.simd import all_true, cast, gather, where
from .quantiles import build_quantile_lanes

__all__ = ["build_gaps", "build_variate", "draw_lanes"]

W, F = np.uint32, np.float32

# Core's expression uses only operators that lanes have, too.
draw_lanes = numba.njit(draw, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def build_gaps(native: Any, tables_shape: tuple[int, int]) -> tuple[Any, Any]:
    """Two functions that together map the number of a step to its gap.

    Args:
      native: the decorator that compiles them, from `specialised`.
      tables_shape: digits of a gap, and their base.

    Returns:
      `draws(key0, key1, step) -> drawn`, a tuple, where keys are lanes and the step is a number or lanes; and
      `gap_of(drawn, tables) -> gap, connected, length`: the gap before the next connection, whether there is a
      connection, and how far the step advances.
    """
    levels, cells = tables_shape
    bits = cells.bit_length() - 1
    last, digit_bits, rest_bits, rest = W(cells - 1), W(bits), W(32 - bits), W((1 << (32 - bits)) - 1)
    none = W((cells - 1) << ((levels - 1) * bits))
    level_draws = _level_draws(native, levels)

    @native
    def draws(key0, key1, step):
        return level_draws(key0, key1, step * W(levels))

    @native
    def digit(tables, level, drawn):
        own = drawn >> rest_bits
        entry = gather(tables, own + W(level * cells), all_true())
        return where((drawn & rest) < (entry >> digit_bits), own, entry & last)

    @native
    def gap_of(drawn, tables):
        leading = digit(tables, 0, drawn[0])
        gap = leading
        for level in range(1, levels):
            gap = (gap << digit_bits) | digit(tables, level, drawn[level])
        connected = leading != last
        # If 1 were added where there is a connection, LLVM would convert the mask to a number. This instruction has a
        # false dependency (Intel) on the previous content of its register, which was the result of a gather.
        return gap, connected, where(connected, gap + W(1), none)

    return draws, gap_of


def build_variate(native: Any, law: str) -> Any:
    """`variate(drawn)`, float32, for a distribution with variates."""
    if law == "normal":
        return build_quantile_lanes()

    @native
    def uniform(drawn):
        return cast(drawn >> W(8), F(0)) * F(2.0**-24)

    return uniform


def _level_draws(native: Any, levels: int) -> Any:
    """`draws(key0, key1, first)`: a tuple of `levels` draws, from number `first` on."""
    if levels == 0:

        @native
        def draws(key0, key1, first):
            return ()

        return draws

    before, level = _level_draws(native, levels - 1), W(levels - 1)

    @native
    def draws_and_one(key0, key1, first):
        return (*before(key0, key1, first), draw_lanes(key0, key1, first + level))

    return draws_and_one
