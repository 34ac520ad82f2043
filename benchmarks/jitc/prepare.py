"""Draws the vectors of a case, and defines the tasks of the peers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.harness.contest import Task
from benchmarks.harness.series import Peer, Prepared
from benchmarks.jitc import model
from benchmarks.jitc.cases import DRAWS, Case

__all__ = ["Stage", "draw_patterns"]

PATTERNS = 16


class Stage:
    """Prepares cases in a folder."""

    def __init__(self, folder: Path, peers: Mapping[str, Peer]) -> None:
        self._file = folder / "patterns.npy"
        self._modules = {**{name: peer.module for name, peer in peers.items()}, DRAWS: "draws"}

    def __call__(self, case: Case) -> Prepared:
        patterns = draw_patterns(case)
        np.save(self._file, patterns)
        arguments = {"case": asdict(case), "patterns": str(self._file)}
        return Prepared(
            {
                name: Task("benchmarks.jitc.peers", "build", {"peer": module, **arguments})
                for name, module in self._modules.items()
            },
            partial(model.what_is_wrong, case, patterns[0]),
            {"connections": case.connections},
        )


def draw_patterns(case: Case, seed: int = 1) -> np.ndarray:
    """Bool of shape (patterns, n), each with the same number of spikes; or positive float32."""
    rng = np.random.default_rng(seed)
    if not case.event:
        return 0.5 + rng.random((PATTERNS, case.n), np.float32)
    patterns = np.zeros((PATTERNS, case.n), bool)
    for vector in patterns:
        vector[rng.choice(case.n, case.rows, replace=False)] = True
    return patterns
