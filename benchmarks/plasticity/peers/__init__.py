"""The peers that update weights: one module each, with a function ``program(case, arrays, patterns) -> Program``.

They run in environments that contain little more than NumPy and the peer.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from benchmarks.plasticity.cases import Case
from brainevent_core.bench.program import Program

__all__ = ["build"]


def build(peer: str, case: Mapping[str, Any], folder: str, **arguments: Any) -> Program:
    """Prepare a case, whose arrays are in ``folder``, for a module of this package; workers call this."""
    from benchmarks.products.arrays import load

    module = importlib.import_module(f"benchmarks.plasticity.peers.{peer}")
    program: Program = module.program(Case(**case), *load(folder), **arguments)
    return program
