"""Izhikevich 2003: 1,000 neurons of many types, all connected, that generate rhythms.

    Izhikevich EM (2003). Simple model of spiking neurons. IEEE Trans. Neural Netw. 14:1569-1572,
    https://doi.org/10.1109/TNN.2003.820440, figure 3 and the program of its appendix.

A random number for each neuron places excitatory neurons between regular spiking and chattering, and inhibitory ones
between low-threshold spiking and fast spiking. Every neuron receives noise in each millisecond. The picture shows waves
of spikes at about 10 Hz (alpha) with faster ones (gamma, 40 Hz) inside. Change the noise or the inhibition.

    v' = 0.04 v^2 + 5 v + 140 - u + I,   u' = a (b v - u);   if v >= 30 mV: v <- c, u <- u + d
"""

import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import simulation

import brainevent

N_EXC, N_INH = 800, 200
DT = 1.0  # ms; v is integrated in two halves, as in the paper


class Model(NamedTuple):
    """The four parameters of each neuron, the strength of its noise, and the synapses.

    A spike adds the weight of its synapse to the input I for one millisecond.
    """

    a: jax.Array
    b: jax.Array
    c: jax.Array
    d: jax.Array
    noise: jax.Array
    synapses: brainevent.Dense  # (from, to)
    key: jax.Array


class State(NamedTuple):
    v: jax.Array  # mV
    u: jax.Array


def make_model(seed: int) -> Model:
    rng = np.random.default_rng(seed)
    exc, inh = rng.random(N_EXC), rng.random(N_INH)

    def both(of_exc: np.ndarray, of_inh: np.ndarray) -> jax.Array:
        return jnp.asarray(np.concatenate([of_exc, of_inh]), jnp.float32)

    weights = rng.random((N_EXC + N_INH, N_EXC + N_INH), np.float32)
    weights[:N_EXC] *= 0.5
    weights[N_EXC:] *= -1.0
    return Model(
        a=both(np.full(N_EXC, 0.02), 0.02 + 0.08 * inh),
        b=both(np.full(N_EXC, 0.2), 0.25 - 0.05 * inh),
        c=both(-65 + 15 * exc**2, np.full(N_INH, -65.0)),
        d=both(8 - 6 * exc**2, np.full(N_INH, 2.0)),
        noise=both(np.full(N_EXC, 5.0), np.full(N_INH, 2.0)),
        synapses=brainevent.Dense(jnp.asarray(weights)),
        key=jax.random.key(seed),
    )


def step(model: Model, state: State, number: jax.Array) -> tuple[State, tuple[jax.Array, None]]:
    fired = state.v >= 30.0
    v = jnp.where(fired, model.c, state.v)
    u = jnp.where(fired, state.u + model.d, state.u)
    noise = model.noise * jax.random.normal(jax.random.fold_in(model.key, number), v.shape)
    current = noise + brainevent.BinaryArray(fired) @ model.synapses
    for _ in range(2):
        v = v + 0.5 * DT * (0.04 * v**2 + 5 * v + 140 - u + current)
    u = u + DT * model.a * (model.b * v - u)
    return State(v, u), (fired, None)


def simulate(duration: float, seed: int = 0, progress: bool = False) -> simulation.Spikes:
    model = make_model(seed)
    v = jnp.full(N_EXC + N_INH, -65.0)
    return simulation.run(step, model, State(v, model.b * v), duration=duration, dt=DT, progress=progress)[1]


def main(arguments: list[str] | None = None) -> int:
    given = simulation.options(__doc__, duration=1000.0, picture="izhikevich.png", arguments=arguments)
    spikes, seconds = simulation.timed(lambda: simulate(given.duration, given.seed, given.progress))
    populations = {"excitatory": spikes.of(range(N_EXC)), "inhibitory": spikes.of(range(N_EXC, N_EXC + N_INH))}
    simulation.report(populations, seconds)
    simulation.save(simulation.activity(populations, every=5.0, shown=1000), given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
