"""Kernels of the CUDA packages on Warp's CPU device, called as by the launcher."""

from __future__ import annotations

import ctypes
from typing import Any

import jax.numpy as jnp
import numpy as np

from brainevent_cuda13.kernels import compiled, operations
from brainevent_cuda13.kernels.compiled import CompiledKernel, HostThreads
from brainevent_cuda13.kernels.launcher import Buffer, Plan
from brainevent_cuda13.kernels.native.spec import POINTERS, SIZES, KernelSpec

#: Single threads, without warps.
ALONE = HostThreads(1, 1)


def entry_of(spec: KernelSpec, threads: HostThreads) -> Any:
    """A kernel as a function of the number of threads and of words by name, which are addresses and sizes."""
    kernel = CompiledKernel(spec)
    address = compiled._host_entry(spec, kernel.digest, threads)
    call = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)(address)

    def run(threads_needed: int, **words: int) -> None:
        launched = -(-threads_needed // threads.block) * threads.block
        bounds = np.array([launched, launched, 1], np.int64)
        pointers = [words[name] for name in spec.arrays]
        sizes = [words.get(name, 0) for name in spec.sizes]
        more = pointers[POINTERS:][::-1]
        values = [*pointers[:POINTERS], *[0] * (POINTERS - len(pointers)), *sizes]
        packed = np.array([*values, *[0] * (POINTERS + SIZES - len(values) - len(more)), *more], np.int64)
        call(bounds.ctypes.data, packed.ctypes.data)

    return run


def plan_of(spec: KernelSpec, *before: operations.Fill | operations.Run, platform: str = "cpu") -> Plan:
    """The plan of a kernel and of what runs before it. Its sizes are a zero, those of the kernel, and its threads."""
    outs = {name: dtype for name, dtype in spec.arrays.items() if name not in spec.inputs}
    of_inputs, of_outs = (
        tuple(Buffer(jnp.dtype(dtype).itemsize, 1) for dtype in dtypes.values()) for dtypes in (spec.inputs, outs)
    )
    sizes = ("none", *spec.sizes, "threads", "pointers")
    done = (*before, operations.Run(spec))
    return operations._plan(done, tuple(spec.inputs), of_inputs, tuple(outs), of_outs, sizes, platform)
