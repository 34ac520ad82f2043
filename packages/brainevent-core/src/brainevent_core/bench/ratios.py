"""Cells of tables that compare contenders with one of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from brainevent_core.bench.figures import Clock
from brainevent_core.bench.measured import Measured

__all__ = ["cell", "legend", "microseconds", "missing", "remarks", "times"]


def legend(to: str = "ours") -> str:
    """The meaning of the cells."""
    return f"×: how many times longer it takes than {to}, median over interleaved rounds [quartiles]."


def times(contender: str) -> Callable[[Measured[Any]], float | None]:
    """The figure of a claim: the time of a contender relative to ours."""

    def figure(one: Measured[Any]) -> float | None:
        found = one.ratio(contender)
        return None if found is None else found.median

    return figure


def cell(one: Measured[Any], contender: str, to: str = "ours") -> str:
    """The time of a contender relative to that of ``to``; its own time if the latter is missing."""
    found = one.ratio(contender, to)
    if found is not None:
        return f"{found.median:.2f} [{found.low:.2f}, {found.high:.2f}]"
    seconds = one.seconds(contender)
    return missing(one, contender) if seconds is None else f"{seconds.median * 1e6:.1f} µs"


def microseconds(one: Measured[Any], contender: str = "ours", clock: Clock | None = None) -> str:
    """The time of a contender, or why there is none."""
    seconds = one.seconds(contender, clock)
    return missing(one, contender) if seconds is None else f"{seconds.median * 1e6:.1f}"


def missing(one: Measured[Any], contender: str) -> str:
    """Why there is no figure, in a word; a dash if it doesn't take part."""
    outcome = one.outcomes.get(contender)
    return "-" if outcome is None or outcome.status == "unsupported" else outcome.status


def remarks(measured: Sequence[Measured[Any]], titles: Mapping[str, str]) -> list[str]:
    """A line for every reason why something was not measured; ``titles`` are display names of contenders."""
    where: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for one in measured:
        for name, outcome in one.outcomes.items():
            if not outcome.measured:
                reason = (outcome.reason or "").strip().splitlines() or ["no reason given"]
                where[titles.get(name, name), outcome.status, reason[-1]].append(one.case.name)
    return [
        f"{title} {status} ({reason}): {', '.join(names) if len(names) < 5 else f'{len(names)} cases'}."
        for (title, status, reason), names in where.items()
    ]
