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
        clock: replaces the worker's clock around ``run``: returns the seconds (wall, CPU) that the last ``run`` took.
    """

    run: Callable[[int], object]
    result: Callable[[], Any] | None = None
    distributions: tuple[str, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)
    clock: Callable[[], tuple[float, float]] | None = None
