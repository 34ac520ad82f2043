"""The stream of just-in-time connectivity in native code: keys, draws, gaps and variates, which `brainevent_core.jitc`
implements for JAX. The specification is `docs/jitc-stream.md`.

Draws are counter-based, so a batch of them doesn't depend on earlier draws and is vectorised. Only a table lookup and
an addition per connection remain sequential.
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

# Draws per batch. Longer batches waste more at the end of a block: 64 took 5–10 % more time. With AVX-512 (an Intel
# Xeon), 64 took 15 % less with a homogeneous weight, 5 % less with others, and up to 1.5 times as long with 10
# connections per row. (There, products that gather walk along several rows at once, see `lines`.) LLVM unrolls loops of
# up to 16 iterations before it can vectorise them: such short batches took twice as long, even if only the last was.
BATCH = 32

# Flag of a gap that no connection follows.
NO_CONNECTION = W(1 << 31)

# Room for two batches, or for one batch and intermediate results of its weights.
SCRATCH = 2 * BATCH

# A connection takes as long as this many entries of a stored matrix.
WORTH = U(ENTRIES_PER_CONNECTION)

_M0, _M1, _M2 = MULTIPLIERS

# For what all variants share, which is compiled once per process.
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
    """The key of a block: two words, Threefry-2x32-20 of (line, block) under the seed."""
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
      steps: the number of steps in a batch.
      lead: how many batches before their use they are prepared.
      fill: `fill(key0, key1, step, tables, draws, to)` prepares a batch, from step number `step` on, at `draws[to]`.
      at: `at(tables, draws, i) -> mark, gap`: the gap of one step.
      none: the mark of a gap that no connection follows, which is the greatest mark.
    """

    steps: int
    lead: int
    fill: Any
    at: Any
    none: np.uint32


def _gaps_one_by_one(native: Any, tables_shape: tuple[int, int]) -> _Gaps:
    """Gaps whose draws are made in batches, and looked up one by one when a gap is needed."""
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
    """Gaps that are looked up in batches, too. This has a latency of a hundred cycles, during which the previous batch
    is used."""
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
    """`note(key0, key1, step, draws, values)` prepares the values of the connections of a batch, and
    `value_at(draws, values, i)` is one of them."""
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
    """A function that walks along one block of a row.

    Args:
      native: the decorator that compiles it, from `specialised`.
      tables_shape: digits of a gap, and their base.
      value: the value that `visit` gets with each connection: nothing ("none"), its "draw" (uint32), or its variate,
        "uniform" or "normal" (float32).
      aligned: whether the window begins at the beginning of a block, so that no connections before it are skipped.
      visit: an njit function `visit(carry, sink, position, value) -> carry`, called for every connection with its
        position in the window. It is inlined into the walk: collecting connections first and processing them afterwards
        took 3.9 instead of 2.6 ns per connection.
      visit_four: `visit_four(carry, sink, positions, values) -> carry` does the same for four connections, whose
        positions and values are tuples. It is called if the next four steps of a batch all give connections in the
        block and in the window. If None, all connections are visited one by one.
      lanes: whether to look up gaps in SIMD vectors, for connections without values. (Variates took longer to look up
        in vectors than one by one, which cancelled the gain.)

    Returns:
      `walk(key0, key1, tables, begin, end, width, draws, values, carry, sink) -> carry`. `begin` is the beginning of
      the block relative to that of the window, `end` the block's length, `width` the window's length. `draws` and
      `values` are scratch, arrays of length `SCRATCH`.
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
