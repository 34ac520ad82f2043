"""``hatch run bench jitc``."""

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
from benchmarks.jitc import report
from benchmarks.jitc.cases import CASES
from benchmarks.jitc.claims import CLAIMS
from benchmarks.jitc.prepare import Stage
from benchmarks.options import Options

__all__ = ["PEERS", "run"]

ROOT = Path(__file__).parents[2]
EFFORT = Effort(rounds=7, seconds=0.03, patience=2.0)

PEERS = {"ours": Peer("brainevent", "ours"), "published": published.peer("published")}


def run(options: Options) -> Report | None:
    """Measure the selected cases, or list them. One thread: what is compared is the work."""
    peers = known(options.peers, PEERS)
    cases = [case for case in CASES if options.selects(case.name) and (case.is_quick or not options.quick)]
    if options.list_only:
        print(*(case.name for case in cases), sep="\n")
        return None
    with (
        TemporaryDirectory(prefix="brainevent-jitc-") as folder,
        following("jitc", len(cases), options.progress) as progress,
    ):
        measured = measure(
            cases,
            peers,
            Stage(Path(folder), peers),
            path=ROOT,
            threads=1,
            clock=options.clock_for(1),
            effort=options.effort(EFFORT),
            progress=progress,
        )
    return Report(
        "jitc",
        [report.table(measured, peers)],
        judge(CLAIMS, measured, lambda one: one.case.name),
        versions=reports.versions(one.outcomes for one in measured),
        figures=[one.as_json() for one in measured],
    )
