"""The published release 0.3.0 of the package of the same name, the first with delays."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

import brainevent
from benchmarks.delays.cases import SLOTS, Case
from benchmarks.delays.model import delays
from benchmarks.delays.peers import stepping
from benchmarks.products.arrays import Arrays
from brainevent_core.bench.program import Program

__all__ = ["program"]

published: Any = brainevent  # type checkers see our functions, not those of the published package


def program(case: Case, arrays: Arrays, patterns: np.ndarray, layout: bool = False) -> Program:
    """Its Numba kernels, by ``csr_delay_deliver``, or by the layout that is built in advance."""
    if case.delays == "row":
        raise NotImplementedError("it has no delay for each row")
    published.config.set_backend("cpu", "numba")
    pointers = np.arange(0, case.n * case.degree + 1, case.degree, dtype=np.int32)
    steps = np.broadcast_to(delays(case), arrays.indices.shape).reshape(-1)
    parts = [jnp.array(np.array(array).reshape(-1)) for array in (arrays.data, arrays.indices, pointers, steps)]
    held: Any = parts
    if layout:
        held = published.CSRDelayLayout.build(*parts, n_slots=SLOTS, shape=(case.n, case.n))

    def step(held: Any, spikes: Any, ring: Any, t: Any) -> Any:
        if layout:
            ring = published.csr_delay_deliver_layout(ring, spikes, held, t)
        else:
            ring = published.csr_delay_deliver(ring, spikes, *held, t, shape=(case.n, case.n))
        return ring[t % SLOTS], ring.at[t % SLOTS].set(0), t + 1

    return stepping(step, held, case, patterns, ("brainevent", "numba"))
