"""The descriptor by which `brainevent` discovers this package. Imports neither Numba nor the kernels."""

from __future__ import annotations

import importlib.util
from typing import Any

from brainevent_core.plugins import Backend, KernelCache

__all__ = ["BACKEND"]

# Calls that the kernels decline, as patterns of the names of the conformance kit's cases, with the reasons.
_DECLINES = {
    "^matmul-dense-float-": "numbers times a dense matrix have nothing sparse in them",
    "^sddmm-dense-": "outer products have nothing sparse in them",
    "^(matmul|sddmm)-[a-z_]+:weight_indices[:-]": "weights in another order belong to plasticity",
    "^stdp_update-csr:weight_indices-[^-]+-forward-": "a scan for events of columns meets weights in order",
    "^stdp_update-csr:weight_indices:csc_index-": "no function has a CSC index of weights in another order",
    "^deliver-[^-]+-[^-]+-[a-z]+-b?float16-[a-z]+-[a-z]+-[0-9]+-weights-": "half-precision rings have no room for sums",
    "^stdp_update-(coo|fixed_num):weight_indices[:-]": "no function has weights in another order but for CSR",
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
