"""The kernels of the CPU backend, one module per family. Numba is imported when the first of them is compiled."""

from __future__ import annotations

from typing import Any

from . import jitc, products

__all__ = ["register"]


def register(registry: Any) -> None:
    """Add all kernels of this package to `registry`, a `brainevent_core.plugins.KernelRegistry`."""
    for primitive, kernel, supports, batched in (
        ("matmul", products.matmul, products.supports_matmul, False),
        ("sampled", products.sampled, products.supports_sampled, False),
        ("jitc_matmul", jitc.matmul, jitc.supports_matmul, True),
        ("jitc_elements", jitc.elements, jitc.supports_writing, True),
        ("jitc_entries", jitc.entries, jitc.supports_writing, False),
    ):
        registry.register_kernel(
            primitive, "cpu", kernel, backend="numba", supports=supports, exportable=False, batched=batched
        )
