"""The published package of the same name, which benchmarks compare with."""

from __future__ import annotations

import importlib.metadata

from benchmarks.harness.series import Peer

__all__ = ["VERSION", "peer", "same_as_ours"]

VERSION = "0.2.1"


def peer(module: str, **arguments: object) -> Peer:
    """A peer in an environment with the published package, and the same JAX and Numba as in ours."""
    return Peer(f"published {VERSION}", module, arguments, _requirements, f"published-{VERSION}")


def same_as_ours() -> list[str]:
    """Requirements that give an environment the JAX, Numba and NumPy of ours."""
    return [f"{name}=={importlib.metadata.version(name)}" for name in ("jax", "jaxlib", "numba", "numpy")]


def _requirements() -> list[str]:
    return [f"brainevent=={VERSION}", *same_as_ours(), "scipy"]
