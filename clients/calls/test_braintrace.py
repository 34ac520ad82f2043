"""braintrace, which ships no tests: every call of ours by its sparse operator, and an online learner that uses it."""

from typing import Any

import brainstate
import braintrace
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent

SHAPE = (6, 5)
BATCH = 3


def matrix(name: str) -> tuple[Any, np.ndarray, np.ndarray]:
    """A random matrix, with the row and column of each stored weight."""
    random = np.random.default_rng()
    dense = np.where(random.random(SHAPE) < 0.5, random.normal(size=SHAPE), 0).astype(np.float32)
    dense[0, 0] = 1.0
    row, col = np.nonzero(dense)
    if name == "CSC":
        order = np.lexsort((row, col))
        row, col = row[order], col[order]
    return getattr(brainevent, name).fromdense(jnp.asarray(dense)), row, col


NAMES = pytest.mark.parametrize("name", ["CSR", "CSC"])


@NAMES
@pytest.mark.parametrize("batched", [False, True])
def test_product_and_its_gradients(name: str, batched: bool) -> None:
    sparse, row, col = matrix(name)
    random = np.random.default_rng()
    x = random.normal(size=(BATCH, SHAPE[0]) if batched else SHAPE[:1]).astype(np.float32)
    weight = random.normal(size=row.size).astype(np.float32)
    y = random.normal(size=(BATCH, SHAPE[1]) if batched else SHAPE[1:]).astype(np.float32)
    dense = np.zeros(SHAPE, np.float32)
    dense[row, col] = weight

    def loss(x: Any, weight: Any) -> Any:
        return jnp.sum(braintrace.sparse_matmul(x, weight, sparse_mat=sparse) * y)

    out = braintrace.sparse_matmul(x, weight, sparse_mat=sparse, bias=np.ones(SHAPE[1], np.float32))
    np.testing.assert_allclose(out, x @ dense + 1, rtol=1e-4, atol=1e-5)
    by_x, by_weight = jax.jit(jax.grad(loss, argnums=(0, 1)))(x, weight)
    np.testing.assert_allclose(by_x, y @ dense.T, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(by_weight, (np.atleast_2d(x).T @ np.atleast_2d(y))[row, col], rtol=1e-4, atol=1e-5)


@NAMES
def test_traces_of_the_transposed_pattern(name: str) -> None:
    sparse, _, col = matrix(name)
    random = np.random.default_rng()
    hidden = random.normal(size=(BATCH, SHAPE[1])).astype(np.float32)
    trace = random.normal(size=(BATCH, col.size)).astype(np.float32)
    np.testing.assert_allclose(sparse.dt2t_transposed(hidden[0], trace[0]), trace[0] * hidden[0, col], rtol=1e-5)
    batched = jax.jit(jax.vmap(sparse.dt2t_transposed))(hidden, trace)
    np.testing.assert_allclose(batched, trace * hidden[:, col], rtol=1e-5)


@NAMES
def test_traces_of_the_pattern(name: str) -> None:
    sparse, row, _ = matrix(name)
    random = np.random.default_rng()
    hidden = random.normal(size=SHAPE[0]).astype(np.float32)
    trace = random.normal(size=row.size).astype(np.float32)
    np.testing.assert_allclose(sparse.dt2t(hidden, trace), trace * hidden[row], rtol=1e-5)


@NAMES
def test_the_pattern_can_be_read(name: str) -> None:
    sparse, row, col = matrix(name)
    pattern = np.zeros(SHAPE, bool)
    pattern[row, col] = True
    np.testing.assert_array_equal(np.asarray(sparse.with_data(jnp.ones_like(sparse.data)).todense()) != 0, pattern)


@pytest.mark.parametrize("learner", ["D_RTRL", "ES_D_RTRL", "pp_prop"])
def test_an_online_learner_runs(learner: str) -> None:
    if not hasattr(braintrace, learner):
        pytest.skip(f"this braintrace has no {learner}")
    size = 5
    random = np.random.default_rng()
    dense = np.where(random.random((size, size)) < 0.6, random.normal(size=(size, size)), 0).astype(np.float32)
    dense[0, 0] = 1.0

    class Recurrent(brainstate.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = braintrace.nn.SparseLinear(brainevent.CSR.fromdense(jnp.asarray(dense)))
            self.hidden = brainstate.HiddenState(jnp.zeros(size))

        def update(self, x: Any) -> Any:
            self.hidden.value = jnp.tanh(self.recurrent(self.hidden.value) + x)
            return self.hidden.value

    network = Recurrent()
    options = {} if learner == "D_RTRL" else {"decay_or_rank": 0.9}
    model = getattr(braintrace, learner)(network, **options)
    inputs = random.normal(size=(4, size)).astype(np.float32)
    model.compile_graph(inputs[0])
    parameters = network.states(brainstate.ParamState)

    def step(x: Any) -> Any:
        gradient = brainstate.transform.grad(lambda: jnp.sum(model(x) ** 2), parameters)()
        return jax.tree.map(jnp.asarray, gradient)

    for x in inputs:
        gradients = step(x)
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(gradients)]
    assert leaves
    assert all(np.isfinite(leaf).all() for leaf in leaves)
    assert any(leaf.any() for leaf in leaves)
