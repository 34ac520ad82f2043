"""Whole programs: a network with its loop over time, and a product on several devices."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from aot.compiler import Compiled, Compiler

__all__ = [
    "NETWORK_KERNELS",
    "PLASTIC_KERNELS",
    "faults_of_loop",
    "faults_of_plastic_loop",
    "network",
    "on_several_devices",
    "plastic_network",
]

#: The kernels that must be in the network's loop.
NETWORK_KERNELS = ("one_hot_rows",)

#: The kernels that must be in the plastic network's loop.
PLASTIC_KERNELS = ("dense_rows", "dense_update")

STEPS = 500


def network(compiler: Compiler, target: str, scale: float = 1.0) -> Compiled:
    """The COBA network of the examples, with 4,000 neurons at scale 1, and ``STEPS`` steps in one program."""
    import jax

    sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
    import coba

    parameters, exc, inh, state = coba.make_network(scale)

    def run(exc: Any, inh: Any, state: Any) -> Any:
        def step(state: Any, _: None) -> Any:
            state = coba.step(parameters, exc, inh, state)
            return state, state.spikes

        return jax.lax.scan(step, state, length=STEPS)

    arguments = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), (exc, inh, state))
    return compiler.compile(run, arguments, target)


def faults_of_loop(text: str) -> list[str]:
    """Faults of the loop over time in HLO: operations that must not be in it, and missing kernels."""
    loop = text[: text.index("\nENTRY")]
    faults = [f"a {operation} in the loop" for operation in ("scatter", "gather") if f" {operation}(" in loop]
    faults += [f"{kernel} is not in the loop" for kernel in NETWORK_KERNELS if not _runs(kernel, loop)]
    if _runs("pointers", loop):
        faults.append("pointers are corrected in every step")
    return faults


def plastic_network(compiler: Compiler, target: str, neurons: int = 4000) -> Compiled:
    """Leaky neurons with plastic all-to-all synapses, and ``STEPS`` steps in one program.

    The rule is that of Brader JM, Senn W, Fusi S (2007), Neural Comput. 19:2881-2912, https://doi.org/10.1162/neco.2007.19.11.2881,
    without its calcium variable and its drift: when a presynaptic neuron fires, the weight grows where the
    postsynaptic neuron is depolarised, and shrinks where it is not.
    """
    import jax
    import jax.numpy as jnp

    import brainevent

    def run(weights: Any, voltage: Any, drive: Any) -> Any:
        def step(state: Any, _: None) -> Any:
            weights, voltage, spikes = state
            matrix, events = brainevent.Dense(weights), brainevent.BinaryArray(spikes)
            voltage = jnp.where(spikes, 0.0, 0.95 * voltage) + drive + events @ matrix
            change = jnp.where(voltage > 0.5, 0.01, -0.01)
            learnt = matrix.update_on_pre(events, change, 0.0, 1.0, clip="updated")
            fired = voltage > 1.0
            return (learnt.data, voltage, fired), fired

        return jax.lax.scan(step, (weights, voltage, voltage > 1.0), length=STEPS)

    vector = jax.ShapeDtypeStruct((neurons,), jnp.float32)
    weights = jax.ShapeDtypeStruct((neurons, neurons), jnp.float32)
    return compiler.compile(run, (weights, vector, vector), target)


def faults_of_plastic_loop(text: str, neurons: int = 4000) -> list[str]:
    """Faults of the plastic network's loop: copies of the weights, passes over all of them, and missing kernels."""
    loop = text[: text.index("\nENTRY")]
    weights = rf"f32\[{neurons},{neurons}\]"
    written = re.findall(rf"%(\S+) = \(?[^=]*{weights}\S* (copy|copy-start|fusion)\(", loop)
    faults = [f"the weights are written by {operation} {name} in the loop" for name, operation in written]
    return faults + [f"{kernel} is not in the loop" for kernel in PLASTIC_KERNELS if not _runs(kernel, loop)]


def _runs(kernel: str, text: str) -> bool:
    """Whether HLO calls a Pallas kernel."""
    return re.search(rf"%{kernel}[.\d]* = .*tpu_custom_call", text) is not None


def on_several_devices(compiler: Compiler, target: str) -> list[str]:
    """Faults of a product on the four devices of a topology: inside ``shard_map``, the kernel must run, and events must
    be exchanged in packed form; under automatic partitioning, the reference must run instead."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.sharding import PartitionSpec

    from aot.targets import topology
    from brainevent_core.encodings import BITPACKED
    from brainevent_core.formats import FIXED_NUM_FORMAT
    from brainevent_core.primitives import matmul_p

    neurons, width = 16384, 80
    devices = topology(target).devices
    mesh = jax.sharding.Mesh(np.array(devices), ("x",))

    def product(data: Any, indices: Any, words: Any) -> Any:
        shape = (indices.shape[0], neurons)
        static: Any = {"format": FIXED_NUM_FORMAT, "shape": shape, "transpose": False, "encoding": BITPACKED}
        return matmul_p(data, indices, words, **static)

    def of_one_device(data: Any, indices: Any, words: Any) -> Any:
        return product(data, indices, jax.lax.all_gather(words, "x", tiled=True))

    split = PartitionSpec("x")
    specs = [split] * 3
    arguments = (
        jax.ShapeDtypeStruct((neurons, width), jnp.float32),
        jax.ShapeDtypeStruct((neurons, width), jnp.int32),
        jax.ShapeDtypeStruct((neurons // 32,), jnp.uint32),
    )
    mapped = jax.shard_map(of_one_device, mesh=mesh, in_specs=(split,) * 3, out_specs=split)
    compiled = compiler.compile(mapped, arguments, target, specs=specs)
    faults = []
    gathered = re.findall(r"= (\S+) (all-gather|all-gather-start|all-reduce|all-to-all)\(", compiled.text)
    if len(gathered) != 1 or "u32[" not in gathered[0][0]:
        faults.append(f"shard_map: one all-gather of packed words was expected, got {gathered}")
    if not _runs("fan_in", compiled.text):
        faults.append("shard_map: the kernel does not run")
    _, selections, _ = compiler.lower(product, arguments, target, specs=specs)  # a Mosaic kernel would raise
    if [selection.backend for selection in selections] != ["reference"]:
        faults.append(f"automatic partitioning: expected the reference, got {selections}")
    return faults
