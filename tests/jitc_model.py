"""Just-in-time connectivity in plain Python, written from docs/jitc-stream.md, without code of the library.

Probabilities are exact fractions here, where the library uses integers of 256 bits; weights are float64, where it uses
float32.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from itertools import pairwise

M32 = 0xFFFFFFFF


def threefry(key: tuple[int, int], counter: tuple[int, int]) -> tuple[int, int]:
    """Threefry-2x32-20 (Salmon et al. 2011)."""
    schedule = (*key, key[0] ^ key[1] ^ 0x1BD11BDA)
    x, y = (counter[0] + key[0]) & M32, (counter[1] + key[1]) & M32
    rotations = (13, 15, 26, 6, 17, 29, 16, 24)
    for turn in range(20):
        x = (x + y) & M32
        bits = rotations[turn % 8]
        y = ((y << bits) | (y >> (32 - bits))) & M32
        y ^= x
        if turn % 4 == 3:
            group = turn // 4 + 1
            x = (x + schedule[group % 3]) & M32
            y = (y + schedule[(group + 1) % 3] + group) & M32
    return x, y


def draw(key: tuple[int, int], counter: int) -> int:
    x = (key[0] + counter) & M32
    x = ((x ^ (x >> 17)) * 0xED5AD4BB) & M32
    x = ((x ^ (x >> 11)) + key[1]) & M32
    x = (x * 0xAC4C1B51) & M32
    x = ((x ^ (x >> 15)) * 0x31848BAB) & M32
    return x ^ (x >> 14)


def block_size(prob: float) -> int:
    size = 2048
    while size < 65536 and size * Fraction(prob) < 256:
        size *= 2
    return size


def base(prob: float) -> int:
    return 4096 if Fraction(1, 1024) <= Fraction(prob) < Fraction(1, 256) else 1024


def _truncated(value: Fraction) -> Fraction:
    """Truncated to 256 fractional bits, the precision of the specification."""
    return Fraction(value.numerator * 2**256 // value.denominator, 2**256)


def _power(q: Fraction, doublings: int) -> Fraction:
    for _ in range(doublings):
        q = _truncated(q * q)
    return q


def _rounded_differences(cumulative: list[Fraction]) -> list[int]:
    multiples = [(value * 2**32 + Fraction(1, 2)).__floor__() for value in cumulative]
    return [b - a for a, b in pairwise(multiples)]


@cache
def digit_weights(prob: float) -> list[list[int]]:
    """How many of the 2³² draws result in each digit, beginning with the most significant digit."""
    cells = base(prob)
    doublings = {1024: 10, 4096: 12}[cells]
    q = 1 - _truncated(Fraction(prob))
    ladder = [q]
    while len(ladder) < 3 and 1 - ladder[-1] < Fraction(4, cells):
        ladder.append(_power(ladder[-1], doublings))
    levels: list[list[int]] = []
    for q in reversed(ladder):
        powers = [Fraction(1)]
        for _ in range(cells):
            powers.append(_truncated(powers[-1] * q))
        if not levels:
            cumulative = [1 - power for power in powers[:cells]] + [Fraction(1)]
        elif q == 1:
            cumulative = [Fraction(g, cells) for g in range(cells + 1)]
        else:
            whole = 1 - _power(q, doublings)
            cumulative = [_truncated((1 - power) / whole) for power in powers[:cells]] + [Fraction(1)]
        levels.append(_rounded_differences(cumulative))
    return levels


def alias_table(weights: list[int]) -> list[tuple[int, int]]:
    """(threshold, alias) of each cell."""
    cells = len(weights)
    share = 2**32 // cells
    left = list(weights)
    small = [cell for cell in range(cells) if left[cell] < share]
    large = [cell for cell in range(cells) if left[cell] >= share]
    table = [(0, cell) for cell in range(cells)]
    while small:
        cell = small.pop()
        donor = large[-1]
        table[cell] = (left[cell], donor)
        left[donor] -= share - left[cell]
        if left[donor] < share:
            small.append(large.pop())
    return table


@cache
def tables(prob: float) -> list[list[tuple[int, int]]]:
    return [alias_table(weights) for weights in digit_weights(prob)]


def line(seed: tuple[int, int], number: int, prob: float, length: int) -> Iterator[tuple[int, int]]:
    """(position, draw for the weight) of each connection of a row (or column)."""
    size, levels, cells = block_size(prob), tables(prob), base(prob)
    share = 2**32 // cells
    for block in range(-(-length // size)):
        key = threefry(seed, (number, block))
        at, step = 0, 0
        while True:
            digits = []
            for level, table in enumerate(levels):
                drawn = draw(key, step * len(levels) + level)
                cell, rest = divmod(drawn, share)
                threshold, alias = table[cell]
                digits.append(cell if rest < threshold else alias)
            connects = digits[0] != cells - 1
            gap = digits[0]
            for digit in digits[1:]:
                gap = gap * cells + (digit if connects else 0)
            at += gap
            if at >= min(size, length - block * size):
                break
            if connects:
                yield block * size + at, draw(key, 2**31 + step)
                at += 1
            step += 1


def normal(drawn: int) -> float:
    from scipy.special import ndtri

    size = -ndtri(((drawn & 0x7FFFFFFF) + 0.5) / 2**32)
    return float(size if drawn >> 31 else -size)


def uniform(drawn: int) -> float:
    return (drawn >> 8) / 2**24
