"""brainevent from this repository."""

from __future__ import annotations

import contextlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import brainevent
from benchmarks.products.arrays import Arrays
from benchmarks.products.cases import Case
from brainevent_core.bench.loop import looped
from brainevent_core.bench.program import Program

__all__ = ["matrix_of", "program"]


def program(
    case: Case, arrays: Arrays, patterns: np.ndarray, threads: int, backend: str | None = None, only: bool = False
) -> Program:
    """Kernels of ``backend``, or those that are selected by default.

    Raises:
        NotImplementedError: with ``only``, if the backend has no kernel for the case.
    """

    def multiply(matrix: Any, x: jax.Array) -> Any:
        vector = brainevent.BinaryArray(x) if case.event else x
        with brainevent.use_backend(backend) if backend else contextlib.nullcontext():
            return vector @ matrix if case.side == "left" else matrix @ vector

    matrix = matrix_of(case, arrays)
    kernels = _kernels(multiply, matrix, patterns)
    if only and kernels != [backend]:
        raise NotImplementedError(f"{backend} has no kernel for it")
    return looped(
        multiply,
        matrix,
        patterns,
        distributions=("brainevent", "brainevent-cpu", "numba"),
        notes={"kernels": kernels},
    )


def matrix_of(case: Case, arrays: Arrays) -> Any:
    """The matrix of a case; an array if it is dense."""
    shape = (case.n, case.n)
    data, indices, indptr, row = (jnp.array(a) for a in (arrays.data, arrays.indices, arrays.indptr, arrays.row))
    if case.format == "dense":
        return data
    matrix: Any
    if case.format == "csr":
        matrix = brainevent.CSR((data, indices, indptr), shape=shape)
    elif case.format == "coo":
        matrix = brainevent.COO((data, row, indices), shape=shape)
    else:
        matrix = brainevent.FixedPostNumConn((data, indices), shape=shape)
    if case.column_index:
        if not hasattr(matrix, "with_csc_index"):
            raise NotImplementedError(f"{type(matrix).__name__} has no with_csc_index()")
        matrix = matrix.with_csc_index()
    return matrix


def _kernels(multiply: Any, matrix: Any, patterns: np.ndarray) -> list[str]:
    """The backends whose kernels the product is compiled to."""
    with brainevent.get_registry().record() as records:
        jax.jit(multiply).lower(matrix, jnp.array(patterns[0]))
    return sorted({record.backend for record in records})
