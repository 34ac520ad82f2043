"""Pictures of the network: time per step and memory against its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from benchmarks.harness.reports import Picture
from benchmarks.harness.series import Peer
from benchmarks.network.cases import Case
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.pictures import BLUE, COLOURS, GREY, draw, plain_numbers

__all__ = ["pictures"]


def pictures(measured: Sequence[Measured[Case]], peers: Mapping[str, Peer]) -> list[Picture]:
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
    time.axhline(100, color="#444444", linestyle="--", linewidth=1, label="real time")
    time.set_title("time per step of 0.1 ms (µs)")
    memory.set_title("peak memory of the process (MB)")
    time.set_yscale("log")
    memory.set_ylim(bottom=0)
    for axes in (time, memory):
        axes.set_xscale("log")
        axes.set_xlabel("neurons")
        axes.set_xticks([one.case.neurons for one in measured])
        axes.set_xticks([], minor=True)
        plain_numbers(axes.xaxis)
        plain_numbers(axes.yaxis)
        axes.grid(color="#e5e5e5", linewidth=0.6)
        axes.set_axisbelow(True)
    figure.legend(loc="outside right center")
