"""Normal variates from a table of polynomials.

The magnitude of a normal variate is a function of 31 bits of its draw. Their range is divided into segments: one half
by the distance from the end where the magnitude goes to infinity, like the root of a logarithm, and the other half by
the distance from the end where it goes to zero. Both are divided into octaves of that distance, with
`1 << SEGMENT_BITS` segments each. In a segment, the magnitude is a cubic, with a relative error of 4e-7, half of what
the specification allows.

A single polynomial for all draws would need degree 8, preceded by a logarithm and a root, and another polynomial for
rare draws: in vectors of eight, a variate took 7.1 ns, of which the draw took 0.9. Here, the part that isn't
vectorised, four loads from L1 and three multiplications, takes 1.8, and a variate 3.4.
"""

from __future__ import annotations

import functools
import math
from statistics import NormalDist
from typing import Any

import numpy as np

from ....bridge.simd import all_true, cast, gather, reinterpret
from ....bridge.specialise import specialised

__all__ = ["build_quantile", "build_quantile_lanes"]

U, W = np.uint64, np.uint32
S, F = np.int32, np.float32

# Four segments per octave would have a relative error of 7e-6. With eight, the table takes 16 kB, but half of all
# variates come from 512 bytes of it.
SEGMENT_BITS = 3

DEGREE = 3

# Distances are m + 1/2 for m from 0 to 2**30 - 1, of float32 exponents -1 to 30.
_EXPONENTS = range(-1, 31)
_BIASED_LEAST = 126

_PLACE_BITS = 23 - SEGMENT_BITS
_SEGMENTS = len(_EXPONENTS) << SEGMENT_BITS
_ROW = DEGREE + 1


def _magnitude(distance: float, *, from_zero: bool) -> float:
    """The magnitude of the quantile at the probability `distance * 2**-32`, counted from 1/2 (`from_zero`) or 0."""
    p = distance * 2.0**-32
    if not from_zero:
        return -NormalDist().inv_cdf(p)
    if p > 1e-3:
        return NormalDist().inv_cdf(0.5 + p)
    # Adding 1/2 would lose digits, so use the series of the quantile.
    x = math.sqrt(2 * math.pi) * p
    return x + x**3 / 6 + 7 * x**5 / 120


def _table() -> np.ndarray:
    """Coefficients, lowest power first, ordered by the two upper bits of a draw and then by segment.

    The polynomials interpolate at Chebyshev nodes. Their variable is the place within a segment, counted from its
    middle, in units of the last place of a float32.
    """
    nodes = np.cos(np.pi * (np.arange(_ROW) + 0.5) / _ROW)
    parts = 1 << SEGMENT_BITS
    octaves = 2.0 ** np.array(_EXPONENTS)[:, None, None]
    distances = octaves * (1 + (np.arange(parts)[:, None] + (nodes + 1) / 2) / parts)
    values = [_magnitude(distance, from_zero=half) for half in (False, True) for distance in distances.ravel()]
    coefficients = np.polynomial.polynomial.polyfit(nodes, np.reshape(values, (-1, _ROW)).T, DEGREE).T
    magnitudes = (coefficients * 2.0 ** (-(_PLACE_BITS - 1) * np.arange(_ROW))).astype(np.float32).ravel()
    # The uppermost bit is set for positive numbers, the next one for those of the half around zero.
    return np.concatenate([-magnitudes, magnitudes])


@functools.cache
def build_quantile() -> tuple[Any, Any]:
    """Two functions that together convert a draw to a variate.

    Returns:
      `locate(drawn) -> row, place`, which is integer arithmetic and vectorised, and `quantile(row, place) -> variate`.
    """
    table = _table()
    native = specialised("table", contract=True)

    @native
    def locate(drawn):
        signed = S(drawn)
        # The 30 lower bits count from the other end if the bit above them is set.
        distance = S((signed ^ S(S(signed << S(1)) >> S(31))) & S(0x3FFFFFFF))
        bits = F(F(distance) + F(0.5)).view(np.int32)
        segment = S(S(bits >> S(_PLACE_BITS)) - S(_BIASED_LEAST << SEGMENT_BITS))
        row = W(W(W(segment) + W(W(drawn >> W(30)) * W(_SEGMENTS))) * W(_ROW))
        return row, F(S(bits & S((1 << _PLACE_BITS) - 1)) - S(1 << (_PLACE_BITS - 1)))

    @native
    def quantile(row, place):
        at = U(row)
        upper = table[at + U(2)] + place * table[at + U(3)]
        return table[at] + place * (table[at + U(1)] + place * upper)

    return locate, quantile


@functools.cache
def build_quantile_lanes() -> Any:
    """`quantile(drawn) -> variate`, for lanes of `bridge.simd`."""
    table = _table()
    native = specialised("table", contract=True)
    sides = W(_SEGMENTS)

    @native
    def coefficient(row, k):
        return gather(table, row + W(k), all_true())

    @native
    def quantile(drawn):
        # All bits are set where the lower 30 bits count from the other end.
        other = (drawn >> W(30) & W(1)) * W(0xFFFFFFFF)
        distance = (drawn ^ other) & W(0x3FFFFFFF)
        bits = reinterpret(cast(distance, F(0)) + F(0.5))
        segment = (bits >> W(_PLACE_BITS)) - W(_BIASED_LEAST << SEGMENT_BITS)
        row = (segment + (drawn >> W(30)) * sides) * W(_ROW)
        place = cast((bits & W((1 << _PLACE_BITS) - 1)) - W(1 << (_PLACE_BITS - 1)), F(0))
        upper = coefficient(row, 2) + place * coefficient(row, 3)
        return coefficient(row, 0) + place * (coefficient(row, 1) + place * upper)

    return quantile
