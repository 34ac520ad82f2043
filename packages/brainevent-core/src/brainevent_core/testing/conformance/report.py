"""The report of a run: counts by primitive, transform and dtype, then failed and declined cases."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

from brainevent_core.info import table
from brainevent_core.testing.conformance.case import Outcome

__all__ = ["as_data", "conforms", "render"]

_VERDICTS = ("passed", "failed", "declined")
_SHOWN = 20


def conforms(outcomes: Sequence[Outcome]) -> bool:
    """Whether a kernel of the backend passed some case, none failed, and all declines are declared."""
    return all(outcome.conforms for outcome in outcomes) and any(o.verdict == "passed" for o in outcomes)


def as_data(backend: str, outcomes: Sequence[Outcome], untested: Sequence[str]) -> dict[str, Any]:
    """The report as plain data."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    return {
        "backend": backend,
        "conforms": conforms(outcomes),
        **{verdict: counts[verdict] for verdict in _VERDICTS},
        "untested_primitives": list(untested),
        "cases": [dataclasses.asdict(outcome) for outcome in outcomes],
    }


def render(backend: str, outcomes: Sequence[Outcome], untested: Sequence[str]) -> str:
    """The report as text."""
    dtypes = list(dict.fromkeys(outcome.dtype for outcome in outcomes))
    counts = Counter((o.primitive, o.transform, o.dtype, o.verdict) for o in outcomes)
    lines = [
        (*line, *(_cell([counts[(*line, dtype, verdict)] for verdict in _VERDICTS]) for dtype in dtypes))
        for line in dict.fromkeys((o.primitive, o.transform) for o in sorted(outcomes, key=lambda o: o.primitive))
    ]
    parts = ["passed / failed / declined", table(("primitive", "transform", *dtypes), lines)]
    declined: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.verdict == "declined":
            declined.setdefault(("" if outcome.named else "UNNAMED: ") + outcome.message, []).append(outcome)
    if declined:
        rows = [(str(len(group)), reason, f"e.g. {group[0].case}") for reason, group in declined.items()]
        parts.append("Declined\n" + "\n".join(f"{count:>5}  {reason}\n       {case}" for count, reason, case in rows))
    failed = [outcome for outcome in outcomes if outcome.verdict == "failed"]
    parts += [f"FAILED {outcome.case}\n    {outcome.message}" for outcome in failed[:_SHOWN]]
    if len(failed) > _SHOWN:
        parts.append(f"{len(failed) - _SHOWN} more have failed; --json lists them all.")
    if untested:
        parts.append(f"The kit has no cases for {', '.join(untested)}: primitives of your own need tests of your own.")
    return "\n\n".join([*parts, _verdict(backend, outcomes)])


def _cell(counts: Sequence[int]) -> str:
    return "/".join(map(str, counts)) if any(counts) else ""


def _verdict(backend: str, outcomes: Sequence[Outcome]) -> str:
    counts = Counter(outcome.verdict for outcome in outcomes)
    unnamed = sum(outcome.verdict == "declined" and not outcome.named for outcome in outcomes)
    summary = f"{', '.join(f'{counts[verdict]} {verdict}' for verdict in _VERDICTS)}, {unnamed} of them unnamed"
    if conforms(outcomes):
        return f"{backend} conforms: {summary}."
    nothing = "" if counts["passed"] or counts["failed"] else " No kernel of its own has run."
    return f"{backend} does NOT conform: {summary}.{nothing}"
