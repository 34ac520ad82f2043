"""The peers that multiply: one module each, with a function ``program(case, patterns) -> Program``.

They run in environments that contain little more than NumPy and the peer.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from benchmarks.jitc.cases import Case
from brainevent_core.bench.program import Program

__all__ = ["build"]


def build(peer: str, case: Mapping[str, Any], patterns: str, **arguments: Any) -> Program:
    """Prepare a case for a module of this package; workers call this. ``patterns`` is a file."""
    import numpy as np

    module = importlib.import_module(f"benchmarks.jitc.peers.{peer}")
    program: Program = module.program(Case(**case), np.load(patterns), **arguments)
    return program
