"""The peers that deliver events: one module each, with a function ``program(case, arrays, patterns) -> Program``.

They run in environments that contain little more than NumPy and the peer.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.delays.cases import SLOTS, Case
from brainevent_core.bench.program import Program

__all__ = ["build", "stepping"]


def build(peer: str, case: Mapping[str, Any], folder: str, **arguments: Any) -> Program:
    """Prepare a case, whose arrays are in ``folder``, for a module of this package; workers call this."""
    from benchmarks.products.arrays import load

    module = importlib.import_module(f"benchmarks.delays.peers.{peer}")
    program: Program = module.program(Case(**case), *load(folder), **arguments)
    return program


def stepping(step: Any, held: Any, case: Case, patterns: np.ndarray, distributions: tuple[str, ...]) -> Program:
    """A loop of ``step(held, spikes, ring, t) -> (now, ring, t)``, starting from an empty ring."""
    from brainevent_core.bench.loop import looped

    # The slot that was taken comes first: the loop reads a number of the first array, and would have to copy a ring.
    begin = [np.zeros(case.n, np.float32), np.zeros((SLOTS, case.n), np.float32), np.zeros((), np.int32)]
    made = looped(
        lambda held, spikes, carried: list(step(held, spikes, *carried[1:])),
        held,
        patterns,
        carried=begin,
        distributions=distributions,
    )
    result = made.result
    assert result is not None
    return Program(made.run, lambda: np.asarray(result()[1]), made.distributions, made.notes)
