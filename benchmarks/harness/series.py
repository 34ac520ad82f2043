"""A series of cases, each a contest between the same peers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from benchmarks.harness.contest import Contender, Contest, Effort, Task
from benchmarks.harness.environments import environment
from benchmarks.harness.figures import Clock, Outcome, Spread, ratio

__all__ = ["Case", "Measured", "Peer", "Prepared", "known", "measure"]


class Case(Protocol):
    """A row of a table of cases, a dataclass."""

    @property
    def name(self) -> str:
        """Unique, and readable; ``--select`` searches in it."""


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
    """

    title: str
    module: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    requirements: Callable[[], list[str]] | None = None
    environment: str = ""

    def contender(self, name: str) -> Contender:
        """Who competes; installs the environment if it isn't there."""
        if self.requirements is None:
            return Contender(name)
        return Contender(name, environment(self.environment, self.requirements()))


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


@dataclass(frozen=True)
class Measured(Generic[C]):
    """What became of each contender in a case, and the clock by which they are compared."""

    case: C
    threads: int
    clock: Clock
    outcomes: Mapping[str, Outcome]
    facts: Mapping[str, float] = field(default_factory=dict)

    def seconds(self, contender: str) -> Spread | None:
        """Per call; None if it was not measured."""
        outcome = self.outcomes.get(contender)
        return outcome.seconds(self.clock) if outcome and outcome.measured else None

    def ratio(self, contender: str, to: str = "ours") -> Spread | None:
        """How many times longer it takes; None if one of the two was not measured."""
        theirs, ours = self.outcomes.get(contender), self.outcomes.get(to)
        if theirs is None or ours is None or not (theirs.measured and ours.measured):
            return None
        return ratio(theirs, ours, self.clock)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.case.name,
            "case": asdict(self.case),  # type: ignore[call-overload]
            "threads": self.threads,
            "clock": self.clock,
            "facts": dict(self.facts),
            "outcomes": {name: outcome.as_json() for name, outcome in self.outcomes.items()},
        }


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
    contenders = {name: peer.contender(name) for name, peer in peers.items()}
    measured = []
    with Contest(threads=threads, path=[path]) as contest:
        for case in cases:
            progress(case.name, "draw")
            prepared = prepare(case)
            tasks = {contenders.get(name, Contender(name)): task for name, task in prepared.tasks.items()}
            outcomes = contest.compete(tasks, effort, check=prepared.check, progress=partial(progress, case.name))
            measured.append(Measured(case, threads, clock, outcomes, prepared.facts))
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
