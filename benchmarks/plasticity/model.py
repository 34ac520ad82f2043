"""The expected result of an update, computed by NumPy in float64."""

from __future__ import annotations

import numpy as np

from benchmarks.plasticity.cases import BOUNDS, Case
from benchmarks.products.arrays import Arrays
from benchmarks.products.model import rows

__all__ = ["expected", "trace", "what_is_wrong"]

ABSOLUTE_ERROR = 1e-6


def trace(case: Case) -> np.ndarray:
    """The amount that a spike adds, by the neuron on the other side: float32, (n,)."""
    return np.linspace(0.01, 0.1, case.n, dtype=np.float32)


def expected(case: Case, arrays: Arrays, spikes: np.ndarray) -> np.ndarray:
    """The weights after one update."""
    if case.format == "dense":
        row, column = np.arange(case.n)[:, None], np.arange(case.n)[None, :]
    else:
        row, column = rows(case.product, arrays), arrays.indices.reshape(-1)
    spiking, other = (row, column) if case.side == "pre" else (column, row)
    added = np.where(spikes[spiking], trace(case).astype(np.float64)[other], 0)
    weights = arrays.data.astype(np.float64) + added.reshape(arrays.data.shape)
    return np.clip(weights, *BOUNDS)


def what_is_wrong(result: np.ndarray, right: np.ndarray) -> str | None:
    """A description of the error; None if the result is right."""
    if result.shape != right.shape or result.dtype != np.float32:
        return f"The result is {result.dtype}{list(result.shape)}; expected was float32{list(right.shape)}."
    error = np.max(np.abs(result - right))
    if not error <= ABSOLUTE_ERROR:
        return f"The largest error is {error:.2g}; {ABSOLUTE_ERROR:.0e} would be rounding."
    return None
