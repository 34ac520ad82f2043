"""The claims about the network, as a table."""

from __future__ import annotations

from benchmarks.harness.claims import Claim
from benchmarks.network.cases import Case
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.ratios import times

__all__ = ["CLAIMS"]


CLAIMS: list[Claim[Measured[Case]]] = [
    Claim(
        "4,000 neurons, against the same loop on the published package",
        lambda one: one.case.scale == 1,
        times("published"),
        at_least=5,
    ),
    Claim(
        "16,000 and 40,000 neurons, against the same loop on the published package",
        lambda one: one.case.scale > 1,
        times("published"),
        at_least=3,
    ),
    Claim("against Brian2, C++ standalone, same method", lambda one: True, times("brian2"), at_least=1),
    Claim("against Brian2, C++ standalone, forward Euler", lambda one: True, times("brian2-euler"), at_least=1),
]
