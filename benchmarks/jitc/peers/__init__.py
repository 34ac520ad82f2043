"""Who multiplies: one module per peer, with a function ``program(case, patterns) -> Program``.

They run in environments that hold little else than NumPy and the peer.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from benchmarks.jitc.cases import Case
from brainevent_core.bench.program import Program

__all__ = ["build"]


def build(peer: str, case: Mapping[str, Any], patterns: str, **arguments: Any) -> Program:
    """What a worker calls to prepare a case for a module of this package; ``patterns`` is a file."""
    import numpy as np

    module = importlib.import_module(f"benchmarks.jitc.peers.{peer}")
    program: Program = module.program(Case(**case), np.load(patterns), **arguments)
    return program
