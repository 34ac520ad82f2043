"""Draws the arrays of a case, and defines the tasks of the peers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.harness.contest import Task
from benchmarks.harness.series import Peer, Prepared
from benchmarks.products import model
from benchmarks.products.arrays import Arrays, write_matrix, write_patterns
from benchmarks.products.cases import MEMORY, Case
from benchmarks.products.claims import is_large

__all__ = ["Stage"]


class Stage:
    """Prepares cases in a folder. Consecutive cases with the same matrix reuse it."""

    def __init__(self, folder: Path, peers: Mapping[str, Peer], threads: int) -> None:
        self._folder = folder
        self._peers = peers
        self._threads = threads
        self._drawn: tuple[object, ...] | None = None

    def __call__(self, case: Case) -> Prepared:
        if case.matrix != self._drawn:
            self._matrix = write_matrix(case, self._folder)
            self._model = model.matrix(case, self._matrix)
            self._drawn = case.matrix
        patterns = write_patterns(case, self._folder)
        right = model.expected(case, self._model, patterns)
        arguments = {"case": asdict(case), "folder": str(self._folder), "threads": self._threads}
        tasks = {
            name: Task("benchmarks.products.peers", "build", {"peer": peer.module, **peer.arguments, **arguments})
            for name, peer in self._peers.items()
        }
        if is_large(case):
            tasks[MEMORY] = Task("benchmarks.harness.bandwidth", "program", {"threads": self._threads})
        return Prepared(
            tasks,
            lambda result: model.what_is_wrong(result, right),
            {"bytes_moved": case.bytes_moved(_stored(case, self._matrix), _active(case, patterns))},
        )


def _stored(case: Case, matrix: Arrays) -> int:
    return matrix.data.size if case.format == "dense" else matrix.indices.size


def _active(case: Case, patterns: np.ndarray) -> int:
    """The average number of rows or columns that a pattern needs: those where any vector of its batch is nonzero."""
    needed = patterns != 0
    if case.batch > 1:
        needed = needed.any(axis=1 if case.side == "left" else 2)
    return round(needed.sum(axis=1).mean())
