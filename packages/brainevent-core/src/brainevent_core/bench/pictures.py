"""The common style of all pictures. Matplotlib is imported when one is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["BLUE", "COLOURS", "GREY", "compared", "draw", "plain_numbers"]

# The palette of Okabe and Ito, which people with any colour vision can distinguish.
BLUE = "#0072b2"
GREY = "#8a8a8a"
COLOURS = ["#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442"]

_STYLE: Any = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "savefig.dpi": 120,
}


def draw(file: Path, paint: Callable[[Any], None], size: tuple[float, float]) -> None:
    """Write a figure of this size in inches, drawn by ``paint``, to a file."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        paint(figure)
        figure.savefig(file)


def plain_numbers(axis: Any) -> None:
    """Ticks of a logarithmic axis as 0.5, 1, 10, 1,000 rather than as powers."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))


def compared(axes: Any, names: Sequence[str], ratios: Mapping[str, Sequence[Any]], colours: Mapping[str, str]) -> None:
    """Dots in rows: the time of each contender relative to ours, with quartiles, on a logarithmic axis.

    Args:
        names: names of the rows, from the top.
        ratios: for each contender and row a ``Spread``, or None.
        colours: colours of the contenders.
    """
    axes.set_xscale("log")
    axes.axvline(1.0, color=BLUE, linewidth=1.5, zorder=1)
    for y in range(0, len(names), 2):
        axes.axhspan(y - 0.5, y + 0.5, color="#f4f4f4", zorder=0)
    for contender, spreads in ratios.items():
        shown = [(y, spread) for y, spread in enumerate(spreads) if spread is not None]
        if not shown:
            continue
        ys = [y for y, _ in shown]
        colour = colours[contender]
        axes.hlines(ys, [s.low for _, s in shown], [s.high for _, s in shown], color=colour, linewidth=1.2, zorder=2)
        axes.plot([s.median for _, s in shown], ys, "o", color=colour, markersize=4.5, label=contender, zorder=3)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6, zorder=0)
    axes.set_axisbelow(True)
    plain_numbers(axes.xaxis)
