"""The matrix of a case, for whichever brainevent is installed: the constructors are the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import brainevent
from benchmarks.jitc.cases import Case

__all__ = ["matrix"]

SEED = 123


def matrix(case: Case, parameters: Sequence[Any], **options: Any) -> Any:
    """A matrix with a stream per row, and ``parameters`` of the weights."""
    cls = getattr(brainevent, f"JITC{case.law.title()}R")
    return cls((*parameters, case.prob, SEED), shape=(case.n, case.n), **options)
