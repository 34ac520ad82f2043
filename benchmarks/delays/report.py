"""The table of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.delays.cases import Case
from benchmarks.harness.series import Peer, titles
from brainevent_core.bench import ratios
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.tables import Table

__all__ = ["table"]


def table(measured: Sequence[Measured[Case]], peers: Mapping[str, Peer], threads: int) -> Table:
    """One line per case: our time, and how many times as long the peers take."""
    others = {name: peer for name, peer in peers.items() if name != "ours"}
    lines = [
        [one.case.name, ratios.microseconds(one), *(ratios.cell(one, name) for name in others)] for one in measured
    ]
    clock = "CPU time" if any(one.clock == "cpu" for one in measured) else "wall time"
    title = f"Steps of a ring, {len(measured)} cases, {threads} thread{'s' * (threads > 1)}, {clock}"
    head = ["case", "µs", *(f"× {peer.title}" for peer in others.values())]
    return Table(title, head, lines, [ratios.legend(), *ratios.remarks(measured, titles(peers))])
