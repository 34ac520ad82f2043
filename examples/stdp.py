"""STDP and homeostasis: synapses that compete, and neurons that keep their firing rate.

    Song S, Miller KD, Abbott LF (2000). Competitive Hebbian learning through spike-timing-dependent synaptic
    plasticity. Nature Neuroscience 3:919-926, https://doi.org/10.1038/78829; synaptic scaling: van Rossum MCW, Bi GQ,
    Turrigiano GG (2000). Stable Hebbian learning from spike timing-dependent plasticity. J. Neurosci. 20:8812-8821,
    https://doi.org/10.1523/JNEUROSCI.20-23-08812.2000.

20 neurons receive 1,000 Poisson inputs each. Half of the inputs are correlated: their rates change together every
20 ms. A synapse is potentiated if its spike comes before a spike of the neuron, and depressed if it comes after. The
correlated inputs win the competition, because they make the neuron fire. At each SCALING interval, each neuron also
scales all its synapses up if its rate is below TARGET, and down if it is above. (In the brain this takes days; here it
is as fast as the learning.) The picture shows the mean weight of both halves, the rate, and the final weights. Change
CORRELATION, or switch scaling off with STRENGTH = 0.
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

INPUTS, NEURONS = 1000, 20
DT = 0.5 * u.ms
REST, THRESHOLD, RESET, E_EXC = -70.0 * u.mV, -54.0 * u.mV, -60.0 * u.mV, 0.0 * u.mV
TAU_M, TAU_EXC = 20.0 * u.ms, 5.0 * u.ms  # conductances are relative to the leak conductance

RATE, CORRELATION, TOGETHER = 12.0 * u.Hz, 0.8, 20.0 * u.ms  # of inputs; variation and time scale of correlated rates
W_MAX, A_PLUS, DEPRESSION, TAU_STDP = 0.015, 0.01, 1.05, 20.0 * u.ms
TARGET, TAU_RATE = 15.0 * u.Hz, 2000.0 * u.ms
SCALING, STRENGTH = 200.0 * u.ms, 0.02


class State(NamedTuple):
    v: u.Quantity
    g: jax.Array
    pre_trace: jax.Array
    post_trace: jax.Array
    rate: u.Quantity  # of each neuron, averaged over TAU_RATE
    means: jax.Array  # mean weight of both halves of the inputs at the last scaling, in units of W_MAX
    synapses: brainevent.FixedPostNumConn  # (INPUTS, NEURONS), all to all


def make_state(seed: int) -> State:
    weights = np.random.default_rng(seed).uniform(0, W_MAX, (INPUTS, NEURONS)).astype(np.float32)
    targets = np.tile(np.arange(NEURONS, dtype=np.uint8), (INPUTS, 1))
    none = jnp.zeros(NEURONS)
    return State(
        v=(none + 1) * REST,
        g=none,
        pre_trace=jnp.zeros(INPUTS),
        post_trace=none,
        rate=none * u.Hz + TARGET,
        means=jnp.full(2, 0.5),
        synapses=brainevent.FixedPostNumConn(weights, targets, shape=(INPUTS, NEURONS)).with_csc_index(),
    )


def inputs(key: jax.Array, number: jax.Array) -> jax.Array:
    """Spikes of the inputs; the second half share a rate that changes every 20 ms."""
    common = jax.random.fold_in(key, -1 - number // round(float(TOGETHER / DT)))
    together = 1 + CORRELATION * jax.random.rademacher(common, ())
    rates = RATE * jnp.where(jnp.arange(INPUTS) < INPUTS // 2, 1.0, together)
    return simulation.uniform(jax.random.fold_in(key, number), INPUTS) < rates * DT


def step(key: jax.Array, state: State, number: jax.Array) -> tuple[State, tuple[jax.Array, tuple[jax.Array, ...]]]:
    pre = inputs(key, number)
    g = state.g * math.exp(-float(DT / TAU_EXC)) + brainevent.BinaryArray(pre) @ state.synapses
    v_infinity = (REST + g * E_EXC) / (1 + g)
    v = v_infinity + (state.v - v_infinity) * jnp.exp(-float(DT / TAU_M) * (1 + g))
    post = v >= THRESHOLD
    v = u.math.where(post, RESET, v)

    # Update the traces, then the synapses of neurons that spiked; the cost scales with the number of spikes.
    decay = math.exp(-float(DT / TAU_STDP))
    pre_trace, post_trace = state.pre_trace * decay + pre, state.post_trace * decay + post
    a_plus, a_minus = A_PLUS * W_MAX, -DEPRESSION * A_PLUS * W_MAX
    synapses = state.synapses.update_on_pre(pre, a_minus * post_trace, 0.0, W_MAX, clip="updated")
    synapses = synapses.update_on_post(a_plus * pre_trace, post, 0.0, W_MAX, clip="updated")

    # Scaling reads all synapses, so it is done rarely.
    rate = state.rate + (post / DT - state.rate) * float(DT / TAU_RATE)

    def scale(weights: jax.Array) -> tuple[jax.Array, jax.Array]:
        weights = jnp.clip(weights * (1 + STRENGTH * (1 - rate / TARGET)), 0.0, W_MAX)
        return weights, weights.reshape(2, -1).mean(axis=1) / W_MAX

    due = number % round(float(SCALING / DT)) == 0
    weights, means = jax.lax.cond(due, scale, lambda weights: (weights, state.means), synapses.data)
    state = State(v, g, pre_trace, post_trace, rate, means, synapses.with_data(weights))
    return state, (post, (means, rate.mean().to_decimal(u.Hz)))


def simulate(duration: float, seed: int = 0, progress: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The final weights; in each step the mean weights of both halves, in W_MAX, and the rate, in Hz."""
    dt = float(DT.to_decimal(u.ms))
    state, _, (means, rates) = simulation.run(
        step, jax.random.key(seed), make_state(seed), duration=duration, dt=dt, progress=progress, chunk=2000
    )
    return np.asarray(state.synapses.data) / W_MAX, means, rates


