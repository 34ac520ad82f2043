"""``hatch run bench plasticity``."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import published
from benchmarks.harness import reports
from benchmarks.harness.claims import judge
from benchmarks.harness.contest import Effort
from benchmarks.harness.progress import following
from benchmarks.harness.reports import Report
from benchmarks.harness.series import Peer, known, measure
from benchmarks.options import Options
from benchmarks.plasticity import report
from benchmarks.plasticity.cases import CASES
from benchmarks.plasticity.claims import CLAIMS, CSR
from benchmarks.plasticity.prepare import Stage

__all__ = ["PEERS", "run"]

ROOT = Path(__file__).parents[2]
EFFORT = Effort(rounds=9, seconds=0.03, patience=3.0)

PEERS = {
    "ours": Peer("brainevent", "ours"),
    "reference": Peer("reference", "ours", {"backend": "reference"}),
    "published": published.peer("published"),
    CSR: Peer("the same as CSR", "ours", {"as_csr": True}),
}


def run(options: Options) -> Report | None:
    """Measure the selected cases, or list them."""
    peers, threads = known(options.peers, PEERS), options.threads or 1
    cases = [case for case in CASES if options.selects(case.name) and (case.is_quick or not options.quick)]
    if options.list_only:
        print(*(case.name for case in cases), sep="\n")
        return None
    with (
        TemporaryDirectory(prefix="brainevent-plasticity-") as folder,
        following("plasticity", len(cases), options.progress) as progress,
    ):
        measured = measure(
            cases,
            peers,
            Stage(Path(folder), peers),
            path=ROOT,
            threads=threads,
            clock=options.clock_for(threads),
            effort=options.effort(EFFORT),
            progress=progress,
        )
    return Report(
        "plasticity",
        [report.table(measured, peers, threads)],
        judge(CLAIMS, measured, lambda one: one.case.name),
        versions=reports.versions(one.outcomes for one in measured),
        figures=[one.as_json() for one in measured],
    )
