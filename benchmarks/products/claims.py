"""The claims about products, as a table."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.harness.bandwidth import BYTES
from benchmarks.harness.claims import Claim
from benchmarks.products.cases import MEMORY, Case
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.ratios import times

__all__ = ["CLAIMS", "fraction_of_memory", "is_large"]

Product = Measured[Case]

# If ours and a peer run the same code, the ratio is 1.00, up to noise.
NOISE = 0.97


def fraction_of_memory(one: Product) -> float | None:
    """The fraction of the memory bandwidth at which our kernel moves the bytes that it needs; for large cases."""
    found = one.ratio(MEMORY)
    return None if found is None else found.median * one.facts["bytes_moved"] / BYTES


def is_large(case: Case) -> bool:
    """Far too large for the caches."""
    return case.n >= 50_000 and case.density >= 0.01


def _plain(case: Case) -> bool:
    """One vector, heterogeneous weights, a row format, and no column index."""
    return case.format in ("csr", "fan-out") and case.batch == 1 and case.weights == "each" and not case.column_index


def _about(case: Callable[[Case], bool], threads: int = 1) -> Callable[[Product], bool]:
    return lambda one: one.threads == threads and case(one.case)


def _scatter(case: Case) -> bool:
    return _plain(case) and case.side == "left"


def _gather(case: Case) -> bool:
    return _plain(case) and case.side == "right"


CLAIMS = [
    Claim(
        "spikes @ W at ≤ 1 % activity, against the published package",
        _about(lambda case: _scatter(case) and case.event and case.activity <= 0.01),
        times("published"),
        at_least=4,
    ),
    Claim(
        "spikes @ W at 10 % activity, against the published package",
        _about(lambda case: _scatter(case) and case.event and case.activity == 0.1),
        times("published"),
        at_least=2,
    ),
    Claim("W @ spikes and W @ v, against the published package", _about(_gather), times("published"), at_least=4),
    Claim("W @ spikes and W @ v, against SciPy", _about(_gather), times("scipy"), at_least=0.9),
    Claim(
        "W @ spikes and W @ v, two threads, wall time, against the published package",
        _about(_gather, threads=2),
        times("published"),
        at_least=6,
    ),
    Claim(
        "v @ W, against the published package",
        _about(lambda case: _scatter(case) and not case.event),
        times("published"),
        at_least=2,
    ),
    Claim(
        "batches of 32, against the published package",
        _about(lambda case: case.batch == 32),
        times("published"),
        at_least=5,
    ),
    Claim(
        "events with a dense matrix, against the published package",
        _about(lambda case: case.format == "dense" and case.event),
        times("published"),
        at_least=2,
    ),
    Claim(
        "W @ spikes with a column index at ≤ 1 % activity, against the published package",
        _about(lambda case: case.column_index and case.activity <= 0.01),
        times("published"),
        at_least=50,
    ),
    Claim(
        "no case slower than the published package, except for noise",
        lambda one: True,
        times("published"),
        at_least=NOISE,
    ),
    Claim("no case slower than the reference, except for noise", lambda one: True, times("reference"), at_least=NOISE),
    Claim(
        "gather from a large matrix, fraction of the memory bandwidth",
        _about(lambda case: _gather(case) and is_large(case)),
        fraction_of_memory,
        at_least=0.6,
        unit="%",
    ),
    Claim(
        "scatter from a large matrix, fraction of the memory bandwidth (reported)",
        _about(lambda case: _scatter(case) and is_large(case)),
        fraction_of_memory,
        at_least=0,
        unit="%",
    ),
]
