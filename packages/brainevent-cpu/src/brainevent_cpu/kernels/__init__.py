"""The kernels of the CPU backend, one module per family. Numba is imported when the first of them is compiled."""

from __future__ import annotations

from typing import Any

from .compressed import matmul, supports_matmul

__all__ = ["register"]


def register(registry: Any) -> None:
    """Add all kernels of this package to `registry`, a `brainevent_core.plugins.KernelRegistry`."""
    registry.register_kernel("matmul", "cpu", matmul, backend="numba", supports=supports_matmul, exportable=False)
