"""The kernels of the CPU backend, one module per family. Numba is imported when the first of them is compiled."""

from __future__ import annotations

from typing import Any

from .products import matmul, sampled, supports_matmul, supports_sampled

__all__ = ["register"]


def register(registry: Any) -> None:
    """Add all kernels of this package to `registry`, a `brainevent_core.plugins.KernelRegistry`."""
    for primitive, kernel, supports in (("matmul", matmul, supports_matmul), ("sampled", sampled, supports_sampled)):
        registry.register_kernel(primitive, "cpu", kernel, backend="numba", supports=supports, exportable=False)
