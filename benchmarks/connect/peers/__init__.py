"""Who connects: one module per peer, with a function ``program(case) -> Program``.

The result of a program is the out-degree of every neuron, then the in-degree. They run in environments that hold little
else than NumPy and the peer.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from benchmarks.connect.cases import Case
from brainevent_core.bench.program import Program

__all__ = ["SEED", "build"]

SEED = 123


def build(peer: str, case: Mapping[str, Any]) -> Program:
    """What a worker calls to prepare a case for a module of this package."""
    program: Program = importlib.import_module(f"benchmarks.connect.peers.{peer}").program(Case(**case))
    return program
