"""brainevent from this repository."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

import brainevent
from benchmarks.delays.cases import Case
from benchmarks.delays.model import delays
from benchmarks.delays.peers import stepping
from benchmarks.products.arrays import Arrays
from brainevent_core.bench.program import Program

__all__ = ["program"]


def program(case: Case, arrays: Arrays, patterns: np.ndarray, backend: str | None = None) -> Program:
    """Kernels of ``backend``, or those that are selected by default."""
    pointers = np.arange(0, case.n * case.degree + 1, case.degree, dtype=np.int32)
    parts = (np.array(arrays.data).reshape(-1), np.array(arrays.indices).reshape(-1), pointers)
    steps = delays(case).astype(np.uint8)
    matrix = brainevent.CSR(parts, shape=(case.n, case.n), delay=steps.reshape(-1) if case.delays == "entry" else steps)

    def step(matrix: Any, spikes: Any, buffer: Any, t: Any) -> Any:
        ring = brainevent.DelayRing.tree_unflatten(None, (buffer, t))
        with brainevent.use_backend(backend) if backend else contextlib.nullcontext():
            now, ring = ring.add(brainevent.BinaryArray(spikes), matrix).pop()
        return now, ring.buffer, ring.t

    return stepping(step, matrix, case, patterns, ("brainevent", "brainevent-cpu", "numba"))
