"""The published release 0.2.1 of the package of the same name."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import brainevent
from benchmarks.products.arrays import Arrays
from benchmarks.products.cases import Case
from brainevent_core.bench.loop import looped
from brainevent_core.bench.program import Program

__all__ = ["program"]


def program(case: Case, arrays: Arrays, patterns: np.ndarray, threads: int) -> Program:
    """Its Numba kernels, the default on CPUs, which are faster than those of its other backend, ``jax_raw``.

    It can have a column index, ``build_weight_indices()``, which makes no difference to products on CPUs. It is built
    for the cases with a column index.
    """
    config: Any = brainevent.config  # of the published package, which type checkers don't see
    config.set_backend("cpu", "numba")
    config.set_numba_parallel(threads > 1, num_threads=threads)

    def multiply(matrix: Any, x: jax.Array) -> Any:
        vector = brainevent.BinaryArray(x) if case.event else x
        return vector @ matrix if case.side == "left" else matrix @ vector

    return looped(multiply, _matrix(case, arrays), patterns, distributions=("brainevent", "numba"))


def _matrix(case: Case, arrays: Arrays) -> Any:
    shape = (case.n, case.n)
    data, indices, indptr = (jnp.array(a) for a in (arrays.data, arrays.indices, arrays.indptr))
    if case.format == "dense":
        return data
    matrix: brainevent.CSR | brainevent.FixedNumPerPre
    if case.format == "csr":
        matrix = brainevent.CSR((data, indices, indptr), shape=shape)
    elif case.format == "fan-out":
        matrix = brainevent.FixedNumPerPre((data, indices), shape=shape)
    else:
        raise NotImplementedError("it has no COO since 0.1.0")
    return matrix.build_weight_indices() if case.column_index else matrix
