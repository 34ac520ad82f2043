"""What the commands that measure a table of cases have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.harness.series import Peer, Prepared, measure
from benchmarks.options import Options
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.progress import following
from brainevent_core.bench.rounds import Effort

__all__ = ["measured", "selected"]

ROOT = Path(__file__).parents[1]


def selected(options: Options, cases: Sequence[Any]) -> list[Any]:
    """The cases that the command line asks for; each has a ``name``, and says whether it ``is_quick``."""
    return [case for case in cases if options.selects(case.name) and (case.is_quick or not options.quick)]


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
        peers: who takes part.
        cases: in the order in which they are measured.
        stage: makes what prepares a case, of the folder.
        effort: how long to measure unless the command line says so.
        threads: of every contender.
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
