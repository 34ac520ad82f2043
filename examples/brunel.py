"""Brunel 2000: the four states of a network of excitatory and inhibitory neurons.

    Brunel N (2000). Dynamics of sparsely connected networks of excitatory and inhibitory spiking neurons. J. Comput.
    Neurosci. 8:183-208, https://doi.org/10.1023/A:1008925309027, figure 8.

10,000 excitatory and 2,500 inhibitory neurons each receive 1,000 excitatory and 250 inhibitory inputs from the network,
and 1,000 excitatory inputs from outside. Two parameters determine the state of the network: the relative strength of
inhibition (g), and the rate of the external input, relative to the rate that just brings a neuron to its threshold. The
picture shows the last 200 ms of four networks: synchronous regular (A), fast synchronous irregular (B), asynchronous
irregular (C), and slow synchronous irregular (D).

    tau v' = -v; a spike from the network arrives after DELAY and changes v by J, or by -g J
"""

import functools
import math
import sys
from typing import NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import simulation

import brainevent

N_EXC, N_INH, INPUTS_EXC, INPUTS_INH = 10_000, 2_500, 1_000, 250
DT = 0.1 * u.ms
TAU, THRESHOLD, RESET, REFRACTORY = 20.0 * u.ms, 20.0 * u.mV, 10.0 * u.mV, 2.0 * u.ms
J, DELAY = 0.1 * u.mV, 1.5 * u.ms


class Regime(NamedTuple):
    g: float  # relative strength of inhibition
    external: float  # rate of the external input, relative to the threshold rate


REGIMES = {"A": Regime(3.0, 2.0), "B": Regime(6.0, 4.0), "C": Regime(5.0, 2.0), "D": Regime(4.5, 0.9)}


class Model(NamedTuple):
    exc: brainevent.CSR  # (N_EXC, N)
    inh: brainevent.CSR  # (N_INH, N)
    key: jax.Array


class State(NamedTuple):
    v: u.Quantity
    refractory: jax.Array
    ring: brainevent.DelayRing  # input that arrives in the next steps


def make_model(seed: int) -> Model:
    n, rule, delay = N_EXC + N_INH, brainevent.connect.fixed_indegree, brainevent.steps(DELAY, DT)
    return Model(
        exc=rule(N_EXC, n, INPUTS_EXC, weight=J, delay=delay, seed=2 * seed),
        inh=rule(N_INH, n, INPUTS_INH, weight=-J, delay=delay, seed=2 * seed + 1),
        key=jax.random.key(seed),
    )


def step(regime: Regime, model: Model, state: State, number: jax.Array) -> tuple[State, tuple[jax.Array, None]]:
    fires = float(THRESHOLD / (J * INPUTS_EXC * TAU) * DT)  # spikes per input and step that just make a neuron fire
    draw = simulation.uniform(jax.random.fold_in(model.key, number), state.v.shape[0])
    outside = simulation.poisson(draw, regime.external * fires * INPUTS_EXC)

    # Spikes that arrive now have an effect in this step, so the ring advances after the new spikes were added.
    v = state.v * math.exp(-float(DT / TAU)) + state.ring.now + J * outside
    v = u.math.where(state.refractory > 0, RESET, v)
    spikes = v >= THRESHOLD
    v = u.math.where(spikes, RESET, v)
    refractory = jnp.where(spikes, round(float(REFRACTORY / DT)), jnp.maximum(state.refractory - 1, 0))

    ring = state.ring.add(brainevent.BinaryArray(spikes[:N_EXC]), model.exc)
    _, ring = ring.add(brainevent.BinaryArray(spikes[N_EXC:]), regime.g * model.inh).pop()
    return State(v, refractory.astype(jnp.int8), ring), (spikes, None)


def simulate(regime: Regime, model: Model, duration: float, progress: bool = False) -> simulation.Spikes:
    n = N_EXC + N_INH
    v = np.random.default_rng(0).uniform(0, float(THRESHOLD.to_decimal(u.mV)), n)
    ring = brainevent.DelayRing(brainevent.steps(DELAY, DT) + 1, n, unit=u.mV)
    state = State(jnp.asarray(v, jnp.float32) * u.mV, jnp.zeros(n, jnp.int8), ring)
    dt = float(DT.to_decimal(u.ms))
    return simulation.run(functools.partial(step, regime), model, state, duration=duration, dt=dt, progress=progress)[1]


def main(arguments: list[str] | None = None) -> int:
    given = simulation.options(__doc__, duration=400.0, picture="brunel.png", arguments=arguments)
    model = make_model(given.seed)
    last = given.duration / 2
    drawn, axes = simulation.figure(*[0.8, 0.5] * len(REGIMES))
    for position, (name, regime) in enumerate(REGIMES.items()):
        spikes = simulate(regime, model, given.duration, given.progress).after(given.duration - last)
        title = f"{name}: g = {regime.g:g}, input {regime.external:g}"
        simulation.report({title: spikes})
        raster, rate = axes[2 * position : 2 * position + 2]
        simulation.raster(raster, {"": spikes}, shown=50)
        raster.set_title(title, loc="left", fontsize="medium")
        counts, edges = np.histogram(spikes.time, np.arange(0, last + 0.5, 0.5))
        rate.stairs(counts / spikes.size * 2000, edges, color="0.4", fill=True)
        rate.set_ylabel("rate (Hz)")
    simulation.save(drawn, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
