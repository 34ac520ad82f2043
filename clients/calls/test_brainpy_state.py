"""brainpy_state: spike trains, event-driven projections, and short-term plasticity, which uses graded events."""

from typing import Any

import brainstate
import braintools
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest

brainpy_state = pytest.importorskip("brainpy_state")


def run(module: Any, *inputs: Any, steps: int = 20) -> np.ndarray:
    """The results of a module for constant inputs, in each of ``steps`` steps of 0.1 ms."""

    def step(i: Any) -> Any:
        with brainstate.environ.context(i=i, t=i * brainstate.environ.get_dt()):
            return module(*inputs)

    return np.asarray(u.get_mantissa(brainstate.transform.for_loop(step, jnp.arange(steps))))


@pytest.fixture(autouse=True)
def _step() -> Any:
    with brainstate.environ.context(dt=0.1 * u.ms):
        yield


def test_a_train_of_spikes() -> None:
    times, indices = jnp.array([0.2, 0.2, 0.7, 1.5]) * u.ms, jnp.array([0, 3, 1, 4])
    train = brainpy_state.SpikeTime(5, times=times, indices=indices)
    brainstate.nn.init_all_states(train)
    spikes = run(train).astype(bool)
    assert sorted((int(i), int(j)) for i, j in np.argwhere(spikes)) == [(2, 0), (2, 3), (7, 1), (15, 4)]


def projection(kind: str, stp: Any = None) -> tuple[Any, Any]:
    neurons = brainpy_state.LIF(4, tau=20.0 * u.ms, V_th=1e6 * u.mV, V_rest=0.0 * u.mV, V_reset=0.0 * u.mV)
    tau = 5.0 * u.ms
    options: dict[str, Any] = {"post": neurons, "stp": stp}
    if kind == "post":
        options["comm"] = brainstate.nn.EventFixedProb(6, 4, 0.5, 2.0 * u.mS, seed=0)
        describe = {"syn": brainpy_state.Expon.desc(4, tau=tau), "out": brainpy_state.CUBA.desc(scale=u.volt)}
        made = brainpy_state.align_post_projection(lambda x: x, **describe, **options)
    else:
        # The synapse comes first: it sums events, which have no unit, and outputs numbers.
        options["comm"] = brainstate.nn.FixedNumConn(6, 4, 0.5, 2.0, seed=0)
        synapse = brainpy_state.Expon(6, tau=tau, g_initializer=braintools.init.ZeroInit())
        out = brainpy_state.CUBA(scale=u.mA)
        made = brainpy_state.align_pre_projection(lambda x: x, syn=synapse, out=out, **options)
    for module in (neurons, made):
        brainstate.nn.init_all_states(module)
    return made, neurons


@pytest.mark.parametrize("plastic", [False, True], ids=["static", "stp"])
@pytest.mark.parametrize("kind", ["post", "pre"])
def test_a_projection_runs(kind: str, plastic: bool) -> None:
    stp = brainpy_state.STP(6) if plastic else None
    made, neurons = projection(kind, stp)
    spikes = jnp.array([1.0, 0, 1, 0, 0, 1])

    def step(i: Any) -> Any:
        with brainstate.environ.context(i=i, t=i * brainstate.environ.get_dt()):
            made(spikes)
            neurons(0.0 * u.mA)
            return neurons.V.value

    potentials = brainstate.transform.for_loop(step, jnp.arange(10))
    found = np.asarray(potentials.to_decimal(u.mV))
    assert np.isfinite(found).all()
    assert found[-1].any()
