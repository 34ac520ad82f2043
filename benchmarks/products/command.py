"""``hatch run bench products``."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import published
from benchmarks.harness import reports
from benchmarks.harness.claims import judge
from benchmarks.harness.contest import Effort
from benchmarks.harness.cores import usable
from benchmarks.harness.progress import following
from benchmarks.harness.reports import Report
from benchmarks.harness.series import Measured, Peer, known, measure
from benchmarks.options import Options
from benchmarks.products import pictures, report
from benchmarks.products.cases import CASES, Case
from benchmarks.products.claims import CLAIMS
from benchmarks.products.prepare import Stage

__all__ = ["PEERS", "run"]

ROOT = Path(__file__).parents[2]
EFFORT = Effort(rounds=9, seconds=0.03, patience=3.0)

PEERS = {
    "ours": Peer("brainevent", "ours"),
    "reference": Peer("reference", "ours", {"backend": "reference"}),
    "published": published.peer("published"),
    "scipy": Peer("SciPy", "scipy_sparse"),
    "jax": Peer("jax.experimental.sparse", "jax_sparse"),
}


def run(options: Options) -> Report | None:
    """Measure the selected cases, or list them."""
    peers = known(options.peers, PEERS)
    passes = _passes(options)
    if options.list_only:
        for threads, cases in passes.items():
            print(*(f"{case.name}  ({threads} thread{'s' * (threads > 1)})" for case in cases), sep="\n")
        return None
    measured = [one for threads, cases in passes.items() for one in _measure(options, peers, threads, cases)]
    return Report(
        "products",
        [report.table(measured, peers, threads) for threads in passes],
        judge(CLAIMS, measured, lambda one: one.case.name),
        pictures.pictures(measured, peers),
        reports.versions(one.outcomes for one in measured),
        [one.as_json() for one in measured],
    )


def _passes(options: Options) -> dict[int, list[Case]]:
    """The cases by number of threads: all with one, and some with two, unless one or the other is asked for."""
    cases = [case for case in CASES if options.selects(case.name) and (case.is_quick or not options.quick)]
    if options.threads is not None:
        return {options.threads: cases}
    shown = [case for case in cases if case.shows_threads]
    return {1: cases, **({2: shown} if shown and usable() >= 2 and not options.quick else {})}


def _measure(options: Options, peers: dict[str, Peer], threads: int, cases: list[Case]) -> list[Measured[Case]]:
    ordered = sorted(cases, key=lambda case: str(case.matrix))  # so that each matrix is drawn once
    with (
        TemporaryDirectory(prefix="brainevent-products-") as folder,
        following(f"products, {threads} thread{'s' * (threads > 1)}", len(cases), options.progress) as progress,
    ):
        measured = measure(
            ordered,
            peers,
            Stage(Path(folder), peers, threads),
            path=ROOT,
            threads=threads,
            clock=options.clock_for(threads),
            effort=options.effort(EFFORT),
            progress=progress,
        )
    return sorted(measured, key=lambda one: cases.index(one.case))
