"""Runs cases of products against peers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.harness.contest import Contender, Contest, Effort, Task
from benchmarks.harness.environments import environment
from benchmarks.harness.figures import Outcome
from benchmarks.products import model
from benchmarks.products.arrays import Arrays, write
from benchmarks.products.cases import Case
from benchmarks.products.peers import PEERS

__all__ = ["MEMORY", "Measured", "measure"]

ROOT = Path(__file__).parents[2]

MEMORY = "memory"
"""The contender that reads memory as fast as it goes, beside cases too large for the caches."""

LARGE = 64_000_000
"""Bytes that a product moves, from which it is compared with the memory."""


@dataclass(frozen=True)
class Measured:
    """A case, the bytes that one product moves, and what became of each contender."""

    case: Case
    bytes_moved: int
    outcomes: dict[str, Outcome]

    def as_json(self) -> dict[str, Any]:
        outcomes = {name: outcome.as_json() for name, outcome in self.outcomes.items()}
        return {"name": self.case.name, **asdict(self.case), "bytes_moved": self.bytes_moved, "outcomes": outcomes}


def measure(
    cases: Sequence[Case], peers: Sequence[str], threads: int, effort: Effort, progress: Callable[[str, str], None]
) -> list[Measured]:
    """Measure the cases, those that share a matrix one after the other.

    Args:
        peers: keys of ``PEERS``.
        progress: is told the name of the case and what is being done.
    """
    contenders = {peer: Contender(peer, *_interpreter(peer)) for peer in peers}
    measured = []
    with Contest(threads=threads, path=[ROOT]) as contest, TemporaryDirectory(prefix="brainevent-products-") as root:
        for number, case in enumerate(cases):
            progress(case.name, "draw")
            folder = Path(root) / str(number)
            folder.mkdir()
            arrays = write(case, folder)
            right = model.expected(case, arrays)
            stored = arrays.data.size if case.format == "dense" else arrays.indices.size
            moved = case.bytes_moved(stored, _active(case, arrays))
            del arrays
            arguments = {"case": asdict(case), "folder": str(folder), "threads": threads}
            tasks = {
                contender: Task("benchmarks.products.peers", "build", {"peer": peer, **arguments})
                for peer, contender in contenders.items()
            }
            if moved >= LARGE:
                tasks[Contender(MEMORY)] = Task("benchmarks.harness.bandwidth", "program", {"threads": threads})
            outcomes = contest.compete(
                tasks,
                effort,
                check=lambda result, right=right: model.what_is_wrong(result, right),
                progress=lambda doing, case=case: progress(case.name, doing),
            )
            measured.append(Measured(case, moved, outcomes))
            shutil.rmtree(folder)
    return measured


def _interpreter(peer: str) -> list[str]:
    """That of an environment of the peer's own, or none for ours."""
    requirements = PEERS[peer].requirements
    return [environment(peer, requirements())] if requirements else []


def _active(case: Case, arrays: Arrays) -> int:
    """How many rows or columns an average pattern needs: those where any vector of its batch isn't zero."""
    patterns = np.asarray(arrays.patterns) != 0
    if case.batch > 1:
        patterns = patterns.any(axis=1 if case.side == "left" else 2)
    return round(patterns.sum(axis=1).mean())
