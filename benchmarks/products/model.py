"""The expected result of a product, computed by SciPy in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from benchmarks.products.arrays import Arrays
from benchmarks.products.cases import Case

__all__ = ["expected", "matrix", "row_pointers", "rows", "what_is_wrong"]

# Rounding of float32 sums in any order. An extra or missing entry changes more than this in every sparse case.
RELATIVE_ERROR = 2e-4


def expected(case: Case, matrix: Any, patterns: np.ndarray) -> np.ndarray:
    """The product of the first pattern with a matrix from ``matrix``."""
    x = patterns[0].astype(np.float64)
    if case.side == "right":
        return matrix @ x
    return (matrix.T @ x.T).T


def what_is_wrong(result: np.ndarray, right: np.ndarray) -> str | None:
    """A description of the error; None if the result is right."""
    if result.shape != right.shape or result.dtype != np.float32:
        return f"The result is {result.dtype}{list(result.shape)}; expected was float32{list(right.shape)}."
    error = np.max(np.abs(result - right) / np.maximum(np.abs(right), 1e-3))
    if not error <= RELATIVE_ERROR:
        return f"The largest relative error is {error:.2g}; {RELATIVE_ERROR:.0e} would be rounding."
    return None


def matrix(case: Case, arrays: Arrays) -> Any:
    """The matrix as an array of NumPy or SciPy in float64."""
    shape = (case.n, case.n)
    if case.format == "dense":
        return arrays.data.astype(np.float64)
    data = np.broadcast_to(arrays.data.astype(np.float64).reshape(-1), arrays.indices.size)
    if case.format == "coo":
        return scipy.sparse.coo_array((data, (arrays.row, arrays.indices)), shape=shape)
    return scipy.sparse.csr_array((data, arrays.indices.reshape(-1), row_pointers(case, arrays)), shape=shape)


def row_pointers(case: Case, arrays: Arrays) -> np.ndarray:
    """The row pointers of csr, or those that correspond to fan-out."""
    if case.format == "csr":
        return arrays.indptr
    return np.arange(case.n + 1, dtype=np.int32) * np.int32(arrays.indices.shape[1])


def rows(case: Case, arrays: Arrays) -> np.ndarray:
    """The row of each entry."""
    if case.format == "coo":
        return arrays.row
    return np.repeat(np.arange(case.n, dtype=np.int32), np.diff(row_pointers(case, arrays)))
