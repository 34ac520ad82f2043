"""``hatch run bench plasticity``."""

from __future__ import annotations

from benchmarks import published
from benchmarks.harness.reports import Report
from benchmarks.harness.series import Peer
from benchmarks.options import Options
from benchmarks.plasticity import report
from benchmarks.plasticity.cases import CASES
from benchmarks.plasticity.claims import CLAIMS, CSR
from benchmarks.plasticity.prepare import Stage
from benchmarks.suite import compared
from brainevent_core.bench.rounds import Effort

__all__ = ["PEERS", "run"]

EFFORT = Effort(rounds=9, seconds=0.03, patience=3.0)

PEERS = {
    "ours": Peer("brainevent", "ours"),
    "reference": Peer("reference", "ours", {"backend": "reference"}),
    "published": published.peer("published"),
    CSR: Peer("the same as CSR", "ours", {"as_csr": True}),
}


def run(options: Options) -> Report | None:
    """Measure the selected cases, or list them."""
    return compared("plasticity", options, PEERS, CASES, Stage, EFFORT, claims=CLAIMS, table=report.table)
