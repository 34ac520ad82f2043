"""Rare uses of JAX beyond the table in ``test_products.py``, which must work as expected."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent import CSR, BinaryArray, BitPackedBinary, CompactBinary, Dense

DENSE = np.random.default_rng(5).normal(size=(7, 5)).astype(np.float32) * (np.arange(35).reshape(7, 5) % 3 != 0)
X = np.random.default_rng(6).normal(size=7).astype(np.float32)
Y = X @ DENSE


def without_jit(matrix: Any) -> Any:
    with jax.disable_jit():
        return X @ matrix


def exported(matrix: Any) -> Any:
    """Exported for a symbolic batch size, so with the reference, whatever kernel would run here."""
    (batch,) = jax.export.symbolic_shape("batch")
    shape = jax.ShapeDtypeStruct((batch, 7), np.float32)
    program = jax.export.export(jax.jit(lambda x: x @ matrix))(shape)
    return program.call(np.stack([X, 2 * X]))


# name: (what to compute with the matrix, the result)
USES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "no examples": (lambda A: jax.vmap(lambda x: x @ A)(jnp.zeros((0, 7))), np.zeros((0, 5))),
    "no weights": (lambda A: jax.vmap(lambda w: X @ A.with_data(w))(A.data[None][:0]), np.zeros((0, 5))),
    "one example of weights": (lambda A: jax.vmap(lambda w: X @ A.with_data(w))(A.data[None]), Y[None]),
    "other axes": (
        lambda A: jax.vmap(lambda x: x @ A, in_axes=1, out_axes=1)(np.stack([X, 3 * X], 1)),
        np.stack([Y, 3 * Y], 1),
    ),
    "matrix not mapped": (lambda A: jax.vmap(lambda a, x: x @ a, (None, 0))(A, X[None]), Y[None]),
    "matrices out of vmap": (
        lambda A: X @ jax.tree_util.tree_map(lambda leaf: leaf[0], jax.vmap(A.with_data)(A.data[None])),
        Y,
    ),
    "linearize": (lambda A: jax.linearize(lambda x: x @ A, jnp.zeros(7))[1](X), Y),
    "remat": (lambda A: jax.grad(jax.checkpoint(lambda x: jnp.sum((x @ A) ** 2)))(jnp.asarray(X)), 2 * Y @ DENSE.T),
    "jacfwd": (lambda A: jax.jacfwd(lambda x: x @ A)(jnp.asarray(X)), DENSE.T),
    "jacrev": (lambda A: jax.jacrev(lambda x: x @ A)(jnp.asarray(X)), DENSE.T),
    "without jit": (without_jit, Y),
    "while": (
        lambda A: jax.lax.while_loop(lambda c: c[0] < 2, lambda c: (c[0] + 1, c[1] @ A @ A.T), (0, X))[1],
        Y @ DENSE.T @ DENSE @ DENSE.T,
    ),
    "NumPy weights, traced events": (lambda A: jax.jit(lambda x: DENSE.T @ BinaryArray(x))(X), DENSE.T @ np.ones(7)),
    "closed over": (lambda A: jax.jit(lambda: X @ A)(), Y),
    "donated": (
        lambda A: jax.jit(lambda a: a.with_data(2 * a.data), donate_argnums=0)(copy.deepcopy(A)).todense(),
        2 * DENSE,
    ),
    "pickled": (lambda A: pickle.loads(pickle.dumps(A)).todense(), DENSE),
    "copied": (lambda A: copy.copy(A).todense(), DENSE),
    "abstract": (lambda A: jax.eval_shape(lambda a: a.T @ X, A).shape, (5,)),
    "symbolic shapes": (exported, np.stack([Y, 2 * Y])),
}


@pytest.mark.cover(share=0.6)
@pytest.mark.parametrize("backend", ["numba", "reference"])
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("cls", [CSR, Dense])
def test_use(cls: Any, use: str, backend: str) -> None:
    compute, expected = USES[use]
    with brainevent.use_backend(backend):
        np.testing.assert_allclose(compute(cls.fromdense(DENSE)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cls", [BinaryArray, BitPackedBinary, CompactBinary])
def test_events_are_pickled_and_copied(cls: Any) -> None:
    events = cls(jnp.array([1.0, 0.0]))
    for other in (pickle.loads(pickle.dumps(events)), copy.copy(events), copy.deepcopy(events)):
        assert isinstance(other, cls)
        np.testing.assert_array_equal(other.value, events.value)
