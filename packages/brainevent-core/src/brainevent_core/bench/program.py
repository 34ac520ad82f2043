"""A computation that is called many times, and its timing. Needs only the standard library, like workers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Program"]


@dataclass(frozen=True)
class Program:
    """A prepared computation. Functions that create one raise ``NotImplementedError``, with the reason, if they can't.

    Attributes:
        run: makes the given number of calls, and returns when the last is finished.
        result: returns the result of one call, to be compared with a model.
        distributions: the distributions whose versions are reported.
        notes: further information for the report, such as which kernels ran.
        calls: number of calls in a measurement; None to determine it. With a number, the program is warmed up already.
        figures: replaces the measurement around ``run`` if the work is done in another process: returns the seconds
            ``wall`` and ``cpu``, and ``peak_bytes``, of the last ``run``.
    """

    run: Callable[[int], object]
    result: Callable[[], Any] | None = None
    distributions: tuple[str, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)
    calls: int | None = None
    figures: Callable[[], Mapping[str, float]] | None = None

    def measure(self, calls: int) -> dict[str, float]:
        """The seconds that this number of calls takes: ``wall``, and ``cpu`` of all threads together."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.run(calls)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return {"wall": wall, "cpu": cpu} if self.figures is None else dict(self.figures())

    def calibrated(self, seconds: float) -> tuple[int, float]:
        """The number of calls in a measurement, which take at least ``seconds``, and the time that they took."""
        calls = self.calls or 1
        while True:
            took = self.measure(calls)["wall"]
            if took >= seconds or self.calls:
                return calls, took
            # The first call is slower than others, so the number is increased in steps.
            calls = max(calls + 1, min(math.ceil(1.1 * calls * seconds / max(took, 1e-9)), 100 * calls))
