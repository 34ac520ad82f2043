"""The published release 0.2.1 of the package of the same name."""

from __future__ import annotations

import time
from functools import partial
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
    """Its Numba kernels, the default on CPUs, with the ``corder`` that is faster in this case."""
    config: Any = brainevent.config  # theirs, which type checkers don't see
    config.set_backend("cpu", "numba")
    config.set_numba_parallel(False)
    return min((_with_corder(case, patterns, corder) for corder in (True, False)), key=_seconds)


def _with_corder(case: Case, patterns: np.ndarray, corder: bool) -> Program:
    # Probability and seed can't be traced in all of its kernels, so that only the weights are arguments.
    def matrix(parameters: Any) -> Any:
        return CLASSES[case.law]((*parameters, case.prob, 123), shape=(case.n, case.n), corder=corder)

    def multiply(parameters: Any, x: jax.Array) -> Any:
        return brainevent.BinaryArray(x) @ matrix(parameters) if case.event else matrix(parameters) @ x

    parameters = tuple(np.float32(value) for value in PARAMETERS[case.law])
    looping = looped(multiply, parameters, patterns, distributions=("brainevent", "numba"), notes={"corder": corder})
    return checked(looping, case, patterns, partial(_dense, matrix, parameters))


def _dense(matrix: Any, parameters: Any) -> Any:
    return matrix(parameters).todense()


def _seconds(looping: Program) -> float:
    looping.run(1)
    begin = time.process_time()
    looping.run(1)
    return time.process_time() - begin
