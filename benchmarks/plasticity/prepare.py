"""Draws the arrays of a case, and defines the tasks of the peers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from benchmarks.harness.contest import Task
from benchmarks.harness.series import Peer, Prepared
from benchmarks.plasticity import model
from benchmarks.plasticity.cases import Case
from benchmarks.plasticity.claims import CSR
from benchmarks.products.arrays import Arrays, save_matrix, write_matrix, write_patterns

__all__ = ["Stage"]


class Stage:
    """Prepares cases in a folder. Consecutive cases with the same matrix reuse it."""

    def __init__(self, folder: Path, peers: Mapping[str, Peer]) -> None:
        self._folder = folder
        self._peers = peers
        self._drawn: tuple[object, ...] | None = None

    def __call__(self, case: Case) -> Prepared:
        key = (*case.product.matrix, case.shuffled)
        if key != self._drawn:
            self._matrix = write_matrix(case.product, self._folder)
            if case.shuffled:
                self._matrix = _shuffled(self._matrix)
                save_matrix(self._matrix, self._folder)
            self._drawn = key
        patterns = write_patterns(case.product, self._folder)
        right = model.expected(case, self._matrix, patterns[0])
        arguments = {"case": asdict(case), "folder": str(self._folder)}
        tasks = {
            name: Task("benchmarks.plasticity.peers", "build", {"peer": peer.module, **peer.arguments, **arguments})
            for name, peer in self._peers.items()
            if name != CSR or case.format == "coo"
        }
        return Prepared(tasks, lambda result: model.what_is_wrong(result, right))


def _shuffled(matrix: Arrays, seed: int = 2) -> Arrays:
    order = np.random.default_rng(seed).permutation(matrix.data.size)
    return replace(matrix, data=matrix.data[order], indices=matrix.indices[order], row=matrix.row[order])
