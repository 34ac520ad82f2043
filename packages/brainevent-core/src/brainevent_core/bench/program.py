"""Something to call many times, and how it is timed. Needs the standard library alone, as workers do."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Program"]


@dataclass(frozen=True)
class Program:
    """A prepared computation. Its maker raises ``NotImplementedError``, with the reason, for what it can't do.

    Attributes:
        run: makes the given number of calls, and returns when the last is finished.
        result: what one call computes, to be compared with a model.
        distributions: those whose versions belong into a report.
        notes: whatever else does, such as which kernels ran.
        calls: how many make a measurement; None to find out. With a number, the program comes warmed up.
        figures: replaces what is measured around ``run``, where the work is done in another process: of the
            last ``run``, the seconds ``wall`` and ``cpu``, and ``peak_bytes``.
    """

    run: Callable[[int], object]
    result: Callable[[], Any] | None = None
    distributions: tuple[str, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)
    calls: int | None = None
    figures: Callable[[], Mapping[str, float]] | None = None

    def measure(self, calls: int) -> dict[str, float]:
        """The seconds that so many calls take: ``wall``, and ``cpu`` of all threads together."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.run(calls)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return {"wall": wall, "cpu": cpu} if self.figures is None else dict(self.figures())

    def calibrated(self, seconds: float) -> tuple[int, float]:
        """How many calls make a measurement, those that take at least ``seconds``, and how long so many took."""
        calls = self.calls or 1
        while True:
            took = self.measure(calls)["wall"]
            if took >= seconds or self.calls:
                return calls, took
            # A first call is slower than the rest, so that the estimate from few is taken in steps.
            calls = max(calls + 1, min(math.ceil(1.1 * calls * seconds / max(took, 1e-9)), 100 * calls))
