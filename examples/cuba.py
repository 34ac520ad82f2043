"""CUBA: 4,000 integrate-and-fire neurons with current-based synapses.

Benchmark 2 of

    Brette R, Rudolph M, Carnevale T, et al. (2007). Simulation of networks of spiking neurons: a review of tools and
    strategies. J. Comput. Neurosci. 23:349-398, https://doi.org/10.1007/s10827-007-0038-6,

after Vogels and Abbott (2005). A spike changes the current of its targets by the same amount, whatever their potential.
The equations are therefore linear between spikes, and are solved exactly. The resting potential is above the threshold,
so every neuron would fire by itself, but inhibition balances the network at a few irregular spikes per second. If you
make inhibition weaker (W_INH), the network fires at its maximal rate.

    tau_m v' = (E - v) + g_e + g_i,   tau_e g_e' = -g_e,   tau_i g_i' = -g_i
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

N_EXC, N_INH, PROBABILITY = 3200, 800, 0.02
DT = 0.1 * u.ms
TAU_M, TAU_EXC, TAU_INH = 20.0 * u.ms, 5.0 * u.ms, 10.0 * u.ms
REST, THRESHOLD, RESET = -49.0 * u.mV, -50.0 * u.mV, -60.0 * u.mV
REFRACTORY = 5.0 * u.ms
W_EXC, W_INH = 1.62 * u.mV, -9.0 * u.mV  # added to g of the targets of a spike


class Model(NamedTuple):
    exc: brainevent.CSR  # (N_EXC, N)
    inh: brainevent.CSR  # (N_INH, N)


class State(NamedTuple):
    v: u.Quantity
    g_exc: u.Quantity
    g_inh: u.Quantity
    refractory: jax.Array  # steps until a neuron can fire again
    spikes: jax.Array


def make_model(seed: int) -> Model:
    n = N_EXC + N_INH
    rule = brainevent.connect.pairwise_bernoulli
    return Model(
        rule(N_EXC, n, PROBABILITY, weight=W_EXC, seed=2 * seed),
        rule(N_INH, n, PROBABILITY, weight=W_INH, seed=2 * seed + 1),
    )


def initial_state(seed: int) -> State:
    n = N_EXC + N_INH
    v = RESET + np.random.default_rng(seed).random(n).astype(np.float32) * (THRESHOLD - RESET)
    silent = jnp.zeros(n) * u.mV
    return State(jnp.asarray(v.to_decimal(u.mV)) * u.mV, silent, silent, jnp.zeros(n, jnp.int16), jnp.zeros(n, bool))


def step(model: Model, state: State, number: jax.Array) -> tuple[State, tuple[jax.Array, None]]:
    """Advance by DT, with the exact solution for v, g_exc and g_inh."""
    g_exc = state.g_exc + brainevent.BinaryArray(state.spikes[:N_EXC]) @ model.exc
    g_inh = state.g_inh + brainevent.BinaryArray(state.spikes[N_EXC:]) @ model.inh
    v = REST + (state.v - REST) * left_of(TAU_M) + g_exc * reaches_v(TAU_EXC) + g_inh * reaches_v(TAU_INH)
    refractory = jnp.where(state.spikes, round(float(REFRACTORY / DT)), jnp.maximum(state.refractory - 1, 0))
    v = u.math.where(refractory > 0, RESET, v)
    spikes = v > THRESHOLD
    new = State(v, g_exc * left_of(TAU_EXC), g_inh * left_of(TAU_INH), refractory.astype(jnp.int16), spikes)
    return new, (spikes, None)


def left_of(tau: u.Quantity) -> float:
    """The decay factor for DT."""
    return math.exp(-float(DT / tau))


def reaches_v(tau: u.Quantity) -> float:
    """The contribution of g to v after DT."""
    return float(tau / (tau - TAU_M)) * (left_of(tau) - left_of(TAU_M))


def simulate(duration: float, seed: int = 0, progress: bool = False) -> simulation.Spikes:
    dt = float(DT.to_decimal(u.ms))
    return simulation.run(step, make_model(seed), initial_state(seed), duration=duration, dt=dt, progress=progress)[1]


def main(arguments: list[str] | None = None) -> int:
    given = simulation.options(__doc__, duration=1000.0, picture="cuba.png", arguments=arguments)
    spikes, seconds = simulation.timed(lambda: simulate(given.duration, given.seed, given.progress))
    populations = {"excitatory": spikes.of(range(N_EXC)), "inhibitory": spikes.of(range(N_EXC, N_EXC + N_INH))}
    simulation.report(populations, seconds)
    simulation.save(simulation.activity(populations, every=5.0), given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
