"""The code shared by commands that measure a table of cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.harness import reports
from benchmarks.harness.claims import Claim, judge
from benchmarks.harness.reports import Report
from benchmarks.harness.series import Peer, Prepared, known, measure
from benchmarks.options import Options
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.progress import following
from brainevent_core.bench.rounds import Effort
from brainevent_core.bench.tables import Table

__all__ = ["compared", "measured", "selected"]

ROOT = Path(__file__).parents[1]


def selected(options: Options, cases: Sequence[Any]) -> list[Any]:
    """The cases that the command line selects; each has the attributes ``name`` and ``is_quick``."""
    return [case for case in cases if options.selects(case.name) and (case.is_quick or not options.quick)]


def compared(
    title: str,
    options: Options,
    peers: Mapping[str, Peer],
    cases: Sequence[Any],
    stage: Callable[[Path, Mapping[str, Peer]], Callable[[Any], Prepared]],
    effort: Effort,
    *,
    claims: Sequence[Claim[Any]],
    table: Callable[[Sequence[Measured[Any]], Mapping[str, Peer], int], Table],
) -> Report | None:
    """Measure the cases that the command line selects and report them in one table, or list them.

    Args:
        title: the name of the benchmark.
        options: the command line.
        peers: all peers that can take part.
        cases: all cases.
        stage: returns the function that prepares a case, given the folder and the peers that take part.
        effort: how long to measure, unless the command line specifies it.
        claims: about the cases.
        table: returns the table of results, given these, the peers, and the number of threads.
    """
    chosen, threads = known(options.peers, peers), options.threads or 1
    some = selected(options, cases)
    if options.list_only:
        print(*(case.name for case in some), sep="\n")
        return None
    found = measured(title, options, chosen, some, lambda folder: stage(folder, chosen), effort, threads=threads)
    return Report(
        title,
        [table(found, chosen, threads)],
        judge(claims, found, lambda one: one.case.name),
        versions=reports.versions(one.outcomes for one in found),
        figures=[one.as_json() for one in found],
    )


def measured(
    title: str,
    options: Options,
    peers: Mapping[str, Peer],
    cases: Sequence[Any],
    stage: Callable[[Path], Callable[[Any], Prepared]],
    effort: Effort,
    *,
    threads: int = 1,
    fresh: bool = False,
) -> list[Measured[Any]]:
    """Measure cases, with a progress bar and a folder for their arrays.

    Args:
        title: of the progress bar.
        options: the command line: the clock, and how long to measure.
        peers: the peers that take part.
        cases: in the order in which they are measured.
        stage: returns the function that prepares a case, given the folder.
        effort: how long to measure, unless the command line specifies it.
        threads: per contender.
        fresh: as in :func:`measure`.
    """
    with (
        TemporaryDirectory(prefix="brainevent-benchmark-") as folder,
        following(title, len(cases), options.progress) as progress,
    ):
        return measure(
            cases,
            peers,
            stage(Path(folder)),
            path=ROOT,
            threads=threads,
            clock=options.clock_for(threads),
            effort=options.effort(effort),
            progress=progress,
            fresh=fresh,
        )
