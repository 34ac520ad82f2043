"""COBA: a self-sustained network of 4,000 integrate-and-fire neurons.

The model is benchmark 1 of

    Brette R, Rudolph M, Carnevale T, et al. (2007). Simulation of networks of spiking neurons: a review of tools and
    strategies. J. Comput. Neurosci. 23:349-398, https://doi.org/10.1007/s10827-007-0038-6 ("the paper" below),

which took it from

    Vogels TP, Abbott LF (2005). Signal propagation and logic gating in networks of integrate-and-fire neurons.
    J. Neurosci. 25:10786-10795, https://doi.org/10.1523/JNEUROSCI.3508-05.2005.

3,200 excitatory and 800 inhibitory neurons are connected at random with probability 2 %. There is no external input.
Excitation and inhibition balance, and the network fires irregularly at about 20 Hz. Successive interspike intervals are
nearly as irregular as those of a Poisson process (CV2 near 0.8). The rate of each neuron also drifts, in bursts of
100 ms and more, so the CV over all its intervals is even larger (near 1.6).

Run it with ``python -m brainevent demo``, or as a script; ``--help`` lists the options. To build your own network, copy
this file and change the parameters, the connectivity, the initial state and the step, in this order.
"""

import contextlib
import math
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import brainunit as u
import coba_options
import coba_report
import jax
import jax.numpy as jnp
import numpy as np

import brainevent

# --- The model --------------------------------------------------------------------------------------------------------


class Parameters(NamedTuple):
    """The parameters of benchmark 1 (Appendix 2 of the paper), with their units."""

    n_exc: int = 3200
    n_inh: int = 800
    connection_probability: float = 0.02

    dt: u.Quantity = 0.1 * u.ms

    capacitance: u.Quantity = 200.0 * u.pF  # 1 uF/cm2 on 20,000 um2
    g_leak: u.Quantity = 10.0 * u.nS  # hence a membrane time constant of 20 ms
    e_leak: u.Quantity = -60.0 * u.mV
    v_threshold: u.Quantity = -50.0 * u.mV
    v_reset: u.Quantity = -60.0 * u.mV
    refractory_period: u.Quantity = 5.0 * u.ms

    e_exc: u.Quantity = 0.0 * u.mV
    e_inh: u.Quantity = -80.0 * u.mV
    tau_exc: u.Quantity = 5.0 * u.ms
    tau_inh: u.Quantity = 10.0 * u.ms
    w_exc: u.Quantity = 6.0 * u.nS  # added to the conductance of the targets of a spike
    w_inh: u.Quantity = 67.0 * u.nS

    @property
    def n(self) -> int:
        return self.n_exc + self.n_inh

    def scaled(self, scale: float) -> "Parameters":
        """The network with `scale` times the neurons, each with as many inputs as before: 64 excitatory, 16 inhibitory.

        The probability of a connection goes down as the network grows: with a constant probability the input of every
        neuron would grow too, and the network would no longer fire at the rates of the paper.
        """
        return self._replace(
            n_exc=round(self.n_exc * scale),
            n_inh=round(self.n_inh * scale),
            connection_probability=self.connection_probability / scale,
        )


class State(NamedTuple):
    """The state of the network: one value per neuron, excitatory neurons first."""

    v: u.Quantity  # membrane potential
    g_exc: u.Quantity  # excitatory conductance
    g_inh: u.Quantity  # inhibitory conductance
    refractory: jax.Array  # steps until the neuron can fire again; 16 bits save memory bandwidth
    spikes: jax.Array  # bool: whether the neuron fired in the last step


class Network(NamedTuple):
    parameters: Parameters
    exc: brainevent.CSR  # (n_exc, n): row i holds the synapses that excitatory neuron i makes
    inh: brainevent.CSR  # (n_inh, n)
    state: State  # at time 0


def make_network(scale: float = 1.0, seed: int = 0, dtype: Any = jnp.float32) -> Network:
    """Draw connectivity and initial state; the same seed gives the same network on every machine and backend."""
    p = Parameters().scaled(scale)
    rng = np.random.default_rng(seed)

    # All synapses of a population have the same weight, so each matrix stores it once.
    exc_targets, exc_pointers = random_targets(rng, range(p.n_exc), p.n, p.connection_probability)
    inh_targets, inh_pointers = random_targets(rng, range(p.n_exc, p.n), p.n, p.connection_probability)
    exc = brainevent.CSR((as_array(p.w_exc, dtype), exc_targets, exc_pointers), shape=(p.n_exc, p.n))
    inh = brainevent.CSR((as_array(p.w_inh, dtype), inh_targets, inh_pointers), shape=(p.n_inh, p.n))
    return Network(p, exc, inh, initial_state(p, rng, dtype))


