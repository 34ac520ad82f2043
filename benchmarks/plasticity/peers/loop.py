"""The compiled loop that all peers are measured in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.harness.program import Program

__all__ = ["looped"]


def looped(
    update: Callable[[jax.Array, Any, jax.Array], jax.Array],
    weights: np.ndarray,
    structure: Any,
    patterns: np.ndarray,
    *,
    distributions: tuple[str, ...] = (),
    notes: Mapping[str, Any] | None = None,
) -> Program:
    """A program whose calls are turns of one ``lax.fori_loop`` that carries the weights, which are donated to it.

    Which pattern is next depends on the result, by a scalar, so that no turn can begin before the one before has ended.

    Args:
        update: ``(weights, structure, pattern) -> weights``, traceable.
        structure: a pytree; the compiled loop gets it as an argument, as constants would be folded.
    """
    vectors, count = jnp.array(patterns), len(patterns)

    @partial(jax.jit, donate_argnums=0)
    def run(weights: jax.Array, structure: Any, vectors: jax.Array, calls: jax.Array) -> jax.Array:
        def turn(_: Any, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            weights, pattern = state
            new = update(weights, structure, jax.lax.dynamic_index_in_dim(vectors, pattern, keepdims=False))
            return new, (pattern + 1 + jnp.isnan(new[(0,) * new.ndim])) % count

        return jax.lax.fori_loop(0, calls, turn, (weights, jnp.int32(0)))[0]

    state = [jnp.array(weights)]

    def repeat(calls: int) -> None:
        state[0] = run(state[0], structure, vectors, calls)
        state[0].block_until_ready()

    return Program(
        run=repeat,
        result=lambda: run(jnp.array(weights), structure, vectors, 1),
        distributions=("jax", "jaxlib", *distributions),
        notes=notes or {},
    )
