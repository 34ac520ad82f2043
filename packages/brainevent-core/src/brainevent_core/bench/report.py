"""The report of a benchmark: a table, a summary, data, and a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from brainevent_core.bench import ratios, tables
from brainevent_core.bench.cases import BenchCase
from brainevent_core.bench.figures import Spread, spread
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.pictures import BLUE, COLOURS, GREY, compared, draw
from brainevent_core.bench.tables import Table

__all__ = ["as_data", "is_right", "paint", "render"]

_Cases = Sequence[Measured[BenchCase]]
_STATUSES = ("measured", "unsupported", "wrong", "failed")
_SHOWN = 20


def is_right(found: _Cases, backend: str) -> bool:
    """Whether some kernel of a backend was measured, and none was wrong or failed."""
    counts = _counts(found, backend)
    return counts["measured"] > 0 and not counts["wrong"] and not counts["failed"]


def as_data(found: _Cases, backends: Sequence[str], **facts: Any) -> dict[str, Any]:
    """All results as plain data, together with ``facts``.

    Args:
        found: the measured cases.
        backends: their names, the tested one first.
        facts: further entries.
    """
    backend, *others = backends
    return {
        "backend": backend,
        **facts,
        **{status: _counts(found, backend)[status] for status in _STATUSES},
        "summary": {other: summary for other in others if (summary := _summary(found, backend, other))},
        "cases": [one.as_json() for one in found],
    }


def render(found: _Cases, backends: Sequence[str], where: str) -> str:
    """The report as text.

    Args:
        found: the measured cases.
        backends: their names, the tested one first.
        where: the machine, in words.
    """
    backend, *others = backends
    shown = [one for one in found if one.outcomes[backend].status != "unsupported"]
    counts = _counts(found, backend)
    parts = [
        "\n".join(tables.plain(_table(shown, backends, where))) if shown else "",
        "\n".join(ratios.remarks(found, {})),
        *(_against(shown, backend, other) for other in others),
        f"{backend}: {', '.join(f'{counts[status]} {status}' for status in _STATUSES)}.",
    ]
    return "\n\n".join(filter(None, parts))


def paint(found: _Cases, backends: Sequence[str], file: Path) -> None:
    """Draw the times of the other backends relative to the tested one, case by case."""
    backend, *others = backends
    shown = [one for one in found if one.seconds(backend)]

    def picture(figure: Any) -> None:
        axes = figure.subplots()
        compared(
            axes,
            [one.case.name for one in shown],
            {other: [one.ratio(other, backend) for one in shown] for other in others},
            dict(zip(others, [GREY, *COLOURS * len(others)])),
        )
        axes.tick_params(axis="y", labelsize=6.5)
        axes.set_xlabel(f"times as long as {backend} (the blue line), {found[0].clock} time")
        axes.plot([], [], color=BLUE, label=backend)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=len(backends))

    draw(file, picture, (9, 1.2 + 0.16 * len(shown)))


def _counts(found: _Cases, backend: str) -> Counter[str]:
    return Counter(one.outcomes[backend].status for one in found)


def _table(shown: _Cases, backends: Sequence[str], where: str) -> Table:
    backend, *others = backends
    head = ["case", f"{backend} µs", "[quartiles]", "CPU µs", "ns/connection"]
    head += [title for other in others for title in (f"{other} µs", f"× {other}")]
    lines = [
        [
            one.case.name,
            *_own(one, backend),
            *(cell for other in others for cell in (ratios.microseconds(one, other), ratios.cell(one, other, backend))),
        ]
        for one in shown
    ]
    title = f"Kernels of {backend}, {len(shown)} cases, compared by {shown[0].clock} time, on {where}"
    return Table(title, head, lines, [ratios.legend(backend)])


def _own(one: Measured[BenchCase], backend: str) -> list[str]:
    wall = one.seconds(backend, "wall")
    if wall is None:
        return [ratios.missing(one, backend), "", "", ""]
    connections = one.facts.get("connections")
    return [
        ratios.microseconds(one, backend, "wall"),
        f"[{wall.low * 1e6:.1f}, {wall.high * 1e6:.1f}]",
        ratios.microseconds(one, backend, "cpu"),
        f"{wall.median * 1e9 / connections:.2f}" if connections else "",
    ]


def _pairs(found: _Cases, backend: str, other: str) -> Iterator[tuple[Measured[BenchCase], Spread]]:
    for one in found:
        ratio = one.ratio(other, backend)
        if ratio is not None:
            yield one, ratio


def _summary(found: _Cases, backend: str, other: str) -> dict[str, Any] | None:
    """The comparison of two backends over all cases; None if they have no case in common."""
    pairs = list(_pairs(found, backend, other))
    if not pairs:
        return None
    over = spread([ratio.median for _, ratio in pairs])
    return {
        "cases": len(pairs),
        "median": over.median,
        "quartiles": [over.low, over.high],
        # Beyond noise: in three quarters of the rounds.
        "slower": {one.case.name: ratio.median for one, ratio in pairs if ratio.high < 1},
    }


def _against(found: _Cases, backend: str, other: str) -> str:
    summary = _summary(found, backend, other)
    if summary is None:
        return ""
    low, high = summary["quartiles"]
    slower = summary["slower"]
    text = (
        f"{other} takes {summary['median']:.2f} times as long as {backend}: median of {summary['cases']} cases "
        f"[{low:.2f}, {high:.2f}]. {backend} is slower, beyond noise, in {len(slower)} of them"
    )
    worst = sorted(slower, key=slower.__getitem__)[:_SHOWN]
    listed = "".join(f"\n    {slower[name]:.2f} × {name}" for name in worst)
    more = f"\n    and {len(slower) - _SHOWN} more" if len(slower) > _SHOWN else ""
    return f"{text}{':' if slower else '.'}{listed}{more}"
