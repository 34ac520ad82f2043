"""Draws the arrays of a case, and defines the tasks of the peers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from benchmarks.delays import model
from benchmarks.delays.cases import Case
from benchmarks.harness.contest import Task
from benchmarks.harness.series import Peer, Prepared
from benchmarks.products.arrays import write_matrix, write_patterns

__all__ = ["Stage"]


class Stage:
    """Prepares cases in a folder. Consecutive cases with the same matrix reuse it."""

    def __init__(self, folder: Path, peers: Mapping[str, Peer]) -> None:
        self._folder = folder
        self._peers = peers
        self._drawn: object = None

    def __call__(self, case: Case) -> Prepared:
        if case.product.matrix != self._drawn:
            self._matrix = write_matrix(case.product, self._folder)
            self._drawn = case.product.matrix
        patterns = write_patterns(case.product, self._folder)
        right = model.expected(case, self._matrix, patterns[0])
        arguments = {"case": asdict(case), "folder": str(self._folder)}
        tasks = {
            name: Task("benchmarks.delays.peers", "build", {"peer": peer.module, **peer.arguments, **arguments})
            for name, peer in self._peers.items()
        }
        return Prepared(tasks, lambda result: model.what_is_wrong(result, right))
