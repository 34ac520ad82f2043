"""Pictures of products: ratios case by case, and times compared with the memory bandwidth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any

from benchmarks.harness.bandwidth import BYTES
from benchmarks.harness.reports import Picture
from benchmarks.harness.series import Peer
from benchmarks.products.cases import MEMORY, Case
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.pictures import BLUE, COLOURS, GREY, compared, draw, plain_numbers

__all__ = ["pictures"]

SIDES = {"left": "vector @ matrix: scatter", "right": "matrix @ vector: gather"}


def pictures(measured: Sequence[Measured[Case]], peers: Mapping[str, Peer]) -> list[Picture]:
    """Pictures of the measurements with one thread, or with the fewest threads."""
    fewest = min((one.threads for one in measured), default=1)
    shown = [one for one in measured if one.threads == fewest and one.seconds("ours")]
    if not shown:
        return []
    return [
        Picture(
            "benchmark-products",
            "How many times longer than brainevent the others take, case by case: medians, with quartiles as bars. "
            "Right of the blue line brainevent is faster.",
            lambda file: draw(file, partial(_ratios, measured=shown, peers=peers), (13, 1.2 + 0.17 * _rows(shown))),
        ),
        Picture(
            "benchmark-products-memory",
            "The time of a product against the bytes that it has to move. The line is the bandwidth of the memory, "
            "measured in the same rounds; smaller matrices fit the caches.",
            lambda file: draw(file, partial(_memory, measured=shown), (11, 4.6)),
        ),
    ]


def _of(measured: Sequence[Measured[Case]], side: str) -> list[Measured[Case]]:
    return [one for one in measured if one.case.side == side]


def _rows(measured: Sequence[Measured[Case]]) -> int:
    return max(len(_of(measured, side)) for side in SIDES)


def _ratios(figure: Any, measured: Sequence[Measured[Case]], peers: Mapping[str, Peer]) -> None:
    others = [name for name in peers if name != "ours"]
    colours = dict(zip((peers[name].title for name in others), [GREY, *COLOURS]))
    panels = [side for side in SIDES if _of(measured, side)]
    for axes, side in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
        shown = _of(measured, side)
        ratios = {peers[name].title: [one.ratio(name) for one in shown] for name in others}
        compared(axes, [one.case.name.replace("/", "  ") for one in shown], ratios, colours)
        axes.tick_params(axis="y", labelsize=6.5)
        axes.set_title(SIDES[side])
        axes.set_xlabel("times as long as brainevent")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))


def _memory(figure: Any, measured: Sequence[Measured[Case]]) -> None:
    bandwidths = [BYTES / seconds.median for one in measured if (seconds := one.seconds(MEMORY))]
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, (side, title) in zip(panels, SIDES.items()):
        shown = _of(measured, side)
        for contender, style in (
            ("published", {"color": COLOURS[0], "markerfacecolor": "white", "label": "published 0.2.1"}),
            ("ours", {"color": BLUE, "label": "brainevent"}),
        ):
            points = [(o.facts["bytes_moved"] / 1e6, s.median * 1e6) for o in shown if (s := o.seconds(contender))]
            if points:
                axes.plot(*zip(*points), "o", markersize=5, **style)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(title)
        axes.set_xlabel("bytes that have to be moved (MB)")
        axes.grid(color="#e5e5e5", linewidth=0.6)
        axes.set_axisbelow(True)
        for axis in (axes.xaxis, axes.yaxis):
            plain_numbers(axis)
    panels[0].set_ylabel("time of a product (µs)")
    if bandwidths:
        bandwidth = median(bandwidths)
        for axes in panels:
            low, high = axes.get_xlim()
            axes.plot([low, high], [x * 1e12 / bandwidth for x in (low, high)], "--", color="#444444", linewidth=1)
            axes.set_xlim(low, high)
        panels[0].plot([], [], "--", color="#444444", linewidth=1, label=f"memory, {bandwidth / 1e9:.1f} GB/s")
    panels[0].legend(loc="upper left")
