"""The descriptor by which `brainevent` discovers this package. Imports neither Pallas nor libtpu."""

from __future__ import annotations

import os
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING

from brainevent_core.plugins import Backend

if TYPE_CHECKING:
    from brainevent_core.plugins import KernelRegistry

__all__ = ["BACKEND"]

NAME = "pallas"

#: Device files of TPU chips: of their own driver, or passed through to a virtual machine.
_DEVICE_FILES = ("dev/accel[0-9]*", "dev/vfio/[0-9]*")


def _available(root: Path = Path("/")) -> str | None:
    if util.find_spec("libtpu") is None:
        return "JAX has no TPU runtime: pip install 'brainevent[tpu]'."
    if os.environ.get("TPU_SKIP_MDS_QUERY"):
        return None  # set to compile for a TPU on a machine without one
    if not any(file for pattern in _DEVICE_FILES for file in root.glob(pattern)):
        return (
            "there is no TPU on this machine. To compile for one without having it, set TPU_SKIP_MDS_QUERY=1 and "
            "JAX_PLATFORMS=cpu."
        )
    return None


def _register(registry: KernelRegistry) -> None:
    from .kernels import register

    # Only on request until they have been verified on a TPU: no self-test compares their results with the reference.
    register(registry, backend=NAME, on_request=True)


BACKEND = Backend(
    name=NAME,
    platforms=("tpu",),
    api=1,
    priority=100,
    available=_available,
    register=_register,
    languages={"pallas_kernel": "brainevent_tpu.language:pallas_kernel"},
)
