"""Comparison of test results with the published package and with ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from brainevent_core.bench.tables import Table
from clients.runs import Result

__all__ = ["Comparison", "compare", "table"]

JUST_IN_TIME = "just-in-time"
GROUPS = ("stored", JUST_IN_TIME)


@dataclass(frozen=True)
class Comparison:
    """One test file and one group of its tests: those that use generated connectivity, or all others.

    Attributes:
        client: the package that the test belongs to.
        file: the test file.
        group: one of ``GROUPS``.
        published: results by test, with the published package.
        ours: results by test, with ours.
        required: whether all tests must pass with ours, whatever they do with the published package (our own tests).
    """

    client: str
    file: str
    group: str
    published: dict[str, Result]
    ours: dict[str, Result]
    required: bool

    @property
    def broken(self) -> list[Result]:
        """Tests that fail with ours, and that pass with the published package or are required."""
        return [result for result in self._ours() if result.outcome in ("failed", "crashed") and self._counts(result)]

    @property
    def repaired(self) -> list[str]:
        """Tests that pass with ours and fail with the published package."""
        failed = {name for name, result in self.published.items() if result.outcome in ("failed", "crashed")}
        return sorted(name for name in failed if name in self.ours and self.ours[name].outcome == "passed")

    def _counts(self, result: Result) -> bool:
        # A file that can't be imported, or a process that crashed between tests, is one result without a test name.
        passed = [name for name, other in self.published.items() if other.outcome == "passed"]
        return self.required or result.test in passed or (not result.test and bool(passed))

    def _ours(self) -> Iterator[Result]:
        yield from self.ours.values()
        told = {result.outcome for result in self.ours.values() if not result.test} | {
            result.outcome for result in self.ours.values() if result.outcome == "crashed"
        }
        if not told:  # a missing test counts as failed
            for name, result in self.published.items():
                if name not in self.ours:
                    yield Result(result.file, name, "failed", "was not run", frozenset())


def compare(
    client: str, published: Sequence[Result], ours: Sequence[Result], *, required: bool = False
) -> list[Comparison]:
    """Comparisons by file and group, without files in which no test used brainevent, unless they are ``required``."""
    just_in_time = {
        (result.file, result.test)
        for result in (*published, *ours)
        if any(name.startswith(("JITC", "jit", "binary_jit")) for name in result.uses)
    }
    found = []
    for file in dict.fromkeys(result.file for result in (*published, *ours)):
        results = [result for result in (*published, *ours) if result.file == file]
        if not required and not any(result.uses for result in results):
            continue
        for group in GROUPS:
            before, after = (
                {
                    result.test: result
                    for result in side
                    if result.file == file and ((file, result.test) in just_in_time) == (group == JUST_IN_TIME)
                }
                for side in (published, ours)
            )
            if before or after:
                found.append(Comparison(client, file, group, before, after, required))
    return found


def table(comparisons: Sequence[Comparison], title: str, remarks: Sequence[str]) -> Table:
    """A row for each comparison, and a remark for each broken test."""
    head = ("client", "test file", "group", "published", "ours", "")
    lines = [
        (
            one.client,
            one.file.removeprefix(f"{one.client}/"),
            one.group,
            _counts(one.published),
            _counts(one.ours),
            _verdict(one),
        )
        for one in comparisons
    ]
    broken = [
        f"  {one.client} {one.file}::{result.test} [{one.group}]: {result.message}"
        for one in comparisons
        for result in one.broken
    ]
    return Table(title, head, lines, [*remarks, *(["", "Broken on ours:", *broken] if broken else [])])


def _counts(results: dict[str, Result]) -> str:
    counted = Counter(result.outcome for result in results.values())
    parts = [f"{counted[outcome]} {outcome}" for outcome in ("passed", "failed", "crashed", "skipped")]
    return ", ".join(part for part in parts if not part.startswith("0 ")) or "-"


def _verdict(one: Comparison) -> str:
    if one.broken:
        return f"BROKEN {len(one.broken)}"
    return f"repaired {len(one.repaired)}" if one.repaired else "ok"
