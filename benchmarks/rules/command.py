"""``hatch run bench rules``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from benchmarks.harness import reports
from benchmarks.harness.claims import Claim, judge
from benchmarks.harness.contest import Task
from benchmarks.harness.reports import Report
from benchmarks.harness.series import Peer, Prepared, known, measure
from benchmarks.options import Options
from benchmarks.rules.cases import CASES, Case
from benchmarks.suite import selected
from brainevent_core.bench import ratios
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.progress import following
from brainevent_core.bench.ratios import times
from brainevent_core.bench.rounds import Effort
from brainevent_core.bench.tables import Table

__all__ = ["CLAIMS", "PEERS", "run"]

ROOT = Path(__file__).parents[2]
EFFORT = Effort(rounds=9, seconds=0.03, patience=10.0)
CONTENDERS = "benchmarks.rules.contenders"

ALL = "all"
PEERS = {
    "ours": Peer("active synapses", CONTENDERS),
    ALL: Peer("all synapses", CONTENDERS, {"backend": "reference"}),
}

CLAIMS = [
    Claim(
        "presynaptic spikes of 1 % of the neurons, against the rule on all synapses",
        lambda one: one.case.side == "pre" and one.case.activity == 0.01,
        times(ALL),
        at_least=20,
    )
]


def run(options: Options) -> Report | None:
    """Measure the selected cases, or list them."""
    cases, peers = selected(options, CASES), known(options.peers, PEERS)
    if options.list_only:
        print(*(case.name for case in cases), sep="\n")
        return None

    def prepare(case: Case) -> Prepared:
        return Prepared(
            {name: Task(CONTENDERS, "program", {**peer.arguments, **asdict(case)}) for name, peer in peers.items()}
        )

    with following("rules", len(cases), options.progress) as progress:
        measured = measure(
            cases,
            peers,
            prepare,
            path=ROOT,
            threads=1,
            clock=options.clock or "cpu",
            effort=options.effort(EFFORT),
            progress=progress,
        )
    return Report(
        "rules",
        [_table(measured)],
        judge(CLAIMS, measured, lambda one: one.case.name),
        versions=reports.versions(one.outcomes for one in measured),
        figures=[one.as_json() for one in measured],
    )


def _table(measured: list[Measured[Case]]) -> Table:
    lines = [[one.case.name, ratios.microseconds(one), ratios.cell(one, ALL)] for one in measured]
    clock = "wall" if "wall" in {one.clock for one in measured} else "CPU"
    return Table(
        f"A rule with two values per synapse, {len(lines)} cases, 1 thread, {clock} time",
        ["case", "µs", f"× {PEERS[ALL].title}"],
        lines,
        [ratios.legend()],
    )
