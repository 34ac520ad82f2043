"""``hatch run bench connect``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial

import numpy as np

from benchmarks import published
from benchmarks.connect.cases import CASES, Case
from benchmarks.connect.claims import CLAIMS, per_second
from benchmarks.harness import reports
from benchmarks.harness.claims import judge
from benchmarks.harness.contest import Task
from benchmarks.harness.reports import Report
from benchmarks.harness.series import Peer, Prepared, known, titles
from benchmarks.options import Options
from benchmarks.suite import measured, selected
from brainevent_core.bench import ratios
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.rounds import Effort
from brainevent_core.bench.tables import Table

__all__ = ["PEERS", "run"]

EFFORT = Effort(rounds=5, seconds=0.03, patience=3.0)

BRAINTOOLS = "0.3.0"


def _requirements() -> list[str]:
    return [f"braintools=={BRAINTOOLS}", *published.same_as_ours()]


PEERS = {
    "ours": Peer("brainevent", "ours"),
    "braintools": Peer(
        f"braintools {BRAINTOOLS}", "braintools_builders", {}, _requirements, f"braintools-{BRAINTOOLS}"
    ),
}


def run(options: Options) -> Report | None:
    """Measure the selected cases, or list them. One thread, because the amount of work is compared."""
    peers = known(options.peers, PEERS)
    cases = selected(options, CASES)
    if options.list_only:
        print(*(case.name for case in cases), sep="\n")
        return None
    found = measured("connect", options, peers, cases, lambda folder: partial(_prepared, peers), EFFORT)
    return Report(
        "connect",
        [_table(found, peers)],
        judge(CLAIMS, found, lambda one: one.case.name),
        versions=reports.versions(one.outcomes for one in found),
        figures=[one.as_json() for one in found],
    )


def _prepared(peers: Mapping[str, Peer], case: Case) -> Prepared:
    tasks = {
        name: Task("benchmarks.connect.peers", "build", {"peer": peer.module, "case": asdict(case)})
        for name, peer in peers.items()
    }
    return Prepared(tasks, partial(what_is_wrong, case))


def what_is_wrong(case: Case, degrees: np.ndarray) -> str | None:
    """A description of the error in the out- and in-degrees of all neurons; None if they conform to the rule."""
    if degrees.shape != (2, case.n):
        return f"The degrees have shape {degrees.shape}; expected was (2, {case.n})."
    fixed = {"fixed_outdegree": degrees[0], "fixed_indegree": degrees[1]}.get(case.rule)
    if fixed is not None and not (fixed == case.degree).all():
        return f"Degrees are from {fixed.min()} to {fixed.max()}; expected was {case.degree} of each neuron."
    exact = case.rule != "pairwise_bernoulli"
    away = abs(int(degrees[0].sum()) - case.synapses)
    if away > (0 if exact else 6 * math.sqrt(case.synapses)):
        return f"There are {degrees[0].sum()} synapses; expected were {case.synapses}."
    return None


def _table(measured: Sequence[Measured[Case]], peers: Mapping[str, Peer]) -> Table:
    """One line per case: our time, our synapses per second, and how many times as long the peers take."""
    others = {name: peer for name, peer in peers.items() if name != "ours"}
    lines = []
    for one in measured:
        speed = per_second(one)
        cells = [ratios.microseconds(one), "" if speed is None else f"{speed:.1f}"]
        lines.append([one.case.name, *cells, *(ratios.cell(one, name) for name in others)])
    clock = "CPU time" if all(one.clock == "cpu" for one in measured) else "wall time"
    head = ["case", "µs", "10⁶ synapses per second", *(f"× {peer.title}" for peer in others.values())]
    notes = [ratios.legend(), *ratios.remarks(measured, titles(peers))]
    return Table(f"Connection rules, {len(measured)} cases, one thread, {clock}", head, lines, notes)
