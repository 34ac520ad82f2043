"""The published package of the same name, which benchmarks compare with. Needs only the standard library."""

from __future__ import annotations

import importlib.metadata

__all__ = ["VERSION", "requirements"]

VERSION = "0.2.1"


def requirements() -> list[str]:
    """Of an environment for it, with the same JAX and Numba as in ours."""
    same = [f"{name}=={importlib.metadata.version(name)}" for name in ("jax", "jaxlib", "numba", "numpy")]
    return [f"brainevent=={VERSION}", *same, "scipy"]
