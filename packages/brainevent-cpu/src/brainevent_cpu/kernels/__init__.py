"""The kernels of the CPU backend, one module per family. Numba is imported when the first of them is compiled."""

from __future__ import annotations

from typing import Any

from . import jitc
from .compressed import matmul, supports_matmul

__all__ = ["register"]


def register(registry: Any) -> None:
    """Add all kernels of this package to `registry`, a `brainevent_core.plugins.KernelRegistry`."""

    def add(primitive: str, kernel: Any, supports: Any, *, batched: bool = False) -> None:
        registry.register_kernel(
            primitive, "cpu", kernel, backend="numba", supports=supports, exportable=False, batched=batched
        )

    add("matmul", matmul, supports_matmul)
    add("jitc_matmul", jitc.matmul, jitc.supports_matmul, batched=True)
    add("jitc_elements", jitc.elements, jitc.supports_writing)
    add("jitc_entries", jitc.entries, jitc.supports_writing)
