"""The table of measured products. Needs only the standard library, for the environments of other packages."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

__all__ = ["CASES", "DRAWS", "PARAMETERS", "Case", "Law"]

Law = Literal["scalar", "normal", "uniform"]

DRAWS = "draws"
"""The contender that does nothing but draw numbers from the stream."""

PARAMETERS: dict[Law, tuple[float, ...]] = {"scalar": (1.5,), "normal": (1.5, 0.25), "uniform": (1.0, 2.0)}
"""Of the weights, as constructors take them. They are positive, so that sums don't cancel."""

# With more connections, a product takes seconds.
MOST_CONNECTIONS = 2e8


@dataclass(frozen=True)
class Case:
    """One product of a random n × n matrix of float32, whose random stream runs along rows.

    Attributes:
        product: ``spikes@R`` scatters the active rows to the result; in ``R@v``, each entry of the result gathers a
            row, weighted by a vector of floats.
        law: of the weights.
        n: number of rows, and of columns.
        prob: connection probability.
        activity: the fraction of neurons that spike; 1 for floats.
    """

    product: Literal["spikes@R", "R@v"]
    law: Law
    n: int
    prob: float
    activity: float

    @property
    def event(self) -> bool:
        return self.product == "spikes@R"

    @property
    def name(self) -> str:
        """Unique, and readable; ``--select`` searches in it."""
        parts = [self.product, self.law, f"n={self.n}", f"p={self.prob:g}"]
        return "/".join(parts + [f"active={100 * self.activity:g}%"] * self.event)

    @property
    def rows(self) -> int:
        """The number of rows that a product needs."""
        return round(self.activity * self.n)

    @property
    def connections(self) -> float:
        """The average number of connections that a product needs."""
        return self.rows * self.n * self.prob

    @property
    def is_quick(self) -> bool:
        """Whether it is in the selection that ``--quick`` takes."""
        return self.connections <= 1e6 and self.activity != 0.1


def _grid(product: Literal["spikes@R", "R@v"], activities: list[float]) -> list[Case]:
    axes = itertools.product(PARAMETERS, (10_000, 100_000), (0.1, 0.01, 0.001), activities)
    cases = [Case(product, *values) for values in axes]
    return [case for case in cases if case.connections <= MOST_CONNECTIONS]


CASES = [*_grid("spikes@R", [0.01, 0.1]), *_grid("R@v", [1.0])]
