"""brainevent as it lies in this repository."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

import brainevent
from benchmarks.harness.loop import looped
from benchmarks.harness.program import Program
from benchmarks.jitc.cases import PARAMETERS, Case
from benchmarks.jitc.peers.checked import checked

__all__ = ["program"]

CLASSES: dict[str, Any] = {
    "scalar": brainevent.JITCScalarR,
    "normal": brainevent.JITCNormalR,
    "uniform": brainevent.JITCUniformR,
}


def program(case: Case, patterns: np.ndarray) -> Program:
    """The class for rows, as users make it."""
    matrix = CLASSES[case.law](*PARAMETERS[case.law], case.prob, 123, shape=(case.n, case.n))

    def multiply(matrix: Any, x: jax.Array) -> Any:
        return brainevent.BinaryArray(x) @ matrix if case.event else matrix @ x

    looping = looped(multiply, matrix, patterns, distributions=("brainevent", "brainevent-cpu", "numba"))
    return checked(looping, case, patterns, matrix.todense)
