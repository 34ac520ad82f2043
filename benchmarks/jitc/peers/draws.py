"""How fast this machine draws numbers from the stream, which limits generated connectivity.

A connection takes one draw for each digit of its gap, and one for its weight unless weights are homogeneous.
"""

from __future__ import annotations

import numba
import numpy as np

from benchmarks.jitc.cases import Case
from brainevent_core.bench.program import Program
from brainevent_core.jitc import MULTIPLIERS

__all__ = ["PER_CALL", "program"]

PER_CALL = 1_000_000
U = np.uint32
M0, M1, M2 = MULTIPLIERS


@numba.njit
def _sum(key0, key1, count):  # type: ignore[no-untyped-def]
    """The sum of draws; the compiler vectorises this loop."""
    total = U(0)
    for counter in range(count):
        x = U(key0 + U(counter))
        x = U(U(x ^ (x >> U(17))) * M0)
        x = U(U(U(x ^ (x >> U(11))) + key1) * M1)
        x = U(U(x ^ (x >> U(15))) * M2)
        total = U(total + U(x ^ (x >> U(14))))
    return total


def program(case: Case, patterns: np.ndarray) -> Program:
    """A call makes ``PER_CALL`` draws, independent of the case."""
    return Program(lambda calls: [_sum(U(call), U(1), PER_CALL) for call in range(calls)])
