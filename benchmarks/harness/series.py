"""A series of cases, each a contest between the same peers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks.harness.contest import Contender, Contest, Task
from benchmarks.harness.environments import environment
from brainevent_core.bench.figures import Clock, Outcome
from brainevent_core.bench.measured import Case, Measured
from brainevent_core.bench.rounds import Effort

__all__ = ["Peer", "Prepared", "known", "measure", "titles"]


C = TypeVar("C", bound=Case)


@dataclass(frozen=True)
class Peer:
    """A participant in a series.

    Attributes:
        title: its name in tables.
        module: the module that makes its programs.
        arguments: additional arguments for the module.
        requirements: returns the requirements of its own environment; None if it runs in ours.
        environment: the name of this environment.
        python: the oldest version of Python that it may have; our version is used unless it is older.
    """

    title: str
    module: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    requirements: Callable[[], list[str]] | None = None
    environment: str = ""
    python: tuple[int, int] = (3, 0)

    def contender(self, name: str) -> Contender:
        """The contender; installs its environment if it doesn't exist."""
        if self.requirements is None:
            return Contender(name)
        return Contender(name, environment(self.environment, self.requirements(), python=self.python))


@dataclass(frozen=True)
class Prepared:
    """A case that is ready for contenders.

    Attributes:
        tasks: by peer, or by the name of an additional contender that runs in our environment.
        check: returns a description of the error in a result, or None.
        facts: about the case, for example the number of bytes that must be moved.
    """

    tasks: Mapping[str, Task]
    check: Callable[[np.ndarray], str | None] | None = None
    facts: Mapping[str, float] = field(default_factory=dict)


def measure(
    cases: Iterable[C],
    peers: Mapping[str, Peer],
    prepare: Callable[[C], Prepared],
    *,
    path: Path,
    threads: int,
    clock: Clock,
    effort: Effort,
    progress: Callable[[str, str], None],
    fresh: bool = False,
) -> list[Measured[C]]:
    """Measure case after case.

    Args:
        peers: by name; peers without a task for a case are omitted.
        prepare: draws the arrays of a case and defines its tasks.
        path: the folder from which the modules of tasks are imported.
        progress: called with the name of the case and a description of each step.
        fresh: start new processes for each case, so that the memory of one doesn't affect the next.
    """
    contenders, absent = {}, {}
    for name, peer in peers.items():
        try:
            contenders[name] = peer.contender(name)
        except (OSError, subprocess.CalledProcessError) as error:  # for example without a network
            absent[name] = Outcome("failed", f"its environment could not be made: {error}")
    measured = []
    with Contest(threads=threads, path=[path]) as contest:
        for case in cases:
            progress(case.name, "draw")
            prepared = prepare(case)
            tasks = {
                contenders.get(name, Contender(name)): task
                for name, task in prepared.tasks.items()
                if name not in absent
            }
            outcomes = contest.compete(tasks, effort, check=prepared.check, progress=partial(progress, case.name))
            measured.append(Measured(case, threads, clock, {**outcomes, **absent}, prepared.facts))
            if fresh:
                contest.restart()
    return measured


def known(names: Sequence[str] | None, peers: Mapping[str, Peer]) -> dict[str, Peer]:
    """The named peers, or all of them if ``names`` is None.

    Raises:
        SystemExit: for an unknown name.
    """
    if names is None:
        return dict(peers)
    for name in names:
        if name not in peers:
            raise SystemExit(f"No peer is called {name!r}; there are {', '.join(peers)}.")
    return {name: peers[name] for name in names}


def titles(peers: Mapping[str, Peer]) -> dict[str, str]:
    """The titles of peers in tables."""
    return {name: peer.title for name, peer in peers.items()}
