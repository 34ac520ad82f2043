"""The published package of the same name, which benchmarks compare with."""

from __future__ import annotations

import importlib.metadata

from benchmarks.harness.series import Peer

__all__ = ["NEWEST", "VERSION", "newest", "newest_requirements", "peer", "same_as_ours"]

VERSION = "0.2.1"

#: The release with delays. It needs newer versions of Python and JAX than the oldest that ours supports.
NEWEST = "0.3.0"


def peer(module: str, **arguments: object) -> Peer:
    """A peer in an environment with the published package, and the same JAX and Numba as in ours."""
    return Peer(f"published {VERSION}", module, arguments, _requirements, f"published-{VERSION}")


def newest(module: str, *, title: str = f"published {NEWEST}", **arguments: object) -> Peer:
    """A peer in an environment with the newest published release, and versions of Python and JAX that it supports."""
    return Peer(title, module, arguments, newest_requirements, f"published-{NEWEST}", python=(3, 12))


def same_as_ours() -> list[str]:
    """Requirements for the same versions of JAX, Numba and NumPy as in our environment."""
    return [f"{name}=={importlib.metadata.version(name)}" for name in ("jax", "jaxlib", "numba", "numpy")]


def _requirements() -> list[str]:
    return [f"brainevent=={VERSION}", *same_as_ours(), "scipy"]


def newest_requirements() -> list[str]:
    """Requirements of the newest published release, with our version of Numba and a version of JAX that it supports."""
    # It imports importlib_metadata without requiring it.
    return [f"brainevent=={NEWEST}", "importlib_metadata", f"numba=={importlib.metadata.version('numba')}", "scipy"]
