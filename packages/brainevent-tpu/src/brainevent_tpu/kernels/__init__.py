"""The TPU kernels, written in Pallas."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainevent_core.plugins import KernelRegistry

__all__ = ["register"]


def register(registry: KernelRegistry, *, backend: str) -> None:
    """Add the kernels to ``registry`` under the name ``backend``. There are none yet: TPUs run the reference."""
