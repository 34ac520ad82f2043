"""Writes results between markers in ``docs/benchmarks.md``, with pictures, and some into ``docs/performance.md``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks import summary
from benchmarks.harness import reports
from benchmarks.harness.reports import Report

__all__ = ["update"]

DOCS = Path(__file__).parents[1] / "docs"


def update(report: Report, *, machine: dict[str, str], command: str, page: Path = DOCS / "benchmarks.md") -> None:
    """Replace the text between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``, and the summary for users.

    Args:
        report: of the benchmark NAME.
        machine: the machine that it ran on.
        command: the command that was run.
        page: the page; pictures are written to the folder ``_static`` next to it.

    Raises:
        ValueError: if the page has no such markers.
    """
    for picture in report.pictures:
        picture.draw(page.parent / "_static" / f"{picture.name}.png")
    begin, end = f"<!-- begin {report.name} -->", f"<!-- end {report.name} -->"
    lines = [begin, "", *reports.markdown(report, "_static"), *_source(report, machine, command), "", end]
    text = page.read_text()
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{page} has no place for {report.name!r}: it must contain {begin!r} and {end!r}.")
    page.write_text(pattern.sub(lambda _: "\n".join(lines), text, count=1))
    overview = page.parent / "performance.md"
    if overview.exists():
        summary.update(page, overview)


def _source(report: Report, machine: dict[str, str], command: str) -> Iterator[str]:
    where = f"{machine['processor']} ({machine['cores']} cores), {machine['system']}, Python {machine['python']}"
    yield f"*`{command}` on {machine['date']}: {where}.*"
    if report.versions:
        yield ""
        yield " ".join(f"*{contender}: {versions}.*" for contender, versions in report.versions.items())
