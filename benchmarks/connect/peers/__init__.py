"""The peers that draw connections: one module each, with a function ``program(case) -> Program``.

The result of a program is the out-degrees of all neurons, then the in-degrees. They run in environments that contain
little more than NumPy and the peer.
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
    """Prepare a case for a module of this package; workers call this."""
    program: Program = importlib.import_module(f"benchmarks.connect.peers.{peer}").program(Case(**case))
    return program
