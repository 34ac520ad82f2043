"""The table of what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.harness import ratios
from benchmarks.harness.series import Measured, Peer
from benchmarks.harness.tables import Table
from benchmarks.plasticity.cases import Case

__all__ = ["table"]


def table(measured: Sequence[Measured[Case]], peers: Mapping[str, Peer], threads: int) -> Table:
    """A line per case: our time, and by how much the peers are slower."""
    others = {name: peer for name, peer in peers.items() if name != "ours"}
    lines = [
        [one.case.name, ratios.microseconds(one), *(ratios.cell(one, name) for name in others)] for one in measured
    ]
    clock = "CPU time" if any(one.clock == "cpu" for one in measured) else "wall time"
    title = f"Updates, {len(measured)} cases, {threads} thread{'s' * (threads > 1)}, {clock}"
    head = ["case", "µs", *(f"× {peer.title}" for peer in others.values())]
    return Table(title, head, lines, [ratios.LEGEND, *ratios.remarks(measured, peers)])
