"""Claims about measurements, and whether they are met."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from brainevent_core.bench.tables import Table

__all__ = ["Claim", "Verdict", "judge", "table"]

T = TypeVar("T")


@dataclass(frozen=True)
class Claim(Generic[T]):
    """A lower or an upper bound of a figure, for all measurements that the claim is about.

    Attributes:
        text: the claim.
        about: whether it is about this measurement.
        figure: the figure of a measurement; None if there is none.
        at_least: the lower bound; None if there is an upper bound.
        at_most: the upper bound.
        unit: shown after figures.
        median: whether the claim is about the median of the figures instead of each figure.
    """

    text: str
    about: Callable[[T], bool]
    figure: Callable[[T], float | None]
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "×"
    median: bool = False


@dataclass(frozen=True)
class Verdict:
    """The result for a claim.

    Attributes:
        claim: its text.
        needed: the required figure, with its unit.
        worst: the worst figure, with the name of its case; None if nothing was measured.
        met: the number of cases in which the claim is met.
        cases: the number of measured cases that the claim is about.
    """

    claim: str
    needed: str
    worst: tuple[str, str] | None
    met: int
    cases: int

    @property
    def word(self) -> str:
        if not self.cases:
            return "not measured"
        return "met" if self.met == self.cases else "NOT MET"

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.word}


def judge(claims: Sequence[Claim[T]], measured: Sequence[T], name: Callable[[T], str]) -> list[Verdict]:
    """A verdict for every claim."""
    return [_verdict(claim, list(_figures(claim, measured, name))) for claim in claims]


def table(verdicts: Iterable[Verdict]) -> Table:
    """One line per claim."""
    lines = [
        [v.claim, v.needed, *(v.worst or ("", "")), f"{v.met}/{v.cases}" if v.cases else "", v.word] for v in verdicts
    ]
    return Table("Claims", ["claim", "needed", "worst", "in", "cases", "verdict"], lines)


def _figures(claim: Claim[T], measured: Sequence[T], name: Callable[[T], str]) -> Iterator[tuple[float, str]]:
    for one in measured:
        figure = claim.figure(one) if claim.about(one) else None
        if figure is not None:
            yield figure, name(one)


def _verdict(claim: Claim[T], figures: list[tuple[float, str]]) -> Verdict:
    if claim.median and figures:
        figures = [(statistics.median(figure for figure, _ in figures), f"median of {len(figures)} cases")]
    if claim.at_least is not None:
        needed, worst = f"≥ {_shown(claim.at_least, claim.unit)}", min
        met = sum(figure >= claim.at_least for figure, _ in figures)
    else:
        assert claim.at_most is not None
        needed, worst = f"≤ {_shown(claim.at_most, claim.unit)}", max
        met = sum(figure <= claim.at_most for figure, _ in figures)
    if not figures:
        return Verdict(claim.text, needed, None, 0, 0)
    figure, where = worst(figures)
    return Verdict(claim.text, needed, (_shown(figure, claim.unit), where), met, len(figures))


def _shown(figure: float, unit: str) -> str:
    if unit == "%":
        return f"{100 * figure:.0f} %"
    return f"{figure:.3g} {unit}"
