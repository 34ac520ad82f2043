"""The peers that multiply: one module each, with a function ``program(case, arrays, patterns, threads) -> Program``.

They run in environments that contain little more than NumPy and the peer.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from benchmarks.products.cases import Case
from brainevent_core.bench.program import Program

__all__ = ["build"]


def build(peer: str, case: Mapping[str, Any], folder: str, threads: int, **arguments: Any) -> Program:
    """Prepare a case, whose arrays are in ``folder``, for a module of this package; workers call this."""
    from benchmarks.products.arrays import load

    module = importlib.import_module(f"benchmarks.products.peers.{peer}")
    program: Program = module.program(Case(**case), *load(folder), threads=threads, **arguments)
    return program
