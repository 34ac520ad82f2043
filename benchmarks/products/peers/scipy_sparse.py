"""``scipy.sparse``, and NumPy for dense matrices. It has no events, so they are floats, converted beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from benchmarks.products.arrays import Arrays
from benchmarks.products.cases import Case
from benchmarks.products.model import row_pointers
from brainevent_core.bench.program import Program

__all__ = ["program"]


def program(case: Case, arrays: Arrays, patterns: np.ndarray, threads: int) -> Program:
    """Calls in a Python loop."""
    matrix = _matrix(case, arrays)
    vectors = np.array(patterns, np.float32)
    if case.side == "left":
        # `x @ matrix` creates the transpose in every call. This one shares its arrays with the matrix.
        matrix, vectors = matrix.T, vectors.swapaxes(1, -1)

    def run(calls: int) -> Any:
        for call in range(calls):
            result = matrix @ vectors[call % len(vectors)]
        return result.T if case.side == "left" else result

    return Program(run, lambda: run(1), ("scipy", "numpy"))


def _matrix(case: Case, arrays: Arrays) -> Any:
    shape = (case.n, case.n)
    if case.format == "dense":
        return np.array(arrays.data)
    data = np.array(np.broadcast_to(arrays.data.reshape(-1), arrays.indices.size))
    if case.format == "coo":
        return scipy.sparse.coo_array((data, (np.array(arrays.row), np.array(arrays.indices))), shape=shape)
    columns = np.array(arrays.indices).reshape(-1)
    return scipy.sparse.csr_array((data, columns, np.array(row_pointers(case, arrays))), shape=shape)
