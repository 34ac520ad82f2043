"""The step of ``examples/coba.py`` in a compiled loop, with whichever brainevent package is installed."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import brainevent
from brainevent_core.bench.program import Program

__all__ = ["program"]

sys.path.append(str(Path(__file__).parents[3] / "examples"))

import coba


def program(
    scale: float, seed: int, steps: int, folder: str, backend: str | None = None, at_most: int | None = None
) -> Program:
    """The network of the example.

    Args:
        backend: of the kernels; None for the default.
        at_most: the maximum number of steps, for slow backends.
    """
    steps = min(steps, at_most or steps)
    p, exc, inh, initial = coba.make_network(scale, seed)

    @jax.jit
    def run(exc: Any, inh: Any, initial: Any, steps: Any) -> jax.Array:
        def step(_: Any, carry: Any) -> Any:
            state, counts = carry
            state = coba.step(p, exc, inh, state)
            return state, counts + state.spikes

        return jax.lax.fori_loop(0, steps, step, (initial, jnp.zeros(p.n, jnp.int32)))[1]

    counts = np.zeros(p.n)

    def simulate(steps: int) -> None:
        with brainevent.use_backend(backend) if backend else contextlib.nullcontext():
            counts[:] = run(exc, inh, initial, steps)

    simulate(1)
    seconds = steps * 1e-4
    return Program(
        simulate,
        lambda: np.array([counts[: p.n_exc].mean() / seconds, counts[p.n_exc :].mean() / seconds, seconds]),
        ("brainevent", "jax", "numba"),
        calls=steps,
    )
