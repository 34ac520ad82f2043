"""An ensemble under `vmap`: one network with many strengths of inhibition and input, in one compiled call.

    Brunel N (2000). Dynamics of sparsely connected networks of excitatory and inhibitory spiking neurons. J. Comput.
    Neurosci. 8:183-208, https://doi.org/10.1023/A:1008925309027.

All members of the ensemble have the same connections, which are stored only once, and the same noise. They differ in
two parameters: the relative strength of inhibition (g), and the rate of the external input, relative to the rate that
just brings a neuron to its threshold. The picture shows the mean rate of each member. If excitation dominates (g < 4),
neurons fire at hundreds of hertz. If inhibition dominates, the network is balanced, and its rate follows the curves,
which are the paper's prediction from mean inputs. Change the lists G and EXTERNAL, or map over another parameter by
adding it to the arguments of `rate`.
"""

import math
import sys

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import simulation
from matplotlib.figure import Figure

import brainevent

N_EXC, N_INH, INPUTS_EXC, INPUTS_INH = 1600, 400, 400, 100
DT = 0.1 * u.ms
TAU, THRESHOLD, RESET, REFRACTORY = 20.0 * u.ms, 20.0 * u.mV, 10.0 * u.mV, 2.0 * u.ms
J, DELAY = 0.2 * u.mV, 1.5 * u.ms
G, EXTERNAL = np.linspace(3.0, 7.0, 9), np.array([1.5, 2.0, 3.0, 4.0])


class Model:
    """Excitatory and inhibitory connections, with a weight of 1, for all members."""

    def __init__(self, seed: int) -> None:
        n, rule = N_EXC + N_INH, brainevent.connect.fixed_indegree
        self.exc = rule(N_EXC, n, INPUTS_EXC, weight=1.0, seed=2 * seed)
        self.inh = rule(N_INH, n, INPUTS_INH, weight=1.0, seed=2 * seed + 1)
        self.key = jax.random.key(seed)


def rate(model: Model, g: jax.Array, external: jax.Array, duration: float) -> jax.Array:
    """The mean rate of one member, in Hz, over the second half of a simulation."""
    n, steps, delay = N_EXC + N_INH, round(duration / float(DT.to_decimal(u.ms))), round(float(DELAY / DT))
    weights = model.exc * J, model.inh * (-g * J)
    mean = external * float(THRESHOLD.to_decimal(u.mV)) / float(TAU / DT)  # external input per step, in mV
    size = float(J.to_decimal(u.mV))

    def step(state, number):
        v, refractory, late = state  # late: a ring buffer of the spikes of the last steps
        arriving = late[number % delay]
        v = v * math.exp(-float(DT / TAU))
        v = v + brainevent.BinaryArray(arriving[:N_EXC]) @ weights[0]
        v = v + brainevent.BinaryArray(arriving[N_EXC:]) @ weights[1]
        noise = jax.random.normal(jax.random.fold_in(model.key, number), (n,))
        v = v + (mean + jnp.sqrt(mean * size) * noise) * u.mV  # Gaussian approximation of many Poisson spikes of size J
        v = u.math.where(refractory > 0, RESET, v)
        spikes = v >= THRESHOLD
        refractory = jnp.where(spikes, round(float(REFRACTORY / DT)), jnp.maximum(refractory - 1, 0))
        return (u.math.where(spikes, RESET, v), refractory, late.at[number % delay].set(spikes)), spikes.sum()

    v = jax.random.uniform(jax.random.fold_in(model.key, steps), (n,)) * THRESHOLD
    state = v, jnp.zeros(n, jnp.int32), jnp.zeros((delay, n), bool)
    _, counts = jax.lax.scan(step, state, jnp.arange(steps))
    return counts[steps // 2 :].mean() / n / float(DT.to_decimal(u.second))


def rates(model: Model, g: np.ndarray, external: np.ndarray, duration: float) -> np.ndarray:
    """The rates of all members, (external, g)."""

    def member(g: jax.Array, external: jax.Array) -> jax.Array:
        return rate(model, g, external, duration)

    by_g = jax.vmap(member, in_axes=(0, None))
    return np.asarray(jax.jit(jax.vmap(by_g, in_axes=(None, 0)))(jnp.asarray(g), jnp.asarray(external)))


def balanced(g: np.ndarray, external: np.ndarray) -> np.ndarray:
    """Brunel's rate for dominant inhibition, in Hz, at which the mean input is at the threshold."""
    threshold = float((THRESHOLD / (J * TAU)).to_decimal(u.Hz)) / INPUTS_EXC  # per input
    return threshold * (external[:, None] - 1) / (g * INPUTS_INH / INPUTS_EXC - 1)


def main(arguments: list[str] | None = None) -> int:
    given = simulation.options(__doc__, duration=200.0, picture="ensemble.png", arguments=arguments)
    found, seconds = simulation.timed(lambda: rates(Model(given.seed), G, EXTERNAL, given.duration))
    print(f"members      {found.size}, of {N_EXC + N_INH:,} neurons, {given.duration:g} ms each, in {seconds:.1f} s")
    drawn = Figure(figsize=(9, 4), dpi=120, layout="constrained", facecolor="white")
    axes = drawn.subplots()
    fine = np.linspace(4.3, G[-1], 100)
    for one, line, color, external in zip(found, balanced(fine, EXTERNAL), simulation.COLORS, EXTERNAL, strict=True):
        print(f"input {external:g}    " + ", ".join(f"{value:.0f}" for value in one) + " Hz")
        axes.semilogy(G, one, "o", color=color, label=f"input {external:g}")
        axes.semilogy(fine, line, color=color, linewidth=1)
    axes.axvline(INPUTS_EXC / INPUTS_INH, color="0.7", linestyle=":")
    axes.set(xlabel="strength of inhibition (g)", ylabel="rate (Hz)", ylim=(1, 600))
    axes.legend(frameon=False)
    simulation.save(drawn, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
