"""The compiled loop that all contenders on JAX are measured in. Needs JAX and NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.harness.program import Program

__all__ = ["looped"]


def looped(
    multiply: Callable[[Any, jax.Array], jax.Array],
    matrix: Any,
    patterns: np.ndarray,
    *,
    distributions: tuple[str, ...] = (),
    notes: Mapping[str, Any] | None = None,
) -> Program:
    """A program whose calls are turns of one ``lax.fori_loop``: Python takes part once per measurement.

    A turn copies the next pattern and multiplies. Which pattern is next depends on the result, by a scalar, so that no
    turn can begin before the one before has ended and none can be left out.

    Args:
        multiply: ``(matrix, pattern) -> result``, traceable.
        matrix: a pytree; the compiled loop gets it as an argument, as constants would be folded.
    """
    vectors = jnp.array(patterns)
    count = len(patterns)
    out = jax.eval_shape(multiply, matrix, vectors[0])

    @jax.jit
    def run(matrix: Any, vectors: jax.Array, calls: jax.Array) -> jax.Array:
        def turn(_: Any, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            pattern, _ = state
            result = multiply(matrix, jax.lax.dynamic_index_in_dim(vectors, pattern, keepdims=False))
            return (pattern + 1 + jnp.isnan(result.reshape(-1)[0])) % count, result

        start = jnp.int32(0), jnp.zeros(out.shape, out.dtype)
        return jax.lax.fori_loop(0, calls, turn, start)[1]

    return Program(
        run=lambda calls: run(matrix, vectors, calls).block_until_ready(),
        result=lambda: run(matrix, vectors, 1),
        distributions=("jax", "jaxlib", *distributions),
        notes=notes or {},
    )
