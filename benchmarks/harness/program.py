"""What a contender prepares: something to call many times. Needs the standard library alone, as workers do."""

from __future__ import annotations

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
        calls: how many make a measurement; None to let the worker find out. With a number, the program comes warmed up.
        figures: replaces what the worker measures around ``run``, where the work is done in another process: of the
            last ``run``, the seconds ``wall`` and ``cpu``, and ``peak_bytes``.
    """

    run: Callable[[int], object]
    result: Callable[[], Any] | None = None
    distributions: tuple[str, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)
    calls: int | None = None
    figures: Callable[[], Mapping[str, float]] | None = None
