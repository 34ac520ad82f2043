"""Cells of tables that compare contenders with ours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.harness.series import Measured, Peer

__all__ = ["LEGEND", "cell", "microseconds", "missing", "remarks", "times"]

LEGEND = "×: how many times longer it takes than ours, median over interleaved rounds [quartiles]."


def times(contender: str) -> Callable[[Measured[Any]], float | None]:
    """The figure of a claim: how many times longer a contender takes than ours."""

    def figure(one: Measured[Any]) -> float | None:
        found = one.ratio(contender)
        return None if found is None else found.median

    return figure


def cell(one: Measured[Any], contender: str) -> str:
    """How many times longer it takes; its own time where ours is missing."""
    found = one.ratio(contender)
    if found is not None:
        return f"{found.median:.2f} [{found.low:.2f}, {found.high:.2f}]"
    seconds = one.seconds(contender)
    return missing(one, contender) if seconds is None else f"{seconds.median * 1e6:.1f} µs"


def microseconds(one: Measured[Any]) -> str:
    """Our own time, or why there is none."""
    seconds = one.seconds("ours")
    return missing(one, "ours") if seconds is None else f"{seconds.median * 1e6:.1f}"


def missing(one: Measured[Any], contender: str) -> str:
    """Why there is no figure, in a word; a dash if it doesn't take part."""
    outcome = one.outcomes.get(contender)
    return "-" if outcome is None or outcome.status == "unsupported" else outcome.status


def remarks(measured: Sequence[Measured[Any]], peers: Mapping[str, Peer]) -> list[str]:
    """A line for every reason why something was not measured."""
    where: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for one in measured:
        for name, outcome in one.outcomes.items():
            if not outcome.measured:
                reason = (outcome.reason or "").strip().splitlines() or ["no reason given"]
                title = peers[name].title if name in peers else name
                where[title, outcome.status, reason[-1]].append(one.case.name)
    return [
        f"{title} {status} ({reason}): {', '.join(names) if len(names) < 5 else f'{len(names)} cases'}."
        for (title, status, reason), names in where.items()
    ]
