"""Native kernels by the kind of call that they are for."""

from __future__ import annotations

import functools
from typing import Any

from ..bridge import NativeKernel
from .kernel_spec import KernelSpec
from .sources import sources_of

__all__ = ["native_kernel"]


@functools.cache
def native_kernel(call: KernelSpec) -> NativeKernel:
    """The native kernel for one kind of call, built by the module of its family."""
    package, _, _ = call.family.rpartition(".")

    def build() -> Any:
        from importlib import import_module

        return import_module(f".native.{call.family}", __package__).build(call)

    name = "_".join((package or "product", *call.words))
    return NativeKernel(name, build, threads=True, sources=sources_of(call.family))
