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
    """Who takes part in a series.

    Attributes:
        title: as tables show it.
        module: that makes its programs.
        arguments: further ones for it.
        requirements: gives those of an environment of its own; None if it runs in ours.
        environment: the name of that environment.
        python: the oldest Python that it may have; ours, if that is not older.
    """

    title: str
    module: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    requirements: Callable[[], list[str]] | None = None
    environment: str = ""
    python: tuple[int, int] = (3, 0)

    def contender(self, name: str) -> Contender:
        """Who competes; installs the environment if it isn't there."""
        if self.requirements is None:
            return Contender(name)
        return Contender(name, environment(self.environment, self.requirements(), python=self.python))


@dataclass(frozen=True)
class Prepared:
    """A case that contenders can begin with.

    Attributes:
        tasks: by peer, or by the name of a further contender that runs in our environment.
        check: takes a result, and returns what is wrong with it or None.
        facts: about the case, such as how many bytes must be moved.
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
        peers: by name; those who have no task in a case are left out of it.
        prepare: draws what a case needs and says what to do with it.
        path: the folder from which the modules of tasks are imported.
        progress: is told the name of the case and what is being done.
        fresh: give each case new processes, so that the memory of one doesn't show in the next.
    """
    contenders, absent = {}, {}
    for name, peer in peers.items():
        try:
            contenders[name] = peer.contender(name)
        except (OSError, subprocess.CalledProcessError) as error:  # without a network, say
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
    """The named peers, all if none are named.

    Raises:
        SystemExit: for a name that isn't there.
    """
    if names is None:
        return dict(peers)
    for name in names:
        if name not in peers:
            raise SystemExit(f"No peer is called {name!r}; there are {', '.join(peers)}.")
    return {name: peers[name] for name in names}


def titles(peers: Mapping[str, Peer]) -> dict[str, str]:
    """How tables show them."""
    return {name: peer.title for name, peer in peers.items()}
