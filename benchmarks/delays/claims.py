"""The claims about delays, as a table."""

from __future__ import annotations

from benchmarks.delays.cases import Case
from benchmarks.harness.claims import Claim
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.ratios import times

__all__ = ["CLAIMS"]

Delivery = Measured[Case]

# Two contenders that do the same work have a ratio of 1.00, up to noise.
NOISE = 0.97


def _per_synapse(activity: float, one: Delivery) -> bool:
    return one.case.delays == "entry" and one.case.activity == activity


CLAIMS = [
    Claim(
        "one delay per synapse, 0.2 % spikes, against csr_delay_deliver of the published package",
        lambda one: _per_synapse(0.002, one),
        times("published"),
        at_least=4,
    ),
    Claim(
        "one delay per synapse, 1 % spikes, against csr_delay_deliver of the published package",
        lambda one: _per_synapse(0.01, one),
        times("published"),
        at_least=3,
    ),
    Claim(
        "no case slower than the published package, except for noise",
        lambda one: True,
        times("published"),
        at_least=NOISE,
    ),
    Claim("no case slower than the reference", lambda one: True, times("reference"), at_least=1),
]
