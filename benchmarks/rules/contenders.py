"""The rule on the synapses of spiking neurons, and on all synapses."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from brainevent_core.bench.program import Program

__all__ = ["program"]


def program(side: str, activity: float, n: int, density: float, backend: str | None = None) -> Program:
    """The update of a case (see ``cases``), by the kernels of ``backend``, or those that are selected by default."""
    import jax
    import jax.numpy as jnp

    import brainevent
    from brainevent_core.bench.loop import looped

    rng = np.random.default_rng(0)
    counts = rng.binomial(n, density, n)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    indices = rng.integers(n, size=indptr[-1]).astype(np.int32)
    matrix = brainevent.CSR((1.0, jnp.array(indices), jnp.array(indptr)), shape=(n, n))
    if side == "post":
        matrix = matrix.with_csc_index()
    state = {"weight": rng.random(indices.size, np.float32), "trace": np.zeros(indices.size, np.float32)}
    values = [jnp.array(rng.random(n, np.float32)) for _ in range(2)]

    def update(held: Any, spikes: Any, state: Any) -> Any:
        matrix, pre, post = held
        apply = matrix.apply_on_pre if side == "pre" else matrix.apply_on_post
        with brainevent.use_backend(backend) if backend else contextlib.nullcontext():
            return apply(rule, state, brainevent.BinaryArray(spikes), pre_vals=pre, post_vals=post, params=0.01)

    spikes = rng.random((8, n)) < activity
    made = looped(update, (matrix, *values), spikes, carried=state, distributions=("brainevent",))
    result = made.result
    assert result is not None
    return Program(made.run, lambda: np.stack(jax.tree.leaves(result())), made.distributions, made.notes)


def rule(edge: Any, pre: Any, post: Any, rate: Any) -> Any:
    """Growth towards a soft bound, and a trace of it."""
    grown = rate * (1 - edge["weight"]) * post
    return {"weight": edge["weight"] + grown, "trace": 0.9 * edge["trace"] + pre * grown}
