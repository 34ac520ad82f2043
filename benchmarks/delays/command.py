"""``hatch run bench delays``."""

from __future__ import annotations

from benchmarks import published
from benchmarks.delays import report
from benchmarks.delays.cases import CASES
from benchmarks.delays.claims import CLAIMS
from benchmarks.delays.prepare import Stage
from benchmarks.harness.reports import Report
from benchmarks.harness.series import Peer
from benchmarks.options import Options
from benchmarks.suite import compared
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
    return compared("delays", options, PEERS, CASES, Stage, EFFORT, claims=CLAIMS, table=report.table)
