"""The table of measured updates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CASES", "Case"]


@dataclass(frozen=True)
class Case:
    """A rule with two values per synapse, of float32, on an n × n CSR matrix.

    Attributes:
        side: which neurons spike; for postsynaptic spikes, the matrix has a column index.
        activity: the fraction of neurons that spike.
        n: number of rows, and of columns.
        density: the fraction of entries that are stored.
    """

    side: Literal["pre", "post"]
    activity: float
    n: int = 10_000
    density: float = 0.01

    @property
    def name(self) -> str:
        return f"{self.side}/n={self.n}/density={100 * self.density:g}%/active={100 * self.activity:g}%"

    @property
    def is_quick(self) -> bool:
        return self.activity == 0.01


CASES = [Case(side, activity) for side in ("pre", "post") for activity in (0.001, 0.01, 0.1, 1.0)]
