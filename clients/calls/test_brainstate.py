"""brainstate: a network with ``EventFixedProb``, and the layers that use our matrices."""

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent


class Network(brainstate.nn.Module):
    """Leaky neurons with random excitatory and inhibitory connections."""

    def __init__(self, excitatory: int = 80, inhibitory: int = 20) -> None:
        super().__init__()
        self.excitatory, self.size = excitatory, excitatory + inhibitory
        make = brainstate.nn.EventFixedProb
        self.excite = make(excitatory, self.size, 0.1, 1.5 * u.mV, seed=1)
        self.inhibit = make(inhibitory, self.size, 0.1, -3.0 * u.mV, seed=2)
        self.potential = brainstate.HiddenState(jnp.linspace(-60.0, -50.5, self.size) * u.mV)

    def update(self) -> jax.Array:
        potential = self.potential.value
        spikes = potential >= -51.0 * u.mV
        received = self.excite(spikes[: self.excitatory]) + self.inhibit(spikes[self.excitatory :])
        leak = (-49.0 * u.mV - potential) * 0.1
        self.potential.value = u.math.where(spikes, -60.0 * u.mV, potential + leak + received)
        return spikes


def test_a_network_runs() -> None:
    network = Network()
    spikes = brainstate.transform.for_loop(lambda i: network.update(), jnp.arange(200))
    rates = np.asarray(spikes).mean(axis=0)
    assert 0.01 < rates.mean() < 0.5
    assert np.isfinite(network.potential.value.to_decimal(u.mV)).all()


def test_its_step_is_that_of_the_dense_matrix() -> None:
    layer = brainstate.nn.EventFixedProb(50, 30, 0.2, brainstate.random.rand(50, 6) * u.nS, seed=3)
    spikes = np.random.default_rng().random(50) < 0.3
    dense = layer.conn.todense()
    np.testing.assert_allclose(
        layer(jnp.asarray(spikes)).to_decimal(u.nS), spikes @ np.asarray(dense.to_decimal(u.nS)), rtol=1e-5
    )


def test_its_weights_learn() -> None:
    layer = brainstate.nn.EventFixedProb(20, 10, 0.3, brainstate.random.rand(20, 3), seed=4)
    spikes = jnp.asarray(np.random.default_rng().random(20) < 0.5)
    loss = brainstate.transform.grad(lambda: jnp.sum(layer(spikes) ** 2), layer.states(brainstate.ParamState))
    (gradient,) = jax.tree.leaves(loss())
    out = layer(spikes)
    expected = 2 * np.where(spikes[:, None], np.asarray(out)[np.asarray(layer.conn.indices)], 0)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["CSR", "CSC"])
def test_sparse_linear_takes_our_matrices(name: str) -> None:
    dense = np.where(np.random.default_rng().random((6, 4)) < 0.5, 1.5, 0).astype(np.float32)
    layer = brainstate.nn.SparseLinear(getattr(brainevent, name).fromdense(jnp.asarray(dense)), b_init=None)
    x = np.random.default_rng().normal(size=(3, 6)).astype(np.float32)
    np.testing.assert_allclose(layer(x), x @ dense, rtol=1e-5, atol=1e-6)
