"""A case, and the outcome of each contender."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from brainevent_core.bench.figures import Clock, Outcome, Spread, ratio

__all__ = ["Case", "Measured"]


class Case(Protocol):
    """A row of a table of cases, a dataclass."""

    @property
    def name(self) -> str:
        """Unique, and readable; ``--select`` searches in it."""


C = TypeVar("C", bound=Case)


@dataclass(frozen=True)
class Measured(Generic[C]):
    """The outcome of each contender in a case, and the clock by which they are compared."""

    case: C
    threads: int
    clock: Clock
    outcomes: Mapping[str, Outcome]
    facts: Mapping[str, float] = field(default_factory=dict)

    def seconds(self, contender: str, clock: Clock | None = None) -> Spread | None:
        """Seconds per call, on ``clock`` or the default clock; None if it was not measured."""
        outcome = self.outcomes.get(contender)
        return outcome.seconds(clock or self.clock) if outcome and outcome.measured else None

    def ratio(self, contender: str, to: str = "ours") -> Spread | None:
        """The time of a contender relative to that of ``to``; None if one of the two was not measured."""
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
