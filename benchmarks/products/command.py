"""``hatch run bench products``."""

from __future__ import annotations

from benchmarks import published
from benchmarks.harness import reports
from benchmarks.harness.claims import judge
from benchmarks.harness.reports import Report
from benchmarks.harness.series import Peer, known
from benchmarks.options import Options
from benchmarks.products import pictures, report
from benchmarks.products.cases import CASES, Case
from benchmarks.products.claims import CLAIMS
from benchmarks.products.prepare import Stage
from benchmarks.suite import measured, selected
from brainevent_core.bench.machine import usable
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.rounds import Effort

__all__ = ["PEERS", "run"]

EFFORT = Effort(rounds=9, seconds=0.03, patience=3.0)

PEERS = {
    "ours": Peer("brainevent", "ours"),
    "core": Peer("core alone", "ours", {"backend": "events", "only": True}),
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
    found = [one for threads, cases in passes.items() for one in _measure(options, peers, threads, cases)]
    return Report(
        "products",
        [report.table(found, peers, threads) for threads in passes],
        judge(CLAIMS, found, lambda one: one.case.name),
        pictures.pictures(found, peers),
        reports.versions(one.outcomes for one in found),
        [one.as_json() for one in found],
    )


def _passes(options: Options) -> dict[int, list[Case]]:
    """The cases by number of threads: all with one, and some with two, unless the command line specifies it."""
    cases = selected(options, CASES)
    if options.threads is not None:
        return {options.threads: cases}
    shown = [case for case in cases if case.shows_threads]
    return {1: cases, **({2: shown} if shown and usable() >= 2 and not options.quick else {})}


def _measure(options: Options, peers: dict[str, Peer], threads: int, cases: list[Case]) -> list[Measured[Case]]:
    ordered = sorted(cases, key=lambda case: str(case.matrix))  # so that each matrix is drawn once
    title = f"products, {threads} thread{'s' * (threads > 1)}"
    found = measured(
        title, options, peers, ordered, lambda folder: Stage(folder, peers, threads), EFFORT, threads=threads
    )
    return sorted(found, key=lambda one: cases.index(one.case))
