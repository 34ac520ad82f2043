"""The published package of the same name, which benchmarks compare with."""

from __future__ import annotations

import importlib.metadata

from benchmarks.harness.series import Peer

__all__ = ["VERSION", "peer"]

VERSION = "0.2.1"


def peer(module: str, **arguments: object) -> Peer:
    """A peer in an environment with the published package, and the same JAX and Numba as in ours."""
    return Peer(f"published {VERSION}", module, arguments, _requirements, f"published-{VERSION}")


def _requirements() -> list[str]:
    same = [f"{name}=={importlib.metadata.version(name)}" for name in ("jax", "jaxlib", "numba", "numpy")]
    return [f"brainevent=={VERSION}", *same, "scipy"]
