"""What is claimed about the network, as a table."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.harness.claims import Claim
from benchmarks.harness.series import Measured
from benchmarks.network.cases import Case

__all__ = ["CLAIMS"]

Network = Measured[Case]


def _times(peer: str) -> Callable[[Network], float | None]:
    def figure(one: Network) -> float | None:
        found = one.ratio(peer)
        return None if found is None else found.median

    return figure


CLAIMS = [
    Claim(
        "4,000 neurons, against the same loop on the published package",
        lambda one: one.case.scale == 1,
        _times("published"),
        at_least=5,
    ),
    Claim(
        "16,000 and 40,000 neurons, against the same loop on the published package",
        lambda one: one.case.scale > 1,
        _times("published"),
        at_least=3,
    ),
    Claim("against Brian2, C++ standalone, same method", lambda one: True, _times("brian2"), at_least=1),
    Claim("against Brian2, C++ standalone, forward Euler", lambda one: True, _times("brian2-euler"), at_least=1),
]
