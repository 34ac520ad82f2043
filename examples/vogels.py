"""Vogels 2011: inhibitory plasticity that balances a network and brings its neurons to a rate of 3 Hz.

    Vogels TP, Sprekeler H, Zenke F, Clopath C, Gerstner W (2011). Inhibitory plasticity balances excitation and
    inhibition in sensory pathways and memory networks. Science 334:1569-1573, https://doi.org/10.1126/science.1211095.

8,000 excitatory and 2,000 inhibitory neurons receive a current that makes all of them fire. Synapses from inhibitory to
excitatory neurons are plastic and start at zero, so at first nothing balances excitation. A pair of spikes within 20 ms
potentiates a synapse, in either order, and each presynaptic spike depresses it. A synapse therefore grows while its
target fires faster than TARGET, and shrinks while it fires slower. The picture shows a synchronous network that becomes
asynchronous and irregular. Change TARGET, or ETA, the learning rate.
"""

import math
import sys
from typing import NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import simulation

import brainevent

N_EXC, N_INH, PROBABILITY = 8000, 2000, 0.02
DT = 0.1 * u.ms
CAPACITANCE, G_LEAK, CURRENT = 200.0 * u.pF, 10.0 * u.nS, 200.0 * u.pA
REST, THRESHOLD, RESET, REFRACTORY = -60.0 * u.mV, -50.0 * u.mV, -60.0 * u.mV, 5.0 * u.ms
E_EXC, E_INH, TAU_EXC, TAU_INH = 0.0 * u.mV, -80.0 * u.mV, 5.0 * u.ms, 10.0 * u.ms
W_EXC, W_INH = 0.3 * u.nS, 3.0 * u.nS  # of static synapses

TAU_TRACE, TARGET = 20.0 * u.ms, 3.0 * u.Hz
W_MAX = 100.0 * u.nS
ETA = 0.01 * u.nS  # weight change for a pair of simultaneous spikes
DEPRESSION = 2 * float(TARGET * TAU_TRACE)  # balances potentiation and depression at the rate TARGET


class Model(NamedTuple):
    exc: brainevent.CSR  # (N_EXC, N_EXC + N_INH)
    inh_to_inh: brainevent.CSR


class State(NamedTuple):
    v: u.Quantity
    g_exc: u.Quantity
    g_inh: u.Quantity
    refractory: jax.Array
    spikes: jax.Array
    trace: jax.Array  # one per neuron: increases by 1 at each spike, and decays
    inh_to_exc: brainevent.CSR  # (N_INH, N_EXC), with a column index for updates after postsynaptic spikes


def make_model(seed: int) -> tuple[Model, State]:
    n, rule = N_EXC + N_INH, brainevent.connect.pairwise_bernoulli
    exc = rule(N_EXC, n, PROBABILITY, weight=W_EXC, seed=3 * seed)
    inh_to_inh = rule(N_INH, N_INH, PROBABILITY, weight=W_INH, seed=3 * seed + 1)
    learning = rule(N_INH, N_EXC, PROBABILITY, seed=3 * seed + 2)
    learning = learning.with_data(jnp.zeros(learning.nse) * u.nS).with_csc_index()
    v = np.random.default_rng(seed).uniform(-60.0, -50.0, n)
    silent = jnp.zeros(n) * u.nS
    state = State(
        v=jnp.asarray(v, jnp.float32) * u.mV,
        g_exc=silent,
        g_inh=silent,
        refractory=jnp.zeros(n, jnp.int16),
        spikes=jnp.zeros(n, bool),
        trace=jnp.zeros(n),
        inh_to_exc=learning,
    )
    return Model(exc, inh_to_inh), state


def step(model: Model, state: State, number: jax.Array) -> tuple[State, tuple[jax.Array, jax.Array]]:
    exc, inh = state.spikes[:N_EXC], state.spikes[N_EXC:]
    events = brainevent.BinaryArray(inh)
    inhibition = u.math.concatenate([events @ state.inh_to_exc, events @ model.inh_to_inh])
    g_exc = state.g_exc * math.exp(-float(DT / TAU_EXC)) + brainevent.BinaryArray(exc) @ model.exc
    g_inh = state.g_inh * math.exp(-float(DT / TAU_INH)) + inhibition

    total = G_LEAK + g_exc + g_inh
    v_infinity = (G_LEAK * REST + g_exc * E_EXC + g_inh * E_INH + CURRENT) / total
    v = state.v + (v_infinity - state.v) * (1 - u.math.exp(-DT * total / CAPACITANCE))
    refractory = jnp.where(state.spikes, round(float(REFRACTORY / DT)), jnp.maximum(state.refractory - 1, 0))
    v = u.math.where(refractory > 0, RESET, v)
    spikes = v >= THRESHOLD

    # The rule of the paper: first update the traces, then the synapses of neurons that spiked.
    trace = state.trace * math.exp(-float(DT / TAU_TRACE)) + spikes
    change = ETA * (trace[:N_EXC] - DEPRESSION)
    learning = state.inh_to_exc.update_on_pre(spikes[N_EXC:], change, 0 * u.nS, W_MAX, clip="updated")
    learning = learning.update_on_post(ETA * trace[N_EXC:], spikes[:N_EXC], 0 * u.nS, W_MAX, clip="updated")
    return State(v, g_exc, g_inh, refractory.astype(jnp.int16), spikes, trace, learning), (spikes, None)


def simulate(duration: float, seed: int = 0, progress: bool = False) -> tuple[State, simulation.Spikes]:
    model, state = make_model(seed)
    dt = float(DT.to_decimal(u.ms))
    state, spikes, _ = simulation.run(step, model, state, duration=duration, dt=dt, progress=progress)
    return state, spikes


def main(arguments: list[str] | None = None) -> int:
    given = simulation.options(__doc__, duration=5000.0, picture="vogels.png", arguments=arguments)
    (state, spikes), seconds = simulation.timed(lambda: simulate(given.duration, given.seed, given.progress))
    populations = {"excitatory": spikes.of(range(N_EXC)), "inhibitory": spikes.of(range(N_EXC, N_EXC + N_INH))}
    last = min(1000.0, given.duration / 2)
    simulation.report({name: some.after(given.duration - last) for name, some in populations.items()})
    print(f"             in the last {last:g} of {given.duration:g} ms, which took {seconds:.2f} s")
    print(f"weights      {float(state.inh_to_exc.data.mean().to_decimal(u.nS)):.2f} nS on average")
    drawn, (raster, rate) = simulation.figure(3, 1.5)
    simulation.raster(raster, populations)
    bins = np.arange(0, given.duration + 10, 10.0)
    for (name, some), color in zip(populations.items(), simulation.COLORS, strict=False):
        counts = np.histogram(some.time, bins)[0]
        rate.plot(bins[:-1] + 5, counts / some.size * 100, color=color, label=name)
    rate.axhline(float(TARGET.to_decimal(u.Hz)), color="0.4", linestyle=":", label="target")
    rate.set(ylabel="rate (Hz)", yscale="log")
    rate.legend(frameon=False, loc="upper right")
    simulation.save(drawn, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
