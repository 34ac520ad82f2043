"""What Pallas has to know of the device that it compiles for."""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
from jax.experimental.pallas import tpu

__all__ = ["SMEM_WORDS", "VMEM_BYTES", "some_tpu"]

#: 32-bit words of scalar memory that a kernel can fill on every target. There are 1 MiB, but from 156,500 on what
#: doesn't fit into scalar registers goes to the memory of the TPU and comes back in each turn of a loop.
SMEM_WORDS = 155_000

#: Bytes of vector memory for the blocks of a kernel: half of what XLA grants by default, 16 MiB.
VMEM_BYTES = 8 << 20


def some_tpu() -> AbstractContextManager[Any]:
    """A context in which Pallas finds a TPU to compile for: the real one, or else some.

    For one-dimensional operands Pallas asks for the size of vector registers, which all targets share, and fails on a
    machine without a TPU. So a program can be exported there without its user describing the device.
    """
    try:
        tpu.get_tpu_info()
    except (ValueError, AttributeError):  # no TPU; or a JAX that doesn't ask
        named = ["tpu"] if "platform" in inspect.signature(jax.sharding.AbstractDevice).parameters else []
        device = jax.sharding.AbstractDevice("TPU v5 lite", 1, *named)
        axes = (jax.sharding.AxisType.Auto,)
        mesh = jax.sharding.AbstractMesh((1,), ("x",), axis_types=axes, abstract_device=device)
        return jax.sharding.use_abstract_mesh(mesh)
    return nullcontext()