def main(arguments: list[str] | None = None) -> int:
    given = simulation.options(__doc__, duration=40_000.0, picture="stdp.png", arguments=arguments)
    (weights, means, rates), seconds = simulation.timed(lambda: simulate(given.duration, given.seed, given.progress))
    halves = dict(zip(["independent", "correlated"], weights.reshape(2, -1), strict=True))
    print(f"rate         {rates[-1]:.1f} Hz on average; the target is {float(TARGET.to_decimal(u.Hz)):g} Hz")
    for name, some in halves.items():
        print(f"{name:12} {some.mean():.2f} of the largest weight on average, {(some > 0.5).mean():.0%} above a half")
    print(f"time         {seconds:.2f} s for {given.duration / 1000:g} s of biological time")
    drawn, (learning, rate) = simulation.figure(1.5, 1)
    time = np.arange(1, rates.size + 1) * float(DT.to_decimal(u.ms))
    for name, some, mean, color in zip(halves, halves.values(), means.T, simulation.COLORS[1::-1], strict=True):
        learning.plot(time, mean, color=color, label=name)
        distribution = learning.inset_axes((0.68 if name == "correlated" else 0.35, 0.65, 0.27, 0.25))
        distribution.hist(some, np.linspace(0, 1, 21), color=color)
        distribution.set(yticks=[], xticks=[0, 1])
        distribution.set_title(f"{name}, at the end", fontsize="small")
    learning.set(ylabel="mean weight", ylim=(0, 1.2))
    learning.legend(frameon=False, loc="upper left")
    rate.plot(time, rates, color="0.3")
    rate.axhline(float(TARGET.to_decimal(u.Hz)), color="0.4", linestyle=":")
    rate.set_ylabel("rate (Hz)")
    simulation.save(drawn, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
