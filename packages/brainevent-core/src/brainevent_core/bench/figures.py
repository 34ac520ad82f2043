"""Measured times, and statistics of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["Clock", "Outcome", "Sample", "Spread", "ratio", "spread"]

Clock = Literal["cpu", "wall"]


@dataclass(frozen=True)
class Spread:
    """A median with its quartiles."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles of one or more values."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(statistics.median(values), low, high)


@dataclass(frozen=True)
class Sample:
    """The seconds of a call in one round: wall-clock time, and CPU time of all threads together."""

    wall: float
    cpu: float


@dataclass
class Outcome:
    """The outcome of a contender.

    Attributes:
        status: "measured", or the reason why not: "unsupported" by the contender, "wrong" result, "failed" with an
            exception.
        reason: for all statuses except "measured".
        versions: of the relevant distributions.
        notes: additional information from the contender.
        calls: the number of calls in one measurement.
        samples: one per round; slow contenders take part in the first rounds only.
        peak_bytes: the largest resident memory of its process, if known.
        result: its result, if that consists of a few numbers.
    """

    status: Literal["measured", "unsupported", "wrong", "failed"]
    reason: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    calls: int = 0
    samples: list[Sample] = field(default_factory=list)
    peak_bytes: int | None = None
    result: list[float] | None = None

    @property
    def measured(self) -> bool:
        return self.status == "measured"

    def seconds(self, clock: Clock) -> Spread:
        """Seconds per call, over the rounds."""
        return spread([getattr(sample, clock) for sample in self.samples])

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def ratio(theirs: Outcome, ours: Outcome, clock: Clock) -> Spread:
    """The ratio of their time to ours within a round, and its spread over the rounds.

    The speed of a machine drifts by more than the differences of interest, but times of one round drift together.
    """
    pairs = zip(theirs.samples, ours.samples)  # the slower contender may have taken part in fewer rounds
    return spread([getattr(their, clock) / getattr(our, clock) for their, our in pairs])
