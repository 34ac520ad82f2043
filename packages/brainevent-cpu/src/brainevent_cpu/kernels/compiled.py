"""The native kernel for a `KernelSpec`."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from ..bridge import NativeKernel
from ..bridge.thread_settings import is_worth_a_thread
from .kernel_spec import KernelSpec
from .sources import sources_of

__all__ = ["native_kernel"]


def native_kernel(call: KernelSpec, work: int) -> NativeKernel:
    """The native kernel for one kind of call.

    Args:
      call: the kind of call.
      work: how many entries a call has at most, in the units of `native.parallel`, with all members of a `vmap`. If
        they aren't worth a second thread, the kernel is compiled without code for threads, which takes half as long.
    """
    return _native_kernel(dataclasses.replace(call, serial=not is_worth_a_thread(work)))


@functools.cache
def _native_kernel(call: KernelSpec) -> NativeKernel:
    """The kernel that the module of the family builds."""
    package, _, _ = call.family.rpartition(".")

    def build() -> Any:
        from importlib import import_module

        return import_module(f".native.{call.family}", __package__).build(call)

    name = "_".join((package or "product", *call.words))
    return NativeKernel(name, build, threads=True, serial=call.serial, sources=sources_of(call.family))
