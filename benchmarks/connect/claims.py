"""The claims about connection rules, as a table."""

from __future__ import annotations

from benchmarks.connect.cases import Case
from benchmarks.harness.claims import Claim
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.ratios import times

__all__ = ["CLAIMS", "per_second"]

Network = Measured[Case]


def per_second(one: Network, contender: str = "ours") -> float | None:
    """Millions of synapses per second."""
    found = one.seconds(contender)
    return None if found is None else one.case.synapses / found.median / 1e6


CLAIMS: list[Claim[Network]] = [
    Claim(
        "fixed degree and pairwise Bernoulli, homogeneous weights, millions of synapses per second on one core",
        lambda one: one.case.rule != "fixed_total_number" and not one.case.distribution,
        per_second,
        at_least=10,
        unit="M/s",
    ),
    Claim("no rule slower than braintools", lambda one: True, times("braintools"), at_least=1),
]
