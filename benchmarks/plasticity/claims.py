"""The claims about plasticity, as a table."""

from __future__ import annotations

from benchmarks.harness.claims import Claim
from benchmarks.plasticity.cases import Case
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.ratios import times

__all__ = ["CLAIMS", "CSR"]

CSR = "csr"
"""The contender that stores the entries of coo as csr."""

Update = Measured[Case]

# Two contenders that do the same work have a ratio of 1.00, up to noise.
NOISE = 0.97


def _against_csr(one: Update) -> float | None:
    """How many times as long ours takes on coo as on csr."""
    found = one.ratio("ours", to=CSR)
    return None if found is None else found.median


def _at_one_percent(one: Update) -> bool:
    return one.case.activity == 0.01 and one.case.format in ("csr", "dense") and one.case.event_driven


CLAIMS = [
    Claim(
        'dense and CSR, 1 % spikes, clip="updated", against the published package, which clips all',
        lambda one: one.case.clip == "updated" and _at_one_percent(one),
        times("published"),
        at_least=20,
    ),
    Claim(
        'clip="all", against the published package',
        lambda one: one.case.clip == "all",
        times("published"),
        at_least=NOISE,
    ),
    Claim(
        "no case slower than the published package, except for noise",
        lambda one: True,
        times("published"),
        at_least=NOISE,
    ),
    Claim("no case slower than the reference, except for noise", lambda one: True, times("reference"), at_least=NOISE),
    Claim(
        "COO sorted by rows, against CSR",
        lambda one: one.case.format == "coo" and not one.case.shuffled,
        _against_csr,
        at_most=1.5,
    ),
    Claim(
        'COO in random order, clip="all", against CSR',
        lambda one: one.case.shuffled and one.case.clip == "all",
        _against_csr,
        at_most=1.5,
    ),
]
