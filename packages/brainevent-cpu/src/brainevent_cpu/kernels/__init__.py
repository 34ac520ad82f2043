"""The kernels of the CPU backend, one module per family. Numba is imported when the first of them is compiled."""

from __future__ import annotations

from typing import Any

from . import encoding, jitc, matmul, plasticity

__all__ = ["register"]


def register(registry: Any) -> None:
    """Add all kernels of this package to `registry`, a `brainevent_core.plugins.KernelRegistry`."""
    kernels: tuple[tuple[str, Any, Any, dict[str, bool]], ...] = (
        ("matmul", matmul.matmul, matmul.supports_matmul, {}),
        ("sddmm", matmul.sddmm, matmul.supports_sddmm, {}),
        ("stdp_update", plasticity.stdp_update, plasticity.supports_stdp_update, {"in_place": True}),
        ("encode_events", encoding.encode_events, encoding.supports_encoding, {}),
        ("jitc_matmul", jitc.matmul, jitc.supports_matmul, {"batched": True}),
        ("jitc_to_dense", jitc.elements, jitc.supports_writing, {"batched": True}),
        ("jitc_to_coo", jitc.entries, jitc.supports_writing, {}),
    )
    for primitive, kernel, supports, abilities in kernels:
        registry.register_kernel(
            primitive, "cpu", kernel, backend="numba", supports=supports, exportable=False, **abilities
        )
