"""The table of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.harness.series import Peer, titles
from benchmarks.jitc.cases import Case
from benchmarks.jitc.claims import per_connection, per_draw
from brainevent_core.bench import ratios
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.tables import Table

__all__ = ["table"]


def table(measured: Sequence[Measured[Case]], peers: Mapping[str, Peer]) -> Table:
    """One line per case: our time, in total and per connection, the time of a draw, and the ratios of the peers."""
    others = {name: peer for name, peer in peers.items() if name != "ours"}
    lines = [[one.case.name, *_ours(one), *(ratios.cell(one, name) for name in others)] for one in measured]
    clock = "CPU time" if all(one.clock == "cpu" for one in measured) else "wall time"
    head = ["case", "µs", "ns per connection", "ns per draw", *(f"× {peer.title}" for peer in others.values())]
    return Table(
        f"Generated connectivity, {len(measured)} cases, one thread, {clock}",
        head,
        lines,
        [ratios.legend(), *ratios.remarks(measured, titles(peers))],
    )


def _ours(one: Measured[Case]) -> list[str]:
    figures = (per_connection(one), per_draw(one))
    return [ratios.microseconds(one), *("" if each is None else f"{each * 1e9:.2f}" for each in figures)]
