"""The compiled loop in which all contenders on JAX are measured. Needs JAX and NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.bench.program import Program

__all__ = ["looped"]


def looped(
    step: Callable[..., Any],
    held: Any,
    patterns: np.ndarray,
    *,
    carried: Any = None,
    distributions: tuple[str, ...] = (),
    notes: Mapping[str, Any] | None = None,
) -> Program:
    """A program whose calls are iterations of one ``lax.fori_loop``: Python runs only once per measurement.

    An iteration copies the next pattern and computes. The index of the next pattern depends on a scalar of the result,
    so that iterations can neither overlap nor be eliminated.

    Args:
        step: ``(held, pattern) -> result``, traceable; or ``(held, pattern, carried) -> carried``.
        held: a pytree, such as a matrix; the compiled loop gets it as an argument, because constants would be folded.
        patterns: the input of each iteration, along the first axis.
        carried: None, or arrays that each iteration replaces. They are donated to the loop, which may work in place.
    """
    vectors, count = jnp.array(patterns), len(patterns)
    # Only leaves are arguments: JAX compares the structures of arguments with those of other programs, which fails for
    # a contender's matrix whose structure holds arrays.
    leaves, structure = jax.tree.flatten(held)

    def on_leaves(leaves: list[Any], *others: Any) -> Any:
        return step(jax.tree.unflatten(structure, leaves), *others)

    if carried is None:
        shapes = jax.eval_shape(on_leaves, leaves, vectors[0])
        begin = lambda: jax.tree.map(lambda out: jnp.zeros(out.shape, out.dtype), shapes)  # noqa: E731
        turned = lambda leaves, pattern, _: on_leaves(leaves, pattern)  # noqa: E731
    else:
        begin = lambda: jax.tree.map(jnp.array, carried)  # noqa: E731
        turned = on_leaves

    @partial(jax.jit, donate_argnums=0)
    def run(state: Any, leaves: list[Any], vectors: jax.Array, calls: jax.Array) -> Any:
        def turn(_: Any, carry: tuple[Any, jax.Array]) -> tuple[Any, jax.Array]:
            state, pattern = carry
            new = turned(leaves, jax.lax.dynamic_index_in_dim(vectors, pattern, keepdims=False), state)
            first = jax.tree.leaves(new)[0]
            return new, (pattern + 1 + jnp.isnan(first[(0,) * first.ndim].astype(jnp.float32))) % count

        return jax.lax.fori_loop(0, calls, turn, (state, jnp.int32(0)))[0]

    state = [begin()]

    def repeat(calls: int) -> None:
        state[0] = jax.block_until_ready(run(state[0], leaves, vectors, calls))

    return Program(
        run=repeat,
        result=lambda: run(begin(), leaves, vectors, 1),
        distributions=("jax", "jaxlib", *distributions),
        notes=notes or {},
    )
