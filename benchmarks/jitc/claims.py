"""The claims about generated connectivity, as a table."""

from __future__ import annotations

from benchmarks.harness.claims import Claim
from benchmarks.jitc.cases import DRAWS, Case
from benchmarks.jitc.peers.draws import PER_CALL
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.ratios import times

__all__ = ["CLAIMS", "per_connection", "per_draw"]

Product = Measured[Case]


def per_connection(one: Product) -> float | None:
    """Seconds per connection that our product needs."""
    found = one.seconds("ours")
    return None if found is None else found.median / one.facts["connections"]


def per_draw(one: Product) -> float | None:
    """Seconds per draw, in the same rounds."""
    found = one.seconds(DRAWS)
    return None if found is None else found.median / PER_CALL


CLAIMS: list[Claim[Product]] = [
    Claim(
        "spikes @ R, against the published package with its better corder",
        lambda one: one.case.event,
        times("published"),
        at_least=5,
        median=True,
    ),
    Claim(
        "spikes @ R never slower than the published package with its better corder",
        lambda one: one.case.event,
        times("published"),
        at_least=1,
    ),
    Claim(
        "R @ v, against the published package with its better corder",
        lambda one: not one.case.event,
        times("published"),
        at_least=5,
    ),
]
