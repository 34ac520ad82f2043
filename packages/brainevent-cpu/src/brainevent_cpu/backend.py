"""The descriptor by which `brainevent` discovers this package. Imports neither Numba nor the kernels."""

from __future__ import annotations

import importlib.util
from typing import Any

from brainevent_core.plugins import Backend

__all__ = ["BACKEND"]


def _available() -> str | None:
    """The reason why the backend can't be used here, or None."""
    if importlib.util.find_spec("numba") is None:
        return "numba is not installed (pip install 'brainevent[cpu]')"
    return None


def _register(registry: Any) -> None:
    from .kernels import register

    register(registry)


BACKEND = Backend(
    name="numba",
    platforms=("cpu",),
    api=1,
    priority=100,
    available=_available,
    register=_register,
    languages={"numba_kernel": "brainevent_cpu.language:numba_kernel"},
)
