"""The descriptor by which `brainevent` discovers this package. Imports neither Numba nor the kernels."""

from __future__ import annotations

import importlib.util
from typing import Any

from brainevent_core.plugins import Backend, KernelCache

__all__ = ["BACKEND"]

# Calls that the kernels decline, as patterns of the names of the conformance kit's cases, with the reasons.
_DECLINES = {
    "^matmul-dense-float-": "a dense matrix times a float vector is a dense product",
    "^sddmm-dense-": "a dense sampled product is an outer product",
    "^(matmul|sddmm)-[a-z_]+:weight_indices[:-]": "only plasticity uses weights in a different order from the entries",
    "^stdp_update-csr:weight_indices-[^-]+-forward-": "the scan over entries needs weights in the order of the entries",
    "^stdp_update-csr:weight_indices:csc_index-": "no public function combines a CSC index with reordered weights",
    "^deliver-[^-]+-[^-]+-[a-z]+-b?float16-[a-z]+-[a-z]+-[0-9]+-weights-": (
        "the kernels accumulate in the ring, and half precision is too coarse"
    ),
    "^stdp_update-(coo|fixed_num):weight_indices[:-]": "public functions reorder weights for CSR only",
}


def _available() -> str | None:
    """The reason why the backend can't be used here, or None."""
    if importlib.util.find_spec("numba") is None:
        return "numba is not installed (pip install 'brainevent[cpu]')"
    return None


def _register(registry: Any) -> None:
    from .kernels import register

    register(registry)


def _cache() -> KernelCache:
    from .bridge import cache

    return cache.state()


BACKEND = Backend(
    name="numba",
    platforms=("cpu",),
    api=1,
    priority=100,
    available=_available,
    register=_register,
    languages={"numba_kernel": "brainevent_cpu.language:numba_kernel"},
    declines=_DECLINES,
    cache=_cache,
)
