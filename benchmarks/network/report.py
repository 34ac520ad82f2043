"""The table of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.harness.series import Peer, titles
from benchmarks.network.cases import Case
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
        [
            ratios.legend(),
            "The reference is slow and simulates the first 0.1 s alone.",
            *ratios.remarks(measured, titles(peers)),
        ],
    )
