"""The program that ``hatch run bench devices`` runs in separate processes.

python -m benchmarks.devices.program exchange|terms|alone '{"process": 0, ...}'
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any

SLOTS = 16


def main() -> None:
    kind, text = sys.argv[1:]
    asked = json.loads(text)
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=1 --xla_cpu_multi_thread_eigen=false"
    import jax

    if asked.get("processes", 1) > 1:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(asked["coordinator"], asked["processes"], asked["process"])
    found = {"exchange": exchange, "terms": terms, "alone": alone}[kind](asked)
    if asked.get("process", 0) == 0:
        print(json.dumps(found))


# -- a network ---------------------------------------------------------------------------------------------------------


def network(neurons: int, degree: int, split: Any) -> tuple[Any, Any, Any]:
    """Synapses with a delay of 15 steps, an empty ring buffer, and membrane potentials."""
    import jax
    import jax.numpy as jnp

    import brainevent
    from brainevent import connect

    options: dict[str, Any] = {"seed": 0, "split": split}
    conn = connect.fixed_indegree(neurons, neurons, degree, weight=-1.0 / degree, delay=SLOTS - 1, **options)
    ring = brainevent.DelayRing(SLOTS, neurons, split=split)
    key = jax.random.key(0)
    sharding = None if split is None else split.sharding
    v = jax.jit(lambda: jax.random.uniform(key, (neurons,), jnp.float32), out_shardings=sharding)()
    return conn, ring, v


def simulation(steps: int, every: int) -> Callable[..., Any]:
    """A function of (synapses, ring, potentials) that returns the final potentials, and the neurons' spike counts."""
    import jax
    import jax.numpy as jnp

    def step(carry: Any, _: None) -> Any:
        ring, v = carry
        now, ring = ring.pop()
        v = v * 0.99 + 0.011 + now
        fired = v > 1
        return (ring, jnp.where(fired, 0.0, v)), fired

    def interval(conn: Any, carry: Any) -> Any:
        (ring, v), fired = jax.lax.scan(step, carry, length=every)
        return (ring.add_steps((fired, conn)), v), fired

    def run(conn: Any, ring: Any, v: Any) -> Any:
        carry, fired = jax.lax.scan(lambda carry, _: interval(conn, carry), (ring, v), length=steps // every)
        return carry[1], fired.reshape(-1, fired.shape[-1]).sum(0, dtype=jnp.int32)

    return run


def exchange(asked: dict[str, Any]) -> dict[str, Any]:
    """Seconds and bytes per step for each interval between exchanges, and a hash of all neurons' spike counts."""
    import jax
    import numpy as np
    from jax.experimental import multihost_utils
    from jax.sharding import AxisType

    from brainevent import sharding

    mesh = jax.make_mesh((jax.device_count(),), ("x",), axis_types=(AxisType.Auto,))
    split = sharding.Split(mesh, "x")
    given = network(asked["neurons"], asked["degree"], split)
    steps = asked["steps"]
    programs = {every: jax.jit(simulation(steps, every)).lower(*given).compile() for every in asked["every"]}
    found: dict[str, Any] = {
        str(every): {"bytes": bytes_per_step(str(program.as_text()), every), "seconds": []}
        for every, program in programs.items()
    }
    for every, program in programs.items():
        counts = program(*given)[1]
        whole = multihost_utils.process_allgather(counts, tiled=True) if jax.process_count() > 1 else counts
        found[str(every)]["spikes"] = int(np.sum(whole))
        found[str(every)]["hash"] = hashlib.sha256(np.asarray(whole).tobytes()).hexdigest()
    for _ in range(asked["rounds"]):
        for every, program in programs.items():
            found[str(every)]["seconds"].append(measured(program, *given) / steps)
    return found


def bytes_per_step(text: str, every: int) -> float:
    """The bytes that arrive on a device per step: the results of all-gathers in the loop of a compiled program."""
    sizes = {"pred": 1, "u8": 1, "s8": 1, "u32": 4, "s32": 4, "f32": 4, "f64": 8}
    total = 0
    for dtype, shape in re.findall(r"= (\w+)\[([0-9,]*)\]\S* all-gather(?:-start)?\(", text):
        count = 1
        for size in filter(None, shape.split(",")):
            count *= int(size)
        total += sizes[dtype] * count
    return total / every


def measured(program: Callable[..., Any], *given: Any) -> float:
    """Seconds per call."""
    import jax

    begin = time.perf_counter()
    jax.block_until_ready(program(*given))
    return time.perf_counter() - begin


# -- one device --------------------------------------------------------------------------------------------------------


def alone(asked: dict[str, Any]) -> dict[str, Any]:
    """Seconds per step on one device, for a network that is split and one that isn't, measured in turn."""
    import jax
    import numpy as np
    from jax.sharding import AxisType

    from brainevent import sharding

    mesh = jax.make_mesh((1,), ("x",), axis_types=(AxisType.Auto,))
    programs: dict[str, Any] = {}
    for name, split in (("whole", None), ("split", sharding.Split(mesh, "x"))):
        given = network(asked["neurons"], asked["degree"], split)
        program = jax.jit(simulation(asked["steps"], 1)).lower(*given).compile()
        spikes = int(np.sum(program(*given)[1]))
        programs[name] = program, given, spikes
    assert programs["whole"][2] == programs["split"][2], "other spikes"
    found: dict[str, Any] = {name: [] for name in programs}
    for _ in range(asked["rounds"]):
        for name, (program, given, _) in programs.items():
            found[name].append(measured(program, *given) / asked["steps"])
    return found


def terms(asked: dict[str, Any]) -> dict[str, Any]:
    """The terms of the model: ns, each the minimum over rounds, and bytes of arrays."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    import brainevent
    from brainevent import connect

    steps, rounds = asked["steps"], asked["rounds"]
    rng = np.random.default_rng(0)

    def deliveries(conn: Any, ring: Any, words: Any) -> Any:
        def step(ring: Any, word: Any) -> Any:
            events = brainevent.BitPackedBinary._unflatten((-1, conn.shape[0]), (word,))
            now, ring = ring.add(events, conn).pop()
            return ring, now[0]

        return jax.lax.scan(step, ring, words)[1]

    def seconds(conn: Any, fired: int) -> float:
        spikes = np.zeros((steps, conn.shape[0]), bool)
        for row in spikes:
            row[rng.choice(conn.shape[0], fired, replace=False)] = True
        words = jax.vmap(lambda one: brainevent.BitPackedBinary(one).__event_spec__.array)(jnp.asarray(spikes))
        given = conn, brainevent.DelayRing(SLOTS, conn.shape[1]), words
        program = jax.jit(deliveries).lower(*given).compile()
        jax.block_until_ready(program(*given))
        return min(measured(program, *given) for _ in range(rounds)) / steps

    def updates(v: Any) -> Any:
        # The work of a step except delivery: no events arrive, and the ring has its usual length.
        ring = brainevent.DelayRing(SLOTS, v.shape[0])
        conn = brainevent.CSR(jnp.ones(1), jnp.zeros(0, int), jnp.zeros(33, int), shape=(32, v.shape[0]), delay=1)
        quiet = jnp.zeros((1, 32), bool)

        def step(carry: Any, _: None) -> Any:
            ring, v = carry
            now, ring = ring.add_steps((quiet, conn)).pop()
            v = v * 0.99 + 0.0102 + now
            fired = v > 1
            return (ring, jnp.where(fired, 0.0, v)), fired.any()

        return jax.lax.scan(step, (ring, v), length=steps)

    many, here = asked["many"], 1024
    begins = np.zeros(many + 1, np.int32)
    begins[-1] = 2  # all rows but the last are empty
    empty = brainevent.CSR(np.ones(2, np.float32), [0, 1], begins, shape=(many, here), delay=np.array([1, 2], np.uint8))
    silent, looked_up = seconds(empty, 0), seconds(empty, many // 20)
    neurons, degree, fired = asked["neurons"], asked["degree"], asked["neurons"] // 200
    conn = connect.fixed_outdegree(neurons, neurons, degree, weight=connect.Uniform(0, 1), delay=connect.Uniform(1, 15))
    delivered, nothing = seconds(conn, fired), seconds(conn, 0)
    v = jnp.linspace(0, 1, neurons)
    program = jax.jit(updates).lower(v).compile()
    jax.block_until_ready(program(v))
    update = min(measured(program, v) for _ in range(rounds)) / steps
    arrays = conn.data, conn.delay, *conn._structure[:1]
    return {
        "neuron": 1e9 * update / neurons,
        "synapse": 1e9 * max(delivered - nothing, 0.0) / (fired * degree),
        "row": 1e9 * max(looked_up - silent, 0.0) / (many // 20),
        "scan": 1e9 * silent / many,
        "bytes_per_synapse": sum(array.nbytes for array in arrays if array is not None) / conn.nse,
        "bytes_per_row": conn._structure[1].nbytes / (neurons + 1),
    }


if __name__ == "__main__":
    main()
