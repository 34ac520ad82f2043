"""Who multiplies: one module per peer, with a function ``program(case, arrays, **) -> Program``.

They run in environments that hold little else than NumPy and the peer.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks import published
from benchmarks.harness.program import Program
from benchmarks.products.cases import Case

__all__ = ["PEERS", "Peer", "build"]


@dataclass(frozen=True)
class Peer:
    """A contender for products.

    Attributes:
        title: as tables show it.
        module: in this package.
        arguments: further ones of its ``program``.
        requirements: of an environment of its own; None if it runs in ours.
    """

    title: str
    module: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    requirements: Callable[[], list[str]] | None = None


PEERS = {
    "ours": Peer("brainevent", "ours"),
    "reference": Peer("reference", "ours", {"backend": "reference"}),
    "published": Peer(f"published {published.VERSION}", "published", requirements=published.requirements),
    "scipy": Peer("SciPy", "scipy_sparse"),
    "jax": Peer("jax.experimental.sparse", "jax_sparse"),
}


def build(peer: str, case: Mapping[str, Any], folder: str, threads: int) -> Program:
    """What a worker calls to prepare a case whose arrays lie in ``folder``."""
    from benchmarks.products.arrays import load

    module = importlib.import_module(f"benchmarks.products.peers.{PEERS[peer].module}")
    program: Program = module.program(Case(**case), load(folder), threads=threads, **PEERS[peer].arguments)
    return program
