"""``jax.experimental.sparse``, and ``jax.numpy`` for dense matrices. Events are floats, converted beforehand."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import sparse

from benchmarks.products.arrays import Arrays
from benchmarks.products.cases import Case
from benchmarks.products.model import row_pointers, rows
from brainevent_core.bench.loop import looped
from brainevent_core.bench.program import Program

__all__ = ["program"]


def program(case: Case, arrays: Arrays, patterns: np.ndarray, threads: int) -> Program:
    """BCSR for csr and fan-out; BCOO for coo, and for vectors on the left, for which BCSR has no product."""

    def multiply(matrix: Any, x: jax.Array) -> Any:
        return x @ matrix if case.side == "left" else matrix @ x

    return looped(multiply, _matrix(case, arrays), np.asarray(patterns, np.float32))


def _matrix(case: Case, arrays: Arrays) -> Any:
    shape = (case.n, case.n)
    if case.format == "dense":
        return jnp.array(arrays.data)
    data = jnp.array(np.broadcast_to(arrays.data.reshape(-1), arrays.indices.size))
    if case.format == "coo" or case.side == "left":
        pairs = jnp.stack([jnp.array(rows(case, arrays)), jnp.array(arrays.indices).reshape(-1)], axis=1)
        return sparse.BCOO((data, pairs), shape=shape, indices_sorted=True, unique_indices=True)
    columns = jnp.array(arrays.indices).reshape(-1)
    pointers = jnp.array(row_pointers(case, arrays))
    return sparse.BCSR((data, columns, pointers), shape=shape, indices_sorted=True, unique_indices=True)
