"""The memory bandwidth of this machine, the limit for kernels that stream a matrix. Needs NumPy and Numba."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from brainevent_core.bench.program import Program

__all__ = ["BYTES", "program"]

BYTES = 400_000_000  # many times the caches


@numba.njit(nogil=True, fastmath=True)
def _sum(a, b, c, d):  # type: ignore[no-untyped-def]
    """Reads four streams at once, a third faster than one, because the hardware prefetches each of them."""
    total = np.float32(0)
    for i in range(a.size):
        total += (a[i] + b[i]) + (c[i] + d[i])
    return total


def program(threads: int) -> Program:
    """A call sums an array of ``BYTES`` bytes, of which each thread sums its own part."""
    parts = np.ones(BYTES // 4, np.float32).reshape(threads, 4, -1)
    if threads == 1:
        return Program(lambda calls: [_sum(*parts[0]) for _ in range(calls)])
    pool = ThreadPoolExecutor(threads)

    def run(calls: int) -> None:
        for _ in range(calls):
            list(pool.map(lambda part: _sum(*part), parts))

    return Program(run)
