"""The descriptor by which `brainevent` discovers this package. Imports neither Warp nor JAX's CUDA plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainevent_core.errors import KernelBuildError
from brainevent_core.plugins import Backend, KernelCache

from .kernels import LANGUAGES
from .kernels.availability import missing_warp, why_unavailable

if TYPE_CHECKING:
    from brainevent_core.plugins import KernelRegistry

__all__ = ["BACKEND"]

NAME = "warp-cuda13"


def _available() -> str | None:
    return why_unavailable(13)


# Calls that are left to XLA: patterns of the names of the conformance kit's cases, and the reason.
_DECLINES = {
    "^matmul-dense-float-": "a dense matrix times a float vector is a dense product",
    "^sddmm-dense-": "a dense sampled product is an outer product",
    "^jitc_matmul-.*-window-": "windows occur only in networks that are split over devices",
    "^deliver-[^-]+-[^-]+-[a-z]+-b?float16-[a-z]+-[a-z]+-[0-9]+-weights-": (
        "the kernels accumulate in the ring, and half precision is too coarse"
    ),
}


def _register(registry: KernelRegistry) -> None:
    from .kernels import register

    register(registry, backend=NAME)


def _register_on_cpu(registry: KernelRegistry) -> None:
    from .kernels import register

    register(registry, backend=NAME, platform="cpu")


def _build_for(registry: KernelRegistry, architectures: tuple[int, ...]) -> None:
    from .kernels import build_for

    lacking = missing_warp(13)
    if lacking is not None:
        raise KernelBuildError(lacking)
    build_for(registry, architectures, backend=NAME)


def _cache() -> KernelCache:
    from .kernels import images

    return images.state()


BACKEND = Backend(
    name=NAME,
    platforms=("cuda",),
    api=1,
    priority=100,
    available=_available,
    register=_register,
    languages=LANGUAGES,
    declines=_DECLINES,
    cache=_cache,
    build_for=_build_for,
    stand_ins={"cpu": _register_on_cpu},
)
