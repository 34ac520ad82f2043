"""Native kernels by the kind of call that they are for."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from ..bridge import NativeKernel
from .call import Call

__all__ = ["native_kernel"]

_NATIVE = Path(__file__).with_name("native")


def _sources(package: str) -> tuple[str, ...]:
    """What the machine code of a family is made of: the parts that all share, and those of its package."""
    return tuple(str(path) for folder in {_NATIVE, _NATIVE / package} for path in sorted(folder.glob("*.py")))


@functools.cache
def native_kernel(call: Call) -> NativeKernel:
    """The native kernel for one kind of call, built by the module of its family."""
    package, _, _ = call.family.rpartition(".")

    def build() -> Any:
        from importlib import import_module

        return import_module(f".native.{call.family}", __package__).build(call)

    name = "_".join((package or "product", *call.words))
    return NativeKernel(name, build, threads=True, sources=tuple(sorted(_sources(package))))
