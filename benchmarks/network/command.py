"""``hatch run bench network``."""

from __future__ import annotations

from pathlib import Path

from benchmarks import published
from benchmarks.harness import reports
from benchmarks.harness.claims import judge
from benchmarks.harness.reports import Report
from benchmarks.harness.series import Peer, known
from benchmarks.network import pictures, report
from benchmarks.network.cases import CASES
from benchmarks.network.claims import CLAIMS
from benchmarks.network.prepare import STEPS, Stage
from benchmarks.options import Options
from benchmarks.suite import measured, selected
from brainevent_core.bench.rounds import Effort

__all__ = ["PEERS", "run"]

EFFORT = Effort(rounds=5, seconds=0.03, patience=60.0)


def _brainpy() -> list[str]:
    return ["brainpy[cpu]==2.8.2", *published.same_as_ours()]


def _brian2() -> list[str]:
    return ["brian2==2.9.0", "numpy<2.4", "setuptools"]  # 2.9.0 uses functions that NumPy 2.4 removed


PEERS = {
    "ours": Peer("brainevent", "coba_loop"),
    "core": Peer("core alone", "coba_loop", {"backend": "events"}),
    "reference": Peer("reference", "coba_loop", {"backend": "reference", "at_most": STEPS // 10}),
    "published": published.peer("coba_loop"),
    "brainpy": Peer("brainpy", "brainpy_loop", {}, _brainpy, "brainpy-2.8.2"),
    "brian2": Peer("Brian2 C++", "brian", {"method": "exponential_euler"}, _brian2, "brian2-2.9.0"),
    "brian2-euler": Peer("Brian2 C++, Euler", "brian", {"method": "euler"}, _brian2, "brian2-2.9.0"),
}


def run(options: Options) -> Report | None:
    """Measure the selected sizes, or list them."""
    peers = known(options.peers, PEERS)
    cases = selected(options, CASES)
    if options.list_only:
        print(*(case.name for case in cases), sep="\n")
        return None

    def stage(folder: Path) -> Stage:
        return Stage(folder, peers)

    found = measured("network", options, peers, cases, stage, EFFORT, threads=options.threads or 1, fresh=True)
    return Report(
        "network",
        [report.table(found, peers)],
        judge(CLAIMS, found, lambda one: one.case.name),
        pictures.pictures(found, peers),
        reports.versions(one.outcomes for one in found),
        [one.as_json() for one in found],
    )
