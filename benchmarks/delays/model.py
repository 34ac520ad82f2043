"""The delays of a case, and the expected result of a step, computed by NumPy in float64."""

from __future__ import annotations

import numpy as np

from benchmarks.delays.cases import SLOTS, Case
from benchmarks.products.arrays import Arrays

__all__ = ["delays", "expected", "what_is_wrong"]

RELATIVE_ERROR = 1e-5


def delays(case: Case) -> np.ndarray:
    """Steps from 1 to 15, int32: (n, degree), (n, 1) or (1,)."""
    shape = {"entry": (case.n, case.degree), "row": (case.n, 1), "all": (1,)}[case.delays]
    return np.random.default_rng(3).integers(1, SLOTS, shape).astype(np.int32)


def expected(case: Case, arrays: Arrays, spikes: np.ndarray) -> np.ndarray:
    """The ring after one step, starting from an empty ring."""
    ring = np.zeros((SLOTS, case.n))
    steps = np.broadcast_to(delays(case), arrays.indices.shape)
    np.add.at(ring, (steps[spikes], arrays.indices[spikes]), arrays.data.astype(np.float64)[spikes])
    return ring


def what_is_wrong(result: np.ndarray, right: np.ndarray) -> str | None:
    """A description of the error; None if the result is right."""
    if result.shape != right.shape or result.dtype != np.float32:
        return f"The result is {result.dtype}{list(result.shape)}; expected was float32{list(right.shape)}."
    error = np.max(np.abs(result - right)) / np.max(right)
    if not error <= RELATIVE_ERROR:
        return f"The largest error is {error:.2g} of the largest number; {RELATIVE_ERROR:.0e} would be rounding."
    return None
