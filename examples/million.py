"""A million neurons with a thousand synapses each: a billion synapses, generated on the fly and not stored.

    Brunel N (2000). Dynamics of sparsely connected networks of excitatory and inhibitory spiking neurons. J. Comput.
    Neurosci. 8:183-208, https://doi.org/10.1023/A:1008925309027, model A. Procedural connectivity: Knight JC, Nowotny T
    (2021). Larger GPU-accelerated brain simulations with procedural connectivity. Nature Computational Science
    1:136-142, https://doi.org/10.1038/s43588-020-00022-7.

The network consists of leaky integrate-and-fire neurons, four fifths of them excitatory, in which each pair is
connected with the same probability. A spike arrives after a delay, and changes the potential at once. Inhibition
dominates, so neurons fire irregularly. The external input is replaced by its mean. Stored synapses would take 4 GB.
Here, the targets of a neuron are drawn from its number and the seed each time that it fires. The program prints the
rate, the time per step and the peak memory; --output draws a raster of a thousand neurons. Change --neurons and
--synapses: the time is proportional to the number of spikes times the number of synapses per neuron.
"""

import argparse
import math
import resource
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

import brainevent

STEP = 0.1 * u.ms
SHOWN = 1000  # neurons in the picture
DELAY = 15  # steps
REFRACTORY = 20  # steps
MEMBRANE = 20.0 * u.ms
THRESHOLD = 20.0 * u.mV
RESET = 10.0 * u.mV
EXCITATORY = 0.1 * u.mV
INHIBITORY = -0.5 * u.mV
DRIVE = 40.0 * u.mV  # twice the threshold


class Network(NamedTuple):
    """The synapses of both populations."""

    excitatory: brainevent.JITCScalarR
    inhibitory: brainevent.JITCScalarR


class State(NamedTuple):
    """Potentials, steps since the last spike (up to REFRACTORY), ring buffer of delayed spikes, (DELAY, neurons)."""

    potential: u.Quantity
    since: jax.Array
    delayed: jax.Array


def make_network(neurons: int, synapses: int, seed: int) -> Network:
    """Each pair is connected with the same probability, with ``synapses`` synapses per neuron on average."""
    excitatory = neurons * 4 // 5
    common = {"num_post": neurons, "prob": synapses / neurons}
    return Network(
        brainevent.JITCScalarR(weight=EXCITATORY, num_pre=excitatory, seed=2 * seed, **common),
        brainevent.JITCScalarR(weight=INHIBITORY, num_pre=neurons - excitatory, seed=2 * seed + 1, **common),
    )


def make_state(neurons: int, seed: int) -> State:
    """Uniformly distributed potentials below the threshold, and no delayed spikes."""
    potential = jax.random.uniform(jax.random.key(seed), (neurons,)) * THRESHOLD
    return State(potential, jnp.full(neurons, REFRACTORY, jnp.int8), jnp.zeros((DELAY, neurons), jnp.bool_))


def step(network: Network, state: State, number: jax.Array) -> tuple[State, tuple[jax.Array, jax.Array]]:
    """One step; returns the number of spikes, and the spikes of the neurons in the picture."""
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
    shown = spikes[:: max(1, spikes.size // SHOWN)]
    return State(potential, since, state.delayed.at[at].set(spikes)), (spikes.sum(), shown)


@partial(jax.jit, donate_argnums=1)
def run(network: Network, state: State, numbers: jax.Array) -> tuple[State, tuple[jax.Array, jax.Array]]:
    """The state after the steps with these numbers, and the outputs of `step`."""
    return jax.lax.scan(lambda state, number: step(network, state, number), state, numbers)


def draw(fired: np.ndarray, path: Path) -> None:
    """The raster of some neurons (steps, neurons), and their number of spikes per half millisecond."""
    import simulation

    number, neuron = np.nonzero(fired)
    dt = float(STEP.to_decimal(u.ms))
    some = simulation.Spikes((number + 1) * dt, neuron, fired.shape[1], fired.shape[0] * dt)
    simulation.save(simulation.activity({"": some}, every=0.5, shown=SHOWN), path)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="A network whose synapses are generated on the fly.")
    parser.add_argument("--neurons", type=int, default=1_000_000)
    parser.add_argument("--synapses", type=int, default=1000, help="mean number per neuron")
    parser.add_argument(
        "--steps", type=int, default=200, help="number of time steps of 0.1 ms; the second half is timed"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, metavar="PATH", help="draw a picture (needs Matplotlib, SciPy and tqdm)")
    options = parser.parse_args(arguments)

    network = make_network(options.neurons, options.synapses, options.seed)
    state = make_state(options.neurons, options.seed)
    warm_up = options.steps // 2
    begin = time.perf_counter()
    state, (_, early) = jax.block_until_ready(run(network, state, jnp.arange(warm_up)))
    first = time.perf_counter() - begin
    begin, used = time.perf_counter(), time.process_time()
    numbers = jnp.arange(warm_up, 2 * warm_up)
    state, (spikes, late) = jax.block_until_ready(run(network, state, numbers))
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
    if options.output is not None:
        draw(np.concatenate([early, late]), options.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
