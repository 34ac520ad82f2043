"""Checks of a product: against the materialised matrix, and against the mean that follows from the law."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.jitc.cases import PARAMETERS, Case, Law

__all__ = ["moments", "what_is_wrong"]

# Rounding of float32 sums in any order.
RELATIVE_ERROR = 2e-4

# The maximum deviation of the mean over the result, in standard deviations.
DEVIATIONS = 6.0

# First and second moment of a weight, by its law.
_MOMENTS: dict[Law, Callable[..., tuple[float, float]]] = {
    "scalar": lambda weight: (weight, weight**2),
    "normal": lambda loc, scale: (loc, loc**2 + scale**2),
    "uniform": lambda low, high: ((low + high) / 2, (low**2 + low * high + high**2) / 3),
}


def moments(case: Case, pattern: np.ndarray) -> tuple[float, float]:
    """Mean and variance of an entry of the result, over the networks with the case's probability and weights."""
    first, second = _MOMENTS[case.law](*PARAMETERS[case.law])
    x = pattern.astype(np.float64)
    return case.prob * first * x.sum(), (case.prob * second - (case.prob * first) ** 2) * (x**2).sum()


def what_is_wrong(case: Case, pattern: np.ndarray, result: np.ndarray) -> str | None:
    """A description of the error; None if the result is right.

    Args:
        pattern: the vector of the product.
        result: shape (2, n), the product and the product with the dense matrix, or (1, n) without the latter.
    """
    found = result[0]
    if found.shape != (case.n,):
        raise ValueError(f"The result must have shape (1 or 2, {case.n}), got {result.shape}.")
    if len(result) == 2:
        error = np.max(np.abs(found - result[1]) / np.maximum(np.abs(result[1]), 1e-3))
        if not error <= RELATIVE_ERROR:
            return f"It differs from the dense matrix by {error:.2g}; {RELATIVE_ERROR:.0e} would be rounding."
    mean, variance = moments(case, pattern)
    off = abs(found.mean() - mean) / np.sqrt(variance / case.n)
    if not off <= DEVIATIONS:
        return f"The mean over the result is {found.mean():.6g}, {off:.1f} standard deviations from {mean:.6g}."
    return None
