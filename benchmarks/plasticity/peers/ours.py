"""brainevent from this repository."""

from __future__ import annotations

import contextlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import brainevent
from benchmarks.plasticity.cases import BOUNDS, Case
from benchmarks.plasticity.model import trace
from benchmarks.products.arrays import Arrays
from benchmarks.products.peers.ours import matrix_of
from brainevent_core.bench.loop import looped
from brainevent_core.bench.program import Program

__all__ = ["program"]


def program(
    case: Case, arrays: Arrays, patterns: np.ndarray, backend: str | None = None, as_csr: bool = False
) -> Program:
    """Kernels of ``backend``, or the default ones; ``as_csr`` stores the entries of coo as csr."""
    matrix: Any
    if as_csr:
        matrix = _as_csr(case, arrays)
    else:
        matrix = matrix_of(case.product, arrays)
        matrix = matrix if case.format != "dense" else brainevent.Dense(matrix)
    if case.column_index:
        matrix = matrix.with_csc_index()

    def update(structure: Any, spikes: Any, weights: Any) -> Any:
        matrix, trace = structure
        matrix, spikes = matrix.with_data(weights), brainevent.BinaryArray(spikes)
        with brainevent.use_backend(backend) if backend else contextlib.nullcontext():
            if case.side == "pre":
                return matrix.update_on_pre(spikes, trace, *BOUNDS, clip=case.clip).data
            return matrix.update_on_post(trace, spikes, *BOUNDS, clip=case.clip).data

    structure = (matrix, jnp.array(trace(case)))
    made = looped(
        update,
        structure,
        patterns,
        carried=np.asarray(matrix.data),
        distributions=("brainevent", "brainevent-cpu", "numba"),
        notes={"kernels": _kernels(update, structure, patterns)},
    )
    if not as_csr:
        return made
    result = made.result
    assert result is not None
    order = np.argsort(np.argsort(arrays.row, kind="stable"))  # the positions of the entries of coo
    return Program(made.run, lambda: np.asarray(result())[order], made.distributions, made.notes)


def _as_csr(case: Case, arrays: Arrays) -> Any:
    order = np.argsort(arrays.row, kind="stable")
    pointers = np.searchsorted(arrays.row[order], np.arange(case.n + 1)).astype(np.int32)
    parts = (jnp.array(arrays.data[order]), jnp.array(arrays.indices[order]), jnp.array(pointers))
    return brainevent.CSR(parts, shape=(case.n, case.n))


def _kernels(update: Any, structure: Any, patterns: np.ndarray) -> list[str]:
    """The backends whose kernels the update is compiled to."""
    with brainevent.get_registry().record() as records:
        jax.jit(update).lower(structure, jnp.array(patterns[0]), structure[0].data)
    return sorted({record.backend for record in records})