def random_targets(
    rng: np.random.Generator, sources: range, n: int, probability: float
) -> tuple[np.ndarray, np.ndarray]:
    """Connect every source to each of the n neurons except itself with the given probability; CSR indices and pointers.

    Trying each of the n * len(sources) pairs would be slow in a large network. The distance from one connected pair to
    the next is geometrically distributed, so distances are drawn instead: the same distribution, one draw per synapse.
    """
    others = n - 1
    pairs = len(sources) * others
    expected = pairs * probability
    steps = rng.geometric(probability, size=int(expected + 6 * math.sqrt(expected) + 10))
    position = np.cumsum(steps) - 1
    while position[-1] < pairs:
        position = np.append(position, position[-1] + np.cumsum(rng.geometric(probability, size=1000)))
    position = position[position < pairs]

    row, target = np.divmod(position, others)
    target += target >= row + sources.start  # skips the neuron itself
    pointers = np.searchsorted(row, np.arange(len(sources) + 1))
    return target.astype(np.int32), pointers.astype(np.int32)


def initial_state(p: Parameters, rng: np.random.Generator, dtype: Any) -> State:
    """A state from which activity sustains itself; without initial activity, the network would stay silent.

    Implementations of this benchmark use random input for the first 50 ms, or random initial conductances, as here.
    Each conductance is drawn from a normal distribution, cut off at zero, with the mean and the variance that it has
    while every synapse receives Poisson spikes at 5 Hz: by Campbell's theorem, k r tau w and k r tau w^2 / 2 for k
    synapses of strength w and rate r. (If it starts at its final rate of about 20 Hz, the network falls silent within
    50 ms.)
    The membrane potential is uniform between reset and threshold, and every neuron can fire.
    """
    rate = 5.0 * u.Hz

    def conductance(sources: int, tau: u.Quantity, weight: u.Quantity) -> u.Quantity:
        overlapping = sources * p.connection_probability * float(rate * tau)  # spikes within tau
        drawn = overlapping + math.sqrt(overlapping / 2) * rng.standard_normal(p.n)
        return as_array(np.maximum(drawn, 0.0) * weight, dtype)

    return State(
        v=as_array(p.v_reset + rng.random(p.n) * (p.v_threshold - p.v_reset), dtype),
        g_exc=conductance(p.n_exc, p.tau_exc, p.w_exc),
        g_inh=conductance(p.n_inh, p.tau_inh, p.w_inh),
        refractory=jnp.zeros(p.n, jnp.int16),
        spikes=jnp.zeros(p.n, bool),
    )


def step(p: Parameters, exc: brainevent.CSR, inh: brainevent.CSR, state: State) -> State:
    """Advance by dt.

    Conductances decay exponentially and jump at spikes, which arrive one step after they were fired; both are exact on
    the grid. The membrane equation of the paper,

        C dV/dt = g_leak (E_leak - V) + g_e (E_e - V) + g_i (E_i - V),

    is linear in V: it is solved exactly with the conductances held constant during the step (exponential Euler), stable
    however large they become.
    """
    spikes_exc = brainevent.BinaryArray(state.spikes[: p.n_exc])
    spikes_inh = brainevent.BinaryArray(state.spikes[p.n_exc :])
    g_exc = state.g_exc * math.exp(-p.dt / p.tau_exc) + spikes_exc @ exc
    g_inh = state.g_inh * math.exp(-p.dt / p.tau_inh) + spikes_inh @ inh

    g_total = p.g_leak + g_exc + g_inh
    v_infinity = (p.g_leak * p.e_leak + g_exc * p.e_exc + g_inh * p.e_inh) / g_total
    # v_infinity is used only once, so XLA fuses these operations instead of writing it to memory.
    v = state.v + (v_infinity - state.v) * (1 - u.math.exp(-p.dt * g_total / p.capacitance))

    # A neuron that fired is reset at the beginning of the next step, and clamped while it is refractory.
    steps_refractory = jnp.int16(n_steps(p.refractory_period, p.dt))
    refractory = jnp.where(state.spikes, steps_refractory, jnp.maximum(state.refractory - 1, 0))
    v = u.math.where(refractory > 0, p.v_reset, v)
    return State(v, g_exc, g_inh, refractory, spikes=v >= p.v_threshold)


