"""The step of ``examples/microcircuit.py`` in a compiled loop."""

from __future__ import annotations

import functools
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.bench.program import Program

__all__ = ["program"]

sys.path.append(str(Path(__file__).parents[3] / "examples"))

import microcircuit


def program(scale: float, seed: int, steps: int, threads: int) -> Program:
    """The network of the example, after 0.5 s of biological time."""
    began = time.perf_counter()
    model, state = microcircuit.make_model(scale, seed)
    jax.block_until_ready(model)
    construction = time.perf_counter() - began
    groups = microcircuit.told_of_populations(scale, "poisson")

    @functools.partial(jax.jit, donate_argnums=1)
    def simulate(model: Any, carry: Any, steps: Any) -> Any:
        def step(_: Any, carry: Any) -> Any:
            state, counts, number = carry
            state, (spikes, _) = microcircuit.step(groups, model, state, number)
            return state, counts + spikes, number + 1

        return jax.lax.fori_loop(0, steps, step, carry)

    carried = [(state, jnp.zeros(model.synapses.shape[0], jnp.int32), jnp.int32(0))]

    def run(steps: int) -> None:
        carried[0] = jax.block_until_ready(simulate(model, carried[0], steps))

    run(5000)
    begin = np.asarray(carried[0][1])

    def rates() -> np.ndarray:
        _, counts, number = carried[0]
        each = (np.asarray(counts) - begin) / ((int(number) - 5000) * 1e-4)
        return np.array([each[g.start : g.stop].mean() for g in microcircuit.populations(scale).values()])

    distributions = ("brainevent", "jax", "numba")
    return Program(run, rates, distributions, notes={"construction": construction}, calls=steps)
