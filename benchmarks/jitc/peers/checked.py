"""A product, with the same product of the materialised matrix for comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.jitc.cases import Case
from brainevent_core.bench.program import Program

__all__ = ["LARGEST_DENSE", "checked"]

LARGEST_DENSE = 10_000
"""Rows of the largest matrix that is written down."""


def checked(program: Program, case: Case, patterns: np.ndarray, dense: Callable[[], Any]) -> Program:
    """The same program with a result of shape (2, n): the first product, and that of the dense matrix in float64.

    Matrices with more than ``LARGEST_DENSE`` rows are not materialised, and the result has shape (1, n).
    """

    def result() -> np.ndarray:
        found = np.asarray(program.result(), np.float64)  # type: ignore[misc]
        if case.n > LARGEST_DENSE:
            return found[None]
        matrix, x = np.asarray(dense()), patterns[0]
        # Row by row for products by rows: a copy in float64 would take twice the memory of the matrix.
        model = (
            matrix[x].sum(0, dtype=np.float64) if case.event else np.array([row @ x.astype(float) for row in matrix])
        )
        return np.stack([found, model])

    return replace(program, result=result)
