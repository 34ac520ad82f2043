"""A random network of excitatory and inhibitory neurons that is split over devices, with the same spikes on any number.

    python examples/devices.py                             # on one device
    python examples/devices.py --devices 4                 # on four virtual devices of this machine
    python examples/devices.py --devices 4 --processes 2   # on two processes of this machine, with two devices each
    srun --ntasks 8 python examples/devices.py --cluster   # one Slurm task per process, with its devices

Each device draws and stores the synapses onto its part of each population, and updates these neurons. In each step,
devices exchange only the spikes, as one bit per neuron.
"""

import argparse
import hashlib
import os
import socket
import subprocess
import sys
from typing import Any, NamedTuple

BLOCKS = 8
NEURONS = {"exc": 4096, "inh": 1024}
DEGREE = {"exc": 80, "inh": 20}
WEIGHT = {"exc": 0.03, "inh": -0.2}
DECAY, DRIVE, THRESHOLD, REFRACTORY = 0.98, 0.03, 1.0, 20


class State(NamedTuple):
    """The state of a population: potentials, and remaining refractory steps."""

    v: Any
    rest: Any


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=1, help="total number of virtual devices of all processes")
    parser.add_argument("--processes", type=int, default=1, help="number of processes to start on this machine")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--cluster", action="store_true", help="this is one of several processes that Slurm started")
    parser.add_argument("--coordinator", help=argparse.SUPPRESS)
    parser.add_argument("--process-id", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def launch(processes: int) -> int:
    """Run this program in several processes, which connect through a free port of this machine."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        coordinator = f"localhost:{free.getsockname()[1]}"
    commands = [
        [sys.executable, *sys.argv, "--coordinator", coordinator, "--process-id", str(number)]
        for number in range(processes)
    ]
    running = [subprocess.Popen(command) for command in commands]
    return max(abs(process.wait()) for process in running)


def main() -> int:
    options = parse()
    if options.processes > 1 and options.coordinator is None:
        return launch(options.processes)
    if not options.cluster:
        # This must happen before JAX starts.
        flag = f"--xla_force_host_platform_device_count={options.devices // options.processes}"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}"

    import jax

    if options.cluster or options.coordinator is not None:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")  # communication between CPUs; GPUs use NCCL
    if options.cluster:
        jax.distributed.initialize()  # reads the settings of Slurm
    elif options.coordinator is not None:
        jax.distributed.initialize(options.coordinator, options.processes, options.process_id)
    report(*simulate(options.steps))
    return 0


def simulate(steps: int) -> tuple[Any, Any]:
    """The raster of a simulation, (steps, neurons), and the mesh that it ran on."""
    import jax
    import jax.numpy as jnp
    from jax.sharding import AxisType, NamedSharding
    from jax.sharding import PartitionSpec as P

    import brainevent
    from brainevent import connect, sharding

    mesh = jax.make_mesh((jax.device_count(),), ("x",), axis_types=(AxisType.Auto,))
    split = sharding.Split(mesh, "x", blocks=BLOCKS)
    synapses = {
        (source, target): connect.fixed_indegree(
            NEURONS[source], NEURONS[target], DEGREE[source], weight=WEIGHT[source], seed=10 * i + j, split=split
        )
        for i, source in enumerate(NEURONS)
        for j, target in enumerate(NEURONS)
    }
    of_neurons = NamedSharding(mesh, P("x"))

    def begin() -> dict[str, State]:
        keys = jax.random.split(jax.random.key(0), len(NEURONS))
        return {
            name: State(jax.random.uniform(key, count), jnp.zeros(count, jnp.int32))
            for (name, count), key in zip(NEURONS.items(), keys, strict=True)
        }

    def step(synapses: Any, state: dict[str, State], spikes: dict[str, Any]) -> tuple[dict[str, State], dict[str, Any]]:
        # Both projections of a population exchange the same spikes; XLA does this only once.
        events = {name: brainevent.BinaryArray(fired) for name, fired in spikes.items()}
        now, fired = {}, {}
        for name, (v, rest) in state.items():
            current = sum(events[source] @ synapses[source, name] for source in NEURONS)
            v = jnp.where(rest > 0, 0.0, v * DECAY + DRIVE + current)
            fired[name] = v > THRESHOLD
            now[name] = State(
                jnp.where(fired[name], 0.0, v), jnp.where(fired[name], REFRACTORY, jnp.maximum(rest - 1, 0))
            )
        return now, fired

    @jax.jit
    def run(synapses: Any, state: dict[str, State]) -> Any:
        def body(carry: Any, _: None) -> Any:
            state, spikes = step(synapses, *carry)
            return (state, spikes), spikes

        quiet = {name: jnp.zeros(count, bool) for name, count in NEURONS.items()}
        return jax.lax.scan(body, (state, quiet), length=steps)[1]

    state = jax.jit(begin, out_shardings=of_neurons)()
    return run(synapses, state), mesh


def report(raster: dict[str, Any], mesh: Any) -> None:
    """Print the firing statistics in the first process; they don't depend on the number of processes."""
    import jax
    import numpy as np
    from jax.experimental import multihost_utils

    whole = multihost_utils.process_allgather(raster, tiled=True) if jax.process_count() > 1 else raster
    arrays = [np.asarray(whole[name]) for name in NEURONS]
    digest = hashlib.sha256(b"".join(np.packbits(array).tobytes() for array in arrays)).hexdigest()
    if jax.process_index() == 0:
        print(f"{mesh.size} devices in {jax.process_count()} processes", file=sys.stderr)
        print(f"{sum(int(array.sum()) for array in arrays)} spikes, {digest[:16]}")


if __name__ == "__main__":
    sys.exit(main())
