"""What was measured, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.harness.bandwidth import BYTES
from benchmarks.harness.figures import Clock, Outcome, Spread, ratio
from benchmarks.products.peers import PEERS
from benchmarks.products.run import MEMORY, Measured

__all__ = ["head", "lines", "of_bandwidth", "remarks"]


def head(peers: Sequence[str]) -> list[str]:
    return ["case", "µs", "GB/s", "of memory", *(f"× {PEERS[peer].title}" for peer in peers if peer != "ours")]


def lines(measured: Sequence[Measured], peers: Sequence[str], clock: Clock) -> list[list[str]]:
    """A line per case: our time, the bytes it moves in it, and how many times longer the peers take."""
    return [
        [
            one.case.name,
            *_ours(one, clock),
            *(_ratio(one.outcomes, peer, clock) for peer in peers if peer != "ours"),
        ]
        for one in measured
    ]


def of_bandwidth(one: Measured, clock: Clock) -> Spread | None:
    """The fraction of the machine's bandwidth at which our kernel moves the bytes it needs; for large cases."""
    memory, ours = one.outcomes.get(MEMORY), one.outcomes.get("ours")
    if memory is None or ours is None or not (memory.measured and ours.measured):
        return None
    times = ratio(memory, ours, clock)
    scale = one.bytes_moved / BYTES
    return Spread(times.median * scale, times.low * scale, times.high * scale)


def remarks(measured: Sequence[Measured]) -> Iterator[str]:
    """Why there is no figure where there is none, and where ours is not a kernel of ours."""
    for one in measured:
        for peer, outcome in one.outcomes.items():
            if outcome.status in ("wrong", "failed"):
                reason = (outcome.reason or "").strip().splitlines() or ["?"]
                yield f"{one.case.name}: {peer} {outcome.status}: {reason[-1]}"
        ours = one.outcomes.get("ours")
        if ours is not None and ours.notes.get("kernels") == ["reference"]:
            yield f"{one.case.name}: ours has no kernel of its own, the reference ran"


def _ours(one: Measured, clock: Clock) -> list[str]:
    ours = one.outcomes.get("ours")
    if ours is None or not ours.measured:
        return [_missing(ours), "", ""]
    seconds = ours.seconds(clock).median
    fraction = of_bandwidth(one, clock)
    return [
        f"{seconds * 1e6:.1f}",
        f"{one.bytes_moved / seconds / 1e9:.2f}",
        "" if fraction is None else f"{100 * fraction.median:.0f} %",
    ]


def _ratio(outcomes: dict[str, Outcome], peer: str, clock: Clock) -> str:
    theirs, ours = outcomes[peer], outcomes.get("ours")
    if not theirs.measured:
        return _missing(theirs)
    if ours is None or not ours.measured:
        return f"{theirs.seconds(clock).median * 1e6:.1f} µs"
    times = ratio(theirs, ours, clock)
    return f"{times.median:.2f} [{times.low:.2f}, {times.high:.2f}]"


def _missing(outcome: Outcome | None) -> str:
    return "-" if outcome is None or outcome.status == "unsupported" else outcome.status
