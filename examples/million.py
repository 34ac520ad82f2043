"""A million neurons with a thousand synapses each: a billion synapses, generated on the fly and stored nowhere.

The network of Brunel (2000, J. Comput. Neurosci. 8:183–208, model A): leaky integrate-and-fire neurons, four fifths of
them excitatory, any two connected with the same probability, delta synapses with a delay. Inhibition dominates, and the
neurons fire irregularly and asynchronously. The external input is its mean.

    python examples/million.py

prints the firing rate, the time of a step and the peak of memory.
"""

import argparse
import math
import resource
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp

import brainevent

STEP = 0.1 * u.ms
DELAY = 15  # steps
REFRACTORY = 20  # steps
MEMBRANE = 20.0 * u.ms
THRESHOLD = 20.0 * u.mV
RESET = 10.0 * u.mV
EXCITATORY = 0.1 * u.mV
INHIBITORY = -0.5 * u.mV
DRIVE = 40.0 * u.mV  # twice what brings a neuron to its threshold


class Network(NamedTuple):
    """Synapses of both populations."""

    excitatory: brainevent.JITCScalarR
    inhibitory: brainevent.JITCScalarR


class State(NamedTuple):
    """Potentials, steps since the last spike (up to REFRACTORY), ring buffer of delayed spikes, (DELAY, neurons)."""

    potential: u.Quantity
    since: jax.Array
    delayed: jax.Array


def make_network(neurons: int, synapses: int, seed: int) -> Network:
    """Every neuron receives ``synapses`` synapses on average, from any neuron with the same probability."""
    excitatory = neurons * 4 // 5
    common = {"num_post": neurons, "prob": synapses / neurons}
    return Network(
        brainevent.JITCScalarR(weight=EXCITATORY, num_pre=excitatory, seed=2 * seed, **common),
        brainevent.JITCScalarR(weight=INHIBITORY, num_pre=neurons - excitatory, seed=2 * seed + 1, **common),
    )


def make_state(neurons: int, seed: int) -> State:
    """Potentials uniform below the threshold, no delayed spikes."""
    potential = jax.random.uniform(jax.random.key(seed), (neurons,)) * THRESHOLD
    return State(potential, jnp.full(neurons, REFRACTORY, jnp.int8), jnp.zeros((DELAY, neurons), jnp.bool_))


def step(network: Network, state: State, number: jax.Array) -> tuple[State, jax.Array]:
    """One step; the number of spikes."""
    at = number % DELAY
    arriving = state.delayed[at]
    excitatory = network.excitatory.shape[0]
    received = (
        brainevent.BinaryArray(arriving[:excitatory]) @ network.excitatory
        + brainevent.BinaryArray(arriving[excitatory:]) @ network.inhibitory
    )
    decay = math.exp(-STEP.to_decimal(u.ms) / MEMBRANE.to_decimal(u.ms))
    potential = DRIVE + (state.potential - DRIVE) * decay + received
    refractory = state.since < REFRACTORY
    potential = u.math.where(refractory, RESET, potential)
    spikes = (potential >= THRESHOLD) & ~refractory
    potential = u.math.where(spikes, RESET, potential)
    since = jnp.where(spikes, 0, jnp.minimum(state.since + 1, REFRACTORY)).astype(jnp.int8)
    return State(potential, since, state.delayed.at[at].set(spikes)), spikes.sum()


@partial(jax.jit, donate_argnums=1)
def run(network: Network, state: State, numbers: jax.Array) -> tuple[State, jax.Array]:
    """The state after the steps with these numbers, and the spikes of each."""
    return jax.lax.scan(lambda state, number: step(network, state, number), state, numbers)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="A network whose synapses are generated on the fly.")
    parser.add_argument("--neurons", type=int, default=1_000_000)
    parser.add_argument("--synapses", type=int, default=1000, help="per neuron, on average")
    parser.add_argument("--steps", type=int, default=200, help="of 0.1 ms; the second half is timed")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    network = make_network(options.neurons, options.synapses, options.seed)
    state = make_state(options.neurons, options.seed)
    warm_up = options.steps // 2
    begin = time.perf_counter()
    state, _ = jax.block_until_ready(run(network, state, jnp.arange(warm_up)))
    first = time.perf_counter() - begin
    begin, used = time.perf_counter(), time.process_time()
    numbers = jnp.arange(warm_up, 2 * warm_up)
    state, spikes = jax.block_until_ready(run(network, state, numbers))
    seconds, used = time.perf_counter() - begin, time.process_time() - used
    per_step = float(spikes.mean())
    rate = per_step / options.neurons / float(STEP.to_decimal(u.second))
    # Kilobytes on Linux, bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"neurons     {options.neurons:,}, with {options.synapses:,} synapses each")
    print(f"firing      {rate:.1f} Hz, {per_step:,.0f} spikes per step")
    print(f"time        {1e3 * seconds / warm_up:.1f} ms per step ({1e3 * used / warm_up:.1f} ms of CPU time)")
    print(f"start       {first:.1f} s to compile and to run {warm_up} steps")
    print(f"memory      {peak / 2**20:.0f} MiB at most")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
