"""What Pallas needs to know about the device that it compiles for."""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
from jax.experimental.pallas import tpu

__all__ = ["SMEM_WORDS", "VMEM_BYTES", "some_tpu"]

#: 32-bit words of scalar memory that a kernel can use on every target. The memory has 1 MiB, but from 156,500 words on,
#: spilled scalars are stored in HBM and reloaded in each iteration of a loop.
SMEM_WORDS = 155_000

#: Bytes of vector memory for the blocks of a kernel: half of XLA's default limit of 16 MiB.
VMEM_BYTES = 8 << 20


def some_tpu() -> AbstractContextManager[Any]:
    """A context in which Pallas finds a TPU to compile for: the real one, or else an arbitrary one.

    For one-dimensional operands, Pallas looks up the size of vector registers, which is the same for all targets, and
    fails on a machine without a TPU. In this context, users can export a program there without describing the device.
    """
    try:
        tpu.get_tpu_info()
    except (ValueError, AttributeError):  # no TPU, or a version of JAX without this query
        named = ["tpu"] if "platform" in inspect.signature(jax.sharding.AbstractDevice).parameters else []
        device = jax.sharding.AbstractDevice("TPU v5 lite", 1, *named)
        axes = (jax.sharding.AxisType.Auto,)
        mesh = jax.sharding.AbstractMesh((1,), ("x",), axis_types=axes, abstract_device=device)
        return jax.sharding.use_abstract_mesh(mesh)
    return nullcontext()