def as_array(quantity: u.Quantity, dtype: Any) -> u.Quantity:
    """A quantity that holds a JAX array of the given dtype."""
    unit = u.get_unit(quantity)
    return jnp.asarray(quantity.to_decimal(unit), dtype) * unit


def n_steps(duration: u.Quantity, dt: u.Quantity) -> int:
    return round(float(duration / dt))


# --- The simulation ---------------------------------------------------------------------------------------------------


class Recording(NamedTuple):
    spike_times: u.Quantity  # of all spikes, in order
    spike_neurons: np.ndarray  # the neuron of each spike
    v_times: u.Quantity
    v: u.Quantity  # (times, neurons): the membrane potentials of the neurons below, after every step
    v_neurons: range
    compile_seconds: float
    run_seconds: float
    kernels: list[str]  # the backends of the kernels that ran
    state: State  # at the end


def simulate(
    network: Network, duration: u.Quantity, on_progress: Callable[[u.Quantity], None] = lambda elapsed: None
) -> Recording:
    """Run for `duration`, and call `on_progress(elapsed)` after each chunk.

    The time steps are compiled into one loop that never returns to Python. It runs in chunks of at most 50 ms, after
    each of which the spikes of all neurons come back as one array of booleans.
    """
    p, exc, inh, state = network
    steps = n_steps(duration, p.dt)
    chunks = math.ceil(steps / min(500, max(1, 20_000_000 // p.n)))  # 20 MB of booleans
    chunk = math.ceil(steps / chunks)  # the last chunk runs up to `chunks` steps too long; these are cut off below
    v_neurons = range(p.n_exc - 10, p.n_exc + 10)  # ten of each population, contiguous and therefore cheap to copy

    def run(exc: brainevent.CSR, inh: brainevent.CSR, state: State) -> tuple[State, tuple[jax.Array, u.Quantity]]:
        def record_step(state: State, _: None) -> tuple[State, tuple[jax.Array, u.Quantity]]:
            state = step(p, exc, inh, state)
            return state, (state.spikes, state.v[v_neurons.start : v_neurons.stop])

        return jax.lax.scan(record_step, state, length=chunk)

    # The matrices are arguments, because large constants would slow down the compilation.
    started = time.perf_counter()
    with brainevent.get_registry().record() as records:
        compiled = jax.jit(run).lower(exc, inh, state).compile()
    compile_seconds = time.perf_counter() - started

    events, v = [], []  # an event is a number: step * n + neuron
    started = time.perf_counter()
    for first_step in range(0, chunks * chunk, chunk):
        state, (chunk_spikes, chunk_v) = compiled(exc, inh, state)
        events.append(np.flatnonzero(chunk_spikes) + first_step * p.n)
        v.append(np.asarray(chunk_v.to_decimal(u.mV)))
        on_progress(min(first_step + chunk, steps) * p.dt)
    run_seconds = time.perf_counter() - started

    spike_steps, spike_neurons = np.divmod(np.concatenate(events), p.n)
    within = spike_steps < steps
    return Recording(
        spike_times=(spike_steps[within] + 1) * p.dt,
        spike_neurons=spike_neurons[within],
        v_times=np.arange(1, steps + 1) * p.dt,
        v=np.concatenate(v)[:steps] * u.mV,
        v_neurons=v_neurons,
        compile_seconds=compile_seconds,
        run_seconds=run_seconds * steps / (chunks * chunk),
        kernels=sorted({f"{r.primitive} on {r.platform}: {r.backend}" for r in records}),
        state=state,
    )


# --- The command ------------------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    options = coba_options.parse(arguments, Parameters())
    duration = options.duration * u.ms

    with coba_options.clear_errors():
        import coba_plot  # needs matplotlib, which the simulation doesn't

        started = time.perf_counter()
        network = make_network(options.scale, options.seed)
        coba_report.print_network(network, build_seconds=time.perf_counter() - started)

        backend = brainevent.use_backend(options.backend) if options.backend else contextlib.nullcontext()
        with backend, coba_report.progress_bar(duration, hidden=options.no_progress) as on_progress:
            recording = simulate(network, duration, on_progress)
        coba_report.print_recording(recording, network.parameters, duration)

        coba_plot.draw(recording, network.parameters, duration).savefig(options.output)
    print(f"picture     {options.output.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
