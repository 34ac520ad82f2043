"""Kernels of the CUDA packages on Warp's CPU device, called as the launcher calls them."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from brainevent_cuda13.kernels import compiled
from brainevent_cuda13.kernels.compiled import CompiledKernel, HostThreads
from brainevent_cuda13.kernels.native.spec import POINTERS, SIZES, KernelSpec

#: Threads that do nothing together.
ALONE = HostThreads(1, 1)


def entry_of(spec: KernelSpec, threads: HostThreads) -> Any:
    """A kernel as a function of words: pointers and sizes, by name, and the number of threads."""
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
