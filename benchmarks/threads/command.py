"""``hatch run bench threads``.

The kernels of a product run on pools that claim to have 1, 2, 4, 16 and 64 threads, and run every task on the calling
thread when it is queued. The CPU time is therefore that of the work, whatever else the machine is doing. The additional
time with several threads is spent on queueing tasks, with a call of Python for each, and on copies of results. The time
that threads of XLA's own pool take to wake up and to look for further tasks is not included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.harness import reports
from benchmarks.harness.claims import Claim, judge
from benchmarks.harness.contest import Task
from benchmarks.harness.reports import Report
from benchmarks.harness.series import Peer, Prepared, known, measure
from benchmarks.options import Options
from benchmarks.suite import selected
from benchmarks.threads.cases import CASES, POOLS, Case
from brainevent_core.bench import ratios
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.progress import following
from brainevent_core.bench.rounds import Effort
from brainevent_core.bench.tables import Table

__all__ = ["CLAIMS", "PEERS", "run"]

ROOT = Path(__file__).parents[2]
EFFORT = Effort(rounds=9, seconds=0.03, patience=10.0)
CONTENDERS = "benchmarks.threads.contenders"

PEERS = {f"pool-{pool}": Peer(f"{pool} threads" if pool > 1 else "1 thread", CONTENDERS) for pool in POOLS}
ALONE = f"pool-{POOLS[0]}"


def _of_alone(contender: str) -> Callable[[Measured[Case]], float | None]:
    def figure(one: Measured[Case]) -> float | None:
        found = one.ratio(contender, ALONE)
        return None if found is None else found.median

    return figure


CLAIMS = [
    Claim(
        f"CPU time with {pool} threads, relative to one thread",
        lambda one: True,
        _of_alone(f"pool-{pool}"),
        at_most=1.5,
    )
    for pool in POOLS[1:]
]


def run(options: Options) -> Report | None:
    """Measure the selected cases, or list them."""
    cases, peers = selected(options, CASES), known(options.peers, PEERS)
    if options.list_only:
        print(*(case.name for case in cases), sep="\n")
        return None

    def prepare(case: Case) -> Prepared:
        pools = zip(PEERS, POOLS, strict=True)
        tasks = {name: Task(CONTENDERS, "program", {"pool": pool, **asdict(case)}) for name, pool in pools}
        return Prepared({name: task for name, task in tasks.items() if name in peers})

    with following("threads", len(cases), options.progress) as progress:
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
        "threads",
        [_table(measured, peers)],
        judge(CLAIMS, measured, lambda one: one.case.name),
        versions=reports.versions(one.outcomes for one in measured),
        figures=[one.as_json() for one in measured],
    )


def _table(measured: list[Measured[Case]], peers: dict[str, Peer]) -> Table:
    others = [name for name in peers if name != ALONE]
    lines: list[list[Any]] = [
        [one.case.name, ratios.microseconds(one, ALONE), *(ratios.cell(one, name, ALONE) for name in others)]
        for one in measured
    ]
    clock = {one.clock for one in measured}
    head = ["case", "µs with 1 thread", *(f"× {peers[name].title}" for name in others)]
    title = f"Products, {len(lines)} cases, {'wall' if 'wall' in clock else 'CPU'} time"
    return Table(title, head, lines, [ratios.legend("1 thread")])
