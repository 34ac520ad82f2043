"""brainevent from this repository."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

import brainevent
from benchmarks.jitc.cases import PARAMETERS, Case
from benchmarks.jitc.peers.checked import checked
from benchmarks.jitc.peers.matrices import matrix
from brainevent_core.bench.loop import looped
from brainevent_core.bench.program import Program

__all__ = ["program"]


def program(case: Case, patterns: np.ndarray) -> Program:
    """The matrix with a stream per row, created as users do it."""
    generated = matrix(case, PARAMETERS[case.law])

    def multiply(generated: Any, x: jax.Array) -> Any:
        return brainevent.BinaryArray(x) @ generated if case.event else generated @ x

    looping = looped(multiply, generated, patterns, distributions=("brainevent", "brainevent-cpu", "numba"))
    return checked(looping, case, patterns, generated.todense)
