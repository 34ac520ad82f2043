"""``hatch run bench jitc``."""

from __future__ import annotations

from benchmarks import published
from benchmarks.harness import reports
from benchmarks.harness.claims import judge
from benchmarks.harness.reports import Report
from benchmarks.harness.series import Peer, known
from benchmarks.jitc import report
from benchmarks.jitc.cases import CASES
from benchmarks.jitc.claims import CLAIMS
from benchmarks.jitc.prepare import Stage
from benchmarks.options import Options
from benchmarks.suite import measured, selected
from brainevent_core.bench.rounds import Effort

__all__ = ["PEERS", "run"]

EFFORT = Effort(rounds=7, seconds=0.03, patience=2.0)

PEERS = {"ours": Peer("brainevent", "ours"), "published": published.peer("published")}


def run(options: Options) -> Report | None:
    """Measure the selected cases, or list them. One thread, because the amount of work is compared."""
    peers = known(options.peers, PEERS)
    cases = selected(options, CASES)
    if options.list_only:
        print(*(case.name for case in cases), sep="\n")
        return None
    found = measured("jitc", options, peers, cases, lambda folder: Stage(folder, peers), EFFORT)
    return Report(
        "jitc",
        [report.table(found, peers)],
        judge(CLAIMS, found, lambda one: one.case.name),
        versions=reports.versions(one.outcomes for one in found),
        figures=[one.as_json() for one in found],
    )
