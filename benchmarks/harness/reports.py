"""Reports of benchmarks, for the terminal, for Markdown, and for JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import claims
from benchmarks.harness.claims import Verdict
from brainevent_core.bench import tables
from brainevent_core.bench.figures import Outcome
from brainevent_core.bench.tables import Table

__all__ = ["Picture", "Report", "markdown", "plain", "versions"]


@dataclass(frozen=True)
class Picture:
    """A picture of results.

    Attributes:
        name: name of its file, without the extension.
        caption: a sentence about what it shows.
        draw: writes it to a file.
    """

    name: str
    caption: str
    draw: Callable[[Path], None]


@dataclass(frozen=True)
class Report:
    """The results of one benchmark.

    Attributes:
        name: of the benchmark.
        tables: of results; those with many lines are folded in Markdown.
        verdicts: on the claims of the benchmark.
        pictures: of the same figures.
        versions: of the distributions, by contender.
        figures: all figures, for JSON.
    """

    name: str
    tables: Sequence[Table]
    verdicts: Sequence[Verdict] = ()
    pictures: Sequence[Picture] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    figures: Any = None

    def as_json(self) -> dict[str, Any]:
        return {"verdicts": [verdict.as_json() for verdict in self.verdicts], "figures": self.figures}


FOLDED_FROM = 25
"""Lines of a table, from which Markdown shows its title alone until one unfolds it."""


def plain(report: Report) -> Iterator[str]:
    """Lines for a terminal."""
    for table in _tables(report):
        yield ""
        yield from tables.plain(table)


def markdown(report: Report, pictures: str) -> Iterator[str]:
    """Lines of Markdown.

    Args:
        pictures: the folder of the pictures, relative to the page.
    """
    for picture in report.pictures:
        yield from (f"![{picture.caption}]({pictures}/{picture.name}.png)", "", f"*{picture.caption}*", "")
    for table in _tables(report):
        if len(table.lines) < FOLDED_FROM:
            yield from (f"**{table.title}**", "", *tables.markdown(table), "")
        else:
            yield from ("<details>", f"<summary>{table.title}</summary>", "", *tables.markdown(table))
            yield from ("", "</details>", "")


def versions(outcomes: Iterable[Mapping[str, Outcome]]) -> dict[str, str]:
    """The versions of distributions, by contender, as a line of text."""
    return {
        name: ", ".join(f"{distribution} {version}" for distribution, version in outcome.versions.items())
        for contest in outcomes
        for name, outcome in contest.items()
        if outcome.versions
    }


def _tables(report: Report) -> list[Table]:
    return [*([claims.table(report.verdicts)] if report.verdicts else []), *report.tables]
