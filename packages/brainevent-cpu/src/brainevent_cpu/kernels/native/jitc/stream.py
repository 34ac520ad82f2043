"""The stream of just-in-time connectivity in native code: keys, draws, gaps and variates, as `brainevent_core.jitc` has
them for JAX. The specification is `docs/jitc-stream.md`.

Draws are numbered, so a batch of them needs no earlier ones and is vectorised. What is left to do one by one is a
table's entry and an addition for each connection.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brainevent_core.jitc import CELL_BITS, CELLS, MULTIPLIERS, POLYNOMIALS, WEIGHT_COUNTER

from ....bridge.specialise import specialised

__all__ = ["BATCH", "block_keys", "build_walk"]

U, W = np.uint64, np.uint32
F = np.float32

# Draws of a batch. Longer ones waste more at the end of a block: 64 took 5–10 % more time, and 16 twice as much.
BATCH = 32

_LAST = W(CELLS - 1)
_REST_BITS = W(32 - CELL_BITS)
_REST = W((1 << (32 - CELL_BITS)) - 1)
_DIGIT = W(CELL_BITS)
_M0, _M1, _M2 = MULTIPLIERS

# Highest power first, all of degree 8.
_LOG2, _CENTRE, _TAIL = (
    tuple(F(coefficient) for coefficient in (0.0,) * (9 - len(polynomial)) + polynomial[::-1])
    for polynomial in (POLYNOMIALS["log2"], POLYNOMIALS["centre"], POLYNOMIALS["tail"])
)


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


@_native
def digit(tables, level, drawn):
    own = drawn >> _REST_BITS
    entry = tables[U(own) + U(level * CELLS)]
    return own if (drawn & _REST) < (entry >> _DIGIT) else entry & _LAST


# -- variates ----------------------------------------------------------------------------------------------------------

# Rounding less often is as good, and normal variates in a loop of their own take 5.9 instead of 9.9 ns. Of a product
# with connections far apart that is a fifth, of one with many next to nothing.
_contracted = specialised("contracted", contract=True)


@_contracted
def polynomial(c, x):
    # In pairs: each multiplication of Horner's scheme waits for the one before, 8.1 instead of 5.5 ns for a number.
    square = x * x
    fourth = square * square
    low = (c[8] + c[7] * x) + (c[6] + c[5] * x) * square
    high = (c[4] + c[3] * x) + (c[2] + c[1] * x) * square
    return low + (high + c[0] * fourth) * fourth


@_contracted
def log2(y):
    bits = np.float32(y).view(np.int32)
    exponent = np.int32(np.int32(bits - np.int32(0x3F2AAAAB)) >> np.int32(23))
    mantissa = np.int32(bits - np.int32(exponent << np.int32(23)))
    r = np.int32(mantissa).view(np.float32) - F(1)
    return F(exponent) + polynomial(_LOG2, r) * r


@_contracted
def normal(drawn):
    below = np.int32(drawn & W(0x7FFFFFFF))
    twice = (F(below) + F(0.5)) * F(2.0**-31)
    x = (F(np.int32(np.int32(0x7FFFFFFF) - below)) + F(0.5)) * F(2.0**-31)
    w = max(-log2(twice * (F(2) - twice)), F(0))
    # Both polynomials, and a select: a branch would keep the loop around from being vectorised.
    near, far = w - F(3.5), np.sqrt(w) - F(4)
    centre, tail = polynomial(_CENTRE, near), polynomial(_TAIL, far)
    size = x * (centre if w < F(7) else tail)
    return size if drawn >> W(31) else -size


# -- the walk ----------------------------------------------------------------------------------------------------------


def build_walk(native: Any, *, levels: int, value: str, aligned: bool, visit: Any) -> Any:
    """A function that walks through a block.

    Args:
      native: the decorator that compiles it, from `specialised`.
      levels: digits of a gap.
      value: what comes with each connection: nothing ("none"), its "draw" (uint32), or its variate, "uniform" or
        "normal" (float32).
      aligned: whether the window begins where a block does, so that nothing before it has to be left out.
      visit: an njit function `visit(carry, sink, position, value) -> carry`, called for every connection with its
        position in the window. It becomes part of the walk: collecting connections first, and looking at them
        afterwards, took 3.9 instead of 2.6 ns for each.

    Returns:
      `walk(key0, key1, tables, begin, end, width, draws, values, carry, sink) -> carry`. `begin` is where the block
      begins, counted from the beginning of the window, `end` the block's length, `width` the window's length. `draws`
      and `values` are scratch, arrays of length `BATCH`.
    """
    steps_per_batch = BATCH // levels

    @native
    def of_draw(drawn):
        if value == "draw":
            return drawn
        if value == "uniform":
            return F(np.int32(drawn >> W(8))) * F(2.0**-24)
        return normal(drawn)

    @native
    def walk(key0, key1, tables, begin, end, width, draws, values, carry, sink):
        at, step = U(0), W(0)
        while True:
            counter = W(step * W(levels))
            for i in range(steps_per_batch * levels):
                draws[i] = draw(key0, key1, W(counter + W(i)))
            if value != "none":
                counter = W(step + WEIGHT_COUNTER)
                for i in range(steps_per_batch):
                    values[i] = of_draw(draw(key0, key1, W(counter + W(i))))
            for i in range(steps_per_batch):
                leading = digit(tables, 0, draws[U(i * levels)])
                gap = U(leading)
                for level in range(1, levels):
                    gap = (gap << U(CELL_BITS)) | U(digit(tables, level, draws[U(i * levels + level)]))
                if leading == _LAST:
                    gap = U(_LAST) << U((levels - 1) * CELL_BITS)
                at += gap
                if at >= end:
                    return carry
                if leading != _LAST:
                    if aligned or begin + at < width:
                        carry = visit(carry, sink, begin + at, values[U(i)])
                    at += U(1)
            step = W(step + W(steps_per_batch))

    return walk
