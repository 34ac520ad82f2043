"""The tasks of contenders, and the expected firing rates."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np

from benchmarks.harness.contest import Task
from benchmarks.harness.series import Peer, Prepared
from benchmarks.microcircuit.cases import Case
from benchmarks.network.prepare import EXAMPLES

__all__ = ["STEPS", "Stage"]

STEPS = 10_000
"""A second of biological time, in steps of 0.1 ms; half a second before it is not measured."""


class Stage:
    """Prepares cases. Each contender draws the network itself, by the same rules."""

    def __init__(self, peers: Mapping[str, Peer], threads: int) -> None:
        self._peers, self._threads = peers, threads

    def __call__(self, case: Case) -> Prepared:
        arguments = {"scale": case.scale, "seed": case.seed, "steps": STEPS, "threads": self._threads}
        tasks = {
            name: Task(f"benchmarks.microcircuit.peers.{peer.module}", "program", {**arguments, **peer.arguments})
            for name, peer in self._peers.items()
        }
        # One second of a small network is less informative, because L5I has only 107 neurons, and activity correlates.
        return Prepared(tasks, lambda rates: _what_is_wrong(rates, 0.15 if case.scale == 1 else 0.5))


def _what_is_wrong(rates: np.ndarray, tolerance: float) -> str | None:
    if str(EXAMPLES) not in sys.path:
        sys.path.append(str(EXAMPLES))
    from microcircuit import RATES

    if np.allclose(rates, RATES, rtol=tolerance, atol=0.3):
        return None
    return f"The populations fire at {np.round(rates, 2)} Hz; published are {RATES}."
