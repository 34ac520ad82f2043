"""The table of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.harness.series import Peer, titles
from benchmarks.products.cases import Case
from benchmarks.products.claims import fraction_of_memory
from brainevent_core.bench import ratios
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.tables import Table

__all__ = ["table"]


def table(measured: Sequence[Measured[Case]], peers: Mapping[str, Peer], threads: int) -> Table:
    """One line per case: our time, the rate at which needed bytes are moved, and how many times as long peers take."""
    shown = [one for one in measured if one.threads == threads]
    others = {name: peer for name, peer in peers.items() if name != "ours"}
    lines = [[one.case.name, *_ours(one), *(ratios.cell(one, name) for name in others)] for one in shown]
    clock = "CPU time" if any(one.clock == "cpu" for one in shown) else "wall time"
    title = f"Products, {len(shown)} cases, {'one thread' if threads == 1 else f'{threads} threads'}, {clock}"
    head = ["case", "µs", "GB/s", "of memory", *(f"× {peer.title}" for peer in others.values())]
    return Table(title, head, lines, [ratios.legend(), *ratios.remarks(shown, titles(peers)), *_without_kernels(shown)])


def _ours(one: Measured[Case]) -> list[str]:
    seconds = one.seconds("ours")
    if seconds is None:
        return [ratios.microseconds(one), "", ""]
    fraction = fraction_of_memory(one)
    return [
        ratios.microseconds(one),
        f"{one.facts['bytes_moved'] / seconds.median / 1e9:.2f}",
        "" if fraction is None else f"{100 * fraction:.0f} %",
    ]


def _without_kernels(measured: Sequence[Measured[Case]]) -> list[str]:
    ours = ((one.case.name, one.outcomes["ours"]) for one in measured if "ours" in one.outcomes)
    names = [name for name, outcome in ours if outcome.notes.get("kernels") == ["reference"]]
    return [f"The reference ran where ours has no kernel of its own: {', '.join(names)}."] if names else []
