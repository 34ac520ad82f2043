"""The published release 0.2.1 of the package of the same name."""

from __future__ import annotations

import time
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
    """Its Numba kernels, the default on CPUs, with the ``corder`` that is faster in this case."""
    config: Any = brainevent.config  # of the published package, which type checkers don't see
    config.set_backend("cpu", "numba")
    config.set_numba_parallel(False)
    return min((_with_corder(case, patterns, corder) for corder in (True, False)), key=_seconds)


def _with_corder(case: Case, patterns: np.ndarray, corder: bool) -> Program:
    # Its probability and seed are leaves that can't always be traced, so only the weights are arguments of the loop.
    def multiply(parameters: Any, x: jax.Array) -> Any:
        generated = matrix(case, parameters, corder=corder)
        return brainevent.BinaryArray(x) @ generated if case.event else generated @ x

    parameters = tuple(np.float32(value) for value in PARAMETERS[case.law])
    looping = looped(multiply, parameters, patterns, distributions=("brainevent", "numba"), notes={"corder": corder})
    return checked(looping, case, patterns, lambda: matrix(case, parameters, corder=corder).todense())


def _seconds(program: Program) -> float:
    program.run(1)
    begin = time.process_time()
    program.run(1)
    return time.process_time() - begin
