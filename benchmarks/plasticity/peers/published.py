"""The published release 0.2.1 of the package of the same name. It clips all weights."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

import brainevent
from benchmarks.plasticity.cases import BOUNDS, Case
from benchmarks.plasticity.model import trace
from benchmarks.products.arrays import Arrays
from brainevent_core.bench.loop import looped
from brainevent_core.bench.program import Program

__all__ = ["program"]

published: Any = brainevent  # type checkers see our functions, not those of the published package


def program(case: Case, arrays: Arrays, patterns: np.ndarray) -> Program:
    """Its Numba kernels. For postsynaptic spikes it needs a column index; it has had no COO since 0.1.0."""
    published.config.set_backend("cpu", "numba")
    published.config.set_numba_parallel(False, num_threads=1)
    structure = [jnp.array(array) for array in (trace(case), arrays.indices, arrays.indptr)]
    options: dict[str, Any] = {} if case.format == "dense" else {"shape": (case.n, case.n)}
    if case.format == "csr" and case.side == "post":
        indptr, rows, slots = published.csr_to_csc_index(arrays.indptr[:], arrays.indices[:], shape=options["shape"])
        structure += [jnp.array(array) for array in (rows, indptr, slots)]

    def update(structure: Any, spikes: Any, weights: Any) -> Any:
        trace, indices, indptr, *index = structure
        if case.format == "dense" and case.side == "pre":
            return published.update_dense_on_binary_pre(weights, spikes, trace, *BOUNDS)
        if case.format == "dense":
            return published.update_dense_on_binary_post(weights, trace, spikes, *BOUNDS)
        if case.format == "csr" and case.side == "pre":
            return published.update_csr_on_binary_pre(weights, indices, indptr, spikes, trace, *BOUNDS, **options)
        if case.format == "csr":
            return published.update_csr_on_binary_post(weights, *index, trace, spikes, *BOUNDS, **options)
        if case.format == "fan-out" and case.side == "pre":
            update = published.update_fixed_post_conn_on_binary_pre
            return update(weights, indices, spikes, trace, *BOUNDS, **options)
        raise NotImplementedError("it has no COO since 0.1.0")

    return looped(update, structure, patterns, carried=np.asarray(arrays.data), distributions=("brainevent", "numba"))
