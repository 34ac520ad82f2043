"""``hatch run bench network``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import published
from benchmarks.harness import ratios, reports
from benchmarks.harness.claims import judge
from benchmarks.harness.contest import Effort
from benchmarks.harness.pictures import BLUE, COLOURS, GREY, draw, plain_numbers
from benchmarks.harness.progress import following
from benchmarks.harness.reports import Picture, Report
from benchmarks.harness.series import Measured, Peer, known, measure
from benchmarks.harness.tables import Table
from benchmarks.network.cases import CASES, Case
from benchmarks.network.claims import CLAIMS
from benchmarks.network.prepare import STEPS, Stage
from benchmarks.options import Options

__all__ = ["PEERS", "run"]

ROOT = Path(__file__).parents[2]
EFFORT = Effort(rounds=5, seconds=0.03, patience=60.0)


def _brian2() -> list[str]:
    return ["brian2==2.9.0", "numpy<2.4", "setuptools"]  # 2.9.0 uses what NumPy 2.4 removed


PEERS = {
    "ours": Peer("brainevent", "coba_loop"),
    "reference": Peer("reference", "coba_loop", {"backend": "reference", "at_most": STEPS // 10}),
    "published": published.peer("coba_loop"),
    "brainpy": Peer("brainpy", "brainpy_loop", {}, lambda: ["brainpy[cpu]==2.8.2", "numba"], "brainpy-2.8.2"),
    "brian2": Peer("Brian2 C++", "brian", {"method": "exponential_euler"}, _brian2, "brian2-2.9.0"),
    "brian2-euler": Peer("Brian2 C++, Euler", "brian", {"method": "euler"}, _brian2, "brian2-2.9.0"),
}


def run(options: Options) -> Report | None:
    """Measure the selected sizes, or list them."""
    peers = known(options.peers, PEERS)
    cases = [case for case in CASES if options.selects(case.name) and (case.scale == 1 or not options.quick)]
    if options.list_only:
        print(*(case.name for case in cases), sep="\n")
        return None
    threads = options.threads or 1
    with (
        TemporaryDirectory(prefix="brainevent-network-") as folder,
        following("network", len(cases), options.progress) as progress,
    ):
        measured = measure(
            cases,
            peers,
            Stage(Path(folder), peers),
            path=ROOT,
            threads=threads,
            clock=options.clock_for(threads),
            effort=options.effort(EFFORT),
            progress=progress,
            fresh=True,
        )
    return Report(
        "network",
        [_table(measured, peers)],
        judge(CLAIMS, measured, lambda one: one.case.name),
        _pictures(measured, peers),
        reports.versions(one.outcomes for one in measured),
        [one.as_json() for one in measured],
    )


def _table(measured: Sequence[Measured[Case]], peers: Mapping[str, Peer]) -> Table:
    lines = []
    for one in measured:
        for name, peer in peers.items():
            seconds, outcome = one.seconds(name), one.outcomes[name]
            label = f"{one.case.neurons:,} neurons: {peer.title}"
            if seconds is None:
                lines.append([label, ratios.missing(one, name), "", "", "", ""])
                continue
            *rates, _ = outcome.result or [0.0]
            lines.append(
                [
                    label,
                    f"{seconds.median * 1e6:.1f}",
                    f"{1e-4 / seconds.median:.2g}",
                    ratios.cell(one, name),
                    " / ".join(f"{rate:.1f}" for rate in rates),
                    f"{(outcome.peak_bytes or 0) / 1e6:,.0f}",
                ]
            )
    head = ["network", "µs per step", "times real time", "× brainevent", "rates (Hz)", "peak memory (MB)"]
    clock = "CPU time" if measured and measured[0].clock == "cpu" else "wall time"
    return Table(
        f"One second of the COBA network, compilation excluded, {clock}",
        head,
        lines,
        [ratios.LEGEND, "The reference is slow and simulates the first 0.1 s alone.", *ratios.remarks(measured, peers)],
    )


def _pictures(measured: Sequence[Measured[Case]], peers: Mapping[str, Peer]) -> list[Picture]:
    return [
        Picture(
            "benchmark-network",
            "The COBA network: time per step, and the largest memory of the process, against its size. "
            "Below the dashed line it runs faster than in real time.",
            lambda file: draw(file, partial(_paint, measured=measured, peers=peers), (11, 4.2)),
        )
    ]


def _paint(figure: Any, measured: Sequence[Measured[Case]], peers: Mapping[str, Peer]) -> None:
    time, memory = figure.subplots(1, 2)
    colours = {"ours": BLUE, "reference": GREY}
    colours |= dict(zip((name for name in peers if name not in colours), COLOURS))
    for name, peer in peers.items():
        done = [(one, seconds) for one in measured if (seconds := one.seconds(name))]
        if not done:
            continue
        neurons = [one.case.neurons for one, _ in done]
        style = {"color": colours[name], "marker": "o", "markersize": 5, "linewidth": 2.2 if name == "ours" else 1.2}
        time.plot(neurons, [seconds.median * 1e6 for _, seconds in done], label=peer.title, **style)
        memory.plot(neurons, [(one.outcomes[name].peak_bytes or 0) / 1e6 for one, _ in done], **style)
    time.axhline(100, color="#444444", linestyle="--", linewidth=1)
    time.set_title("time per step of 0.1 ms (µs)")
    memory.set_title("peak memory of the process (MB)")
    for axes in (time, memory):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("neurons")
        axes.set_xticks([one.case.neurons for one in measured])
        axes.set_xticks([], minor=True)
        plain_numbers(axes.xaxis)
        plain_numbers(axes.yaxis)
        axes.grid(color="#e5e5e5", linewidth=0.6)
        axes.set_axisbelow(True)
    figure.legend(loc="outside right center")
