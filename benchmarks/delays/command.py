"""``hatch run bench delays``."""

from __future__ import annotations

from benchmarks import published
from benchmarks.delays import report
from benchmarks.delays.cases import CASES
from benchmarks.delays.claims import CLAIMS
from benchmarks.delays.prepare import Stage
from benchmarks.harness import reports
from benchmarks.harness.claims import judge
from benchmarks.harness.reports import Report
from benchmarks.harness.series import Peer, known
from benchmarks.options import Options
from benchmarks.suite import measured, selected
from brainevent_core.bench.rounds import Effort

__all__ = ["PEERS", "run"]

EFFORT = Effort(rounds=9, seconds=0.03, patience=3.0)

PEERS = {
    "ours": Peer("brainevent", "ours"),
    "reference": Peer("reference", "ours", {"backend": "reference"}),
    "published": published.newest("published"),
    "layout": published.newest("published", title="its layout", layout=True),
}


def run(options: Options) -> Report | None:
    """Measure the selected cases, or list them."""
    peers, threads = known(options.peers, PEERS), options.threads or 1
    cases = selected(options, CASES)
    if options.list_only:
        print(*(case.name for case in cases), sep="\n")
        return None
    found = measured("delays", options, peers, cases, lambda folder: Stage(folder, peers), EFFORT, threads=threads)
    return Report(
        "delays",
        [report.table(found, peers, threads)],
        judge(CLAIMS, found, lambda one: one.case.name),
        versions=reports.versions(one.outcomes for one in found),
        figures=[one.as_json() for one in found],
    )
