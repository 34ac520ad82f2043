"""The stream of just-in-time connectivity in native code: keys, draws, gaps and variates, as `brainevent_core.jitc` has
them for JAX. The specification is `docs/jitc-stream.md`.

Draws are numbered, so a batch of them needs no earlier ones and is vectorised. What is left to do one by one is a
table's entry and an addition for each connection.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from brainevent_core.jitc import MULTIPLIERS, WEIGHT_COUNTER

from ....bridge.simd import LANES, all_true, iota, splat, store, where
from ....bridge.specialise import specialised
from .quantiles import build_quantile
from .vectors import build_gaps
from .work import ENTRIES_PER_CONNECTION

__all__ = ["SCRATCH", "WORTH", "block_keys", "build_walk"]

U, W = np.uint64, np.uint32
F = np.float32

# Draws of a batch. Longer ones waste more at the end of a block, 64 took 5–10 % more time. With AVX-512 (an Intel Xeon)
# 64 took 15 % less with one weight for all, 5 % less with others, and up to 1.5 times as much where a line has 10
# connections. (There, products that gather walk through several lines at once, see `lines`.) LLVM unrolls loops of up
# to 16 before it could vectorise them: these took twice as much, whether all batches are as short or only the last.
BATCH = 32

# Set in a gap behind which there is no connection.
NO_CONNECTION = W(1 << 31)

# Room for two batches, or for one and what is noted of its weights.
SCRATCH = 2 * BATCH

# How many entries of a stored matrix take as long as a connection.
WORTH = U(ENTRIES_PER_CONNECTION)

_M0, _M1, _M2 = MULTIPLIERS

# What all variants share is compiled once per process.
_native = specialised()


# -- keys and draws ----------------------------------------------------------------------------------------------------


@_native
def threefry_round(x, y, left):
    x = W(x + y)
    return x, W((W(y << left) | W(y >> W(W(32) - left))) ^ x)


@_native
def four_rounds(x, y, a, b, c, d):
    x, y = threefry_round(x, y, a)
    x, y = threefry_round(x, y, b)
    x, y = threefry_round(x, y, c)
    return threefry_round(x, y, d)


@_native
def block_keys(seed, line, block):
    """Two words, Threefry-2x32-20 of (line, block) under the seed."""
    k0, k1 = seed[0], seed[1]
    k2 = W(k0 ^ k1 ^ W(0x1BD11BDA))
    x, y = W(line + k0), W(block + k1)
    x, y = four_rounds(x, y, W(13), W(15), W(26), W(6))
    x, y = W(x + k1), W(y + k2 + W(1))
    x, y = four_rounds(x, y, W(17), W(29), W(16), W(24))
    x, y = W(x + k2), W(y + k0 + W(2))
    x, y = four_rounds(x, y, W(13), W(15), W(26), W(6))
    x, y = W(x + k0), W(y + k1 + W(3))
    x, y = four_rounds(x, y, W(17), W(29), W(16), W(24))
    x, y = W(x + k1), W(y + k2 + W(4))
    x, y = four_rounds(x, y, W(13), W(15), W(26), W(6))
    return W(x + k2), W(y + k0 + W(5))


@_native
def draw(key0, key1, counter):
    x = W(key0 + counter)
    x = W(W(x ^ (x >> W(17))) * _M0)
    x = W(W(W(x ^ (x >> W(11))) + key1) * _M1)
    x = W(W(x ^ (x >> W(15))) * _M2)
    return W(x ^ (x >> W(14)))


# -- batches of steps --------------------------------------------------------------------------------------------------


class _Gaps(NamedTuple):
    """How a walk gets the gaps of a batch.

    Attributes:
      steps: how many there are.
      lead: how many batches ahead of their use they are noted.
      fill: `fill(key0, key1, step, tables, draws, to)` notes those of the steps from number `step` on, at `draws[to]`.
      at: `at(tables, draws, i) -> mark, gap`: one of them.
      none: the greatest mark, that of a gap behind which there is no connection.
    """

    steps: int
    lead: int
    fill: Any
    at: Any
    none: np.uint32


def _gaps_one_by_one(native: Any, tables_shape: tuple[int, int]) -> _Gaps:
    """Draws are made many at once, and looked up where a gap is needed."""
    levels, cells = tables_shape
    bits = cells.bit_length() - 1
    last, digit_bits, rest_bits, rest = W(cells - 1), W(bits), W(32 - bits), W((1 << (32 - bits)) - 1)
    steps = BATCH // levels

    @native
    def fill(key0, key1, step, tables, draws, to):
        counter = W(step * W(levels))
        for i in range(steps * levels):
            draws[i] = draw(key0, key1, W(counter + W(i)))

    @native
    def digit(tables, level, drawn):
        own = drawn >> rest_bits
        entry = tables[U(own) + U(level * cells)]
        return own if (drawn & rest) < (entry >> digit_bits) else entry & last

    @native
    def at(tables, draws, i):
        leading = digit(tables, 0, draws[i * U(levels)])
        gap = U(leading)
        for level in range(1, levels):
            gap = (gap << U(bits)) | U(digit(tables, level, draws[i * U(levels) + U(level)]))
        return leading, gap

    return _Gaps(steps, 0, fill, at, last)


def _gaps_in_vectors(native: Any, tables_shape: tuple[int, int]) -> _Gaps:
    """Gaps are looked up many at once, too. That takes a hundred cycles, in which the batch before is used."""
    draws_of, gap_of = build_gaps(native, tables_shape)

    @native
    def fill(key0, key1, step, tables, draws, to):
        for i in range(0, BATCH, LANES):
            drawn = draws_of(splat(key0), splat(key1), iota() + W(step + W(i)))
            gap, connected, _ = gap_of(drawn, tables)
            store(draws, to + U(i), where(connected, gap, gap | NO_CONNECTION), all_true())

    @native
    def at(tables, draws, i):
        return draws[i] >> W(31), U(draws[i])

    return _Gaps(BATCH, 1, fill, at, W(1))


def _values(native: Any, value: str, steps: int) -> tuple[Any, Any]:
    """`note(key0, key1, step, draws, values)` notes what comes with the connections of a batch, and
    `value_at(draws, values, i)` is one of it."""
    if value == "normal":
        locate, quantile = build_quantile()

        @native
        def note_one(draws, values, i, drawn):
            draws[BATCH + i], values[i] = locate(drawn)

        @native
        def value_at(draws, values, i):
            return quantile(draws[U(BATCH) + i], values[i])

    else:

        @native
        def note_one(draws, values, i, drawn):
            if value == "uniform":
                values[i] = F(np.int32(drawn >> W(8))) * F(2.0**-24)
            else:
                values[i] = drawn

        @native
        def value_at(draws, values, i):
            return values[i]

    @native
    def note(key0, key1, step, draws, values):
        first = W(step + WEIGHT_COUNTER)
        for i in range(steps):
            note_one(draws, values, i, draw(key0, key1, W(first + W(i))))

    return note, value_at


# -- the walk ----------------------------------------------------------------------------------------------------------


def build_walk(
    native: Any,
    *,
    tables_shape: tuple[int, int],
    value: str,
    aligned: bool,
    visit: Any,
    visit_four: Any = None,
    lanes: bool = False,
) -> Any:
    """A function that walks through a block.

    Args:
      native: the decorator that compiles it, from `specialised`.
      tables_shape: digits of a gap, and their base.
      value: what comes with each connection: nothing ("none"), its "draw" (uint32), or its variate, "uniform" or
        "normal" (float32).
      aligned: whether the window begins where a block does, so that nothing before it has to be left out.
      visit: an njit function `visit(carry, sink, position, value) -> carry`, called for every connection with its
        position in the window. It becomes part of the walk: collecting connections first, and looking at them
        afterwards, took 3.9 instead of 2.6 ns for each.
      visit_four: `visit_four(carry, sink, positions, values) -> carry` does the same for four at once, whose positions
        and values are tuples. It is called where none of the four is the block's last; without it, never.
      lanes: whether to look up gaps in vectors, where nothing comes with connections. (Variates of them took longer to
        look up in vectors than when they are needed, and what was gained was lost.)

    Returns:
      `walk(key0, key1, tables, begin, end, width, draws, values, carry, sink) -> carry`. `begin` is where the block
      begins, counted from the beginning of the window, `end` the block's length, `width` the window's length. `draws`
      and `values` are scratch, arrays of length `SCRATCH`.
    """
    gaps = (_gaps_in_vectors if lanes else _gaps_one_by_one)(native, tables_shape)
    fill_gaps, gap_at, none = gaps.fill, gaps.at, gaps.none
    note_values, value_at = _values(native, value, gaps.steps)
    steps, lead, second = U(gaps.steps), W(gaps.steps * gaps.lead), U(BATCH * gaps.lead)
    levels, cells = tables_shape
    farthest = U((cells - 1) << ((levels - 1) * (cells.bit_length() - 1)))

    @native
    def four_values(draws, values, i):
        a, b = value_at(draws, values, i), value_at(draws, values, i + U(1))
        return a, b, value_at(draws, values, i + U(2)), value_at(draws, values, i + U(3))

    @native
    def walk(key0, key1, tables, begin, end, width, draws, values, carry, sink):
        at, step = U(0), W(0)
        here, there = U(0), second
        if lead:
            fill_gaps(key0, key1, step, tables, draws, here)
        while True:
            fill_gaps(key0, key1, W(step + lead), tables, draws, there)
            if value != "none":
                note_values(key0, key1, step, draws, values)
            i = here
            until = i + steps
            while i < until:
                if visit_four is not None and i + U(4) <= until:
                    la, ga = gap_at(tables, draws, i)
                    lb, gb = gap_at(tables, draws, i + U(1))
                    lc, gc = gap_at(tables, draws, i + U(2))
                    ld, gd = gap_at(tables, draws, i + U(3))
                    a = at + ga
                    b = a + U(1) + gb
                    c = b + U(1) + gc
                    d = c + U(1) + gd
                    if max(max(la, lb), max(lc, ld)) != none and d < end and (aligned or begin + a < width):
                        positions = (begin + a, begin + b, begin + c, begin + d)
                        carry = visit_four(carry, sink, positions, four_values(draws, values, i))
                        at = d + U(1)
                        i += U(4)
                        continue
                stop = min(i + U(4), until)
                while i < stop:
                    mark, gap = gap_at(tables, draws, i)
                    at += farthest if mark == none else gap
                    if at >= end:
                        return carry
                    if mark != none:
                        if aligned or begin + at < width:
                            carry = visit(carry, sink, begin + at, value_at(draws, values, i))
                        at += U(1)
                    i += U(1)
            step = W(step + W(steps))
            here, there = there, here

    return walk
