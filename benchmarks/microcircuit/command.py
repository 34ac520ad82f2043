"""``hatch run bench microcircuit``."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness import reports
from benchmarks.harness.claims import Claim, judge
from benchmarks.harness.reports import Report
from benchmarks.harness.series import Peer, known
from benchmarks.microcircuit import report
from benchmarks.microcircuit.cases import CASES, Case
from benchmarks.microcircuit.prepare import Stage
from benchmarks.options import Options
from benchmarks.suite import measured, selected
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.ratios import times
from brainevent_core.bench.rounds import Effort

__all__ = ["PEERS", "run"]

EFFORT = Effort(rounds=3, seconds=0.03, patience=600.0)

PEERS = {
    "ours": Peer("brainevent", "ours"),
    "nest": Peer("NEST", "nest_simulator", {}, lambda: ["nest-simulator==3.10.0", "scipy"], "nest-3.10.0"),
}

CLAIMS: list[Claim[Measured[Case]]] = [
    Claim("a second of the microcircuit, against NEST", lambda one: True, times("nest"), at_least=1),
]


def run(options: Options) -> Report | None:
    """Measure the selected sizes, or list them."""
    peers, cases, threads = known(options.peers, PEERS), selected(options, CASES), options.threads or 1
    if options.list_only:
        print(*(case.name for case in cases), sep="\n")
        return None

    def stage(folder: Path) -> Stage:
        return Stage(peers, threads)

    found = measured("microcircuit", options, peers, cases, stage, EFFORT, threads=threads, fresh=True)
    return Report(
        "microcircuit",
        [report.table(found, peers)],
        judge(CLAIMS, found, lambda one: one.case.name),
        [],
        reports.versions(one.outcomes for one in found),
        [one.as_json() for one in found],
    )
