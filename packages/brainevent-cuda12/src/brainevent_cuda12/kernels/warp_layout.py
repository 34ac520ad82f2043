"""A check of Warp's layout of launch bounds, which the launcher writes itself and Warp may change at any time."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

__all__ = ["fault"]

#: Fields of the launch bounds of one dimension: offset and size in bytes.
_BOUNDS = {"shape": (0, 4), "size": (8, 8), "coord_mult": (16, 8)}
_BYTES = 24


@functools.cache
def fault() -> str | None:
    """Why kernels compiled by the installed Warp can't be launched natively; None if they can."""
    import warp as wp

    found = _bounds_type()
    if found is None:
        return _refusal(wp.__version__, "it has no launch bounds where they are looked for")
    fields = {name: (getattr(found, name).offset, getattr(found, name).size) for name, *_ in found._fields_}
    if (fields, ctypes.sizeof(found)) != (_BOUNDS, _BYTES):
        return _refusal(wp.__version__, f"its launch bounds have the fields {fields} in {ctypes.sizeof(found)} bytes")
    return None


def _bounds_type() -> Any:
    try:
        from warp._src.types import launch_bounds_t

        return type(launch_bounds_t((1,)))
    except Exception:
        return None


def _refusal(version: str, what: str) -> str:
    return (
        f"Warp {version} can't be launched natively: {what}. Install a version that brainevent was tested with, 1.16 "
        "to 1.19"
    )
