"""The descriptor by which `brainevent` discovers this package. Imports neither Warp nor JAX's CUDA plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainevent_core.plugins import Backend

from .kernels import LANGUAGES
from .kernels.availability import why_unavailable

if TYPE_CHECKING:
    from brainevent_core.plugins import KernelRegistry

__all__ = ["BACKEND"]

NAME = "warp-cuda13"


def _available() -> str | None:
    return why_unavailable(13)


def _register(registry: KernelRegistry) -> None:
    from .kernels import register

    register(registry, backend=NAME)


BACKEND = Backend(
    name=NAME,
    platforms=("cuda",),
    api=1,
    priority=100,
    available=_available,
    register=_register,
    languages=LANGUAGES,
)
