"""The table of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.harness.series import Peer, titles
from benchmarks.microcircuit.cases import Case
from brainevent_core.bench import ratios
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.tables import Table

__all__ = ["table"]


def table(measured: Sequence[Measured[Case]], peers: Mapping[str, Peer]) -> Table:
    """One line per size and contender."""
    lines = []
    for one in measured:
        for name, peer in peers.items():
            seconds, outcome = one.seconds(name), one.outcomes[name]
            label = f"scale {one.case.scale:g}: {peer.title}"
            if seconds is None:
                lines.append([label, ratios.missing(one, name), "", "", "", ""])
                continue
            lines.append(
                [
                    label,
                    f"{seconds.median / 1e-4:.2f}",
                    ratios.cell(one, name),
                    f"{outcome.notes['construction']:.1f}",
                    f"{(outcome.peak_bytes or 0) / 1e9:.2f}",
                    ", ".join(f"{rate:.2f}" for rate in outcome.result or []),
                ]
            )
    head = ["microcircuit", "real-time factor", "× brainevent", "construction (s)", "peak memory (GB)", "rates (Hz)"]
    clock = "CPU time" if measured and measured[0].clock == "cpu" else "wall time"
    threads = measured[0].threads if measured else 1
    return Table(
        f"One second of the cortical microcircuit with Poisson input, {threads} thread{'s' * (threads > 1)}, {clock}",
        head,
        lines,
        [
            ratios.legend(),
            "The real-time factor is time over biological time; construction is wall time.",
            "Rates are those of L2/3E, L2/3I, L4E, L4I, L5E, L5I, L6E and L6I.",
            *ratios.remarks(measured, titles(peers)),
        ],
    )
