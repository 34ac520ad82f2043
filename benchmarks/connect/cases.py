"""The table of measured networks. Needs only the standard library, for the environments of other packages."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

__all__ = ["CASES", "Case", "Rule"]

Rule = Literal["fixed_outdegree", "fixed_indegree", "pairwise_bernoulli", "fixed_total_number"]


@dataclass(frozen=True)
class Case:
    """The connections of n neurons with n others, in CSR, by default with a homogeneous weight.

    Attributes:
        rule: of ``brainevent.connect``.
        n: neurons per population.
        degree: synapses per neuron, on average if the number isn't fixed.
        distribution: whether each synapse has its own normally distributed weight.
    """

    rule: Rule
    n: int
    degree: int
    distribution: bool = False

    @property
    def name(self) -> str:
        """Unique, and readable; ``--select`` searches in it."""
        parts = [self.rule, f"n={self.n}", f"degree={self.degree}"]
        return "/".join(parts + ["normal weights"] * self.distribution)

    @property
    def synapses(self) -> int:
        """The number of synapses, on average if it isn't fixed."""
        return self.n * self.degree

    @property
    def is_quick(self) -> bool:
        """Whether it is in the selection that ``--quick`` takes."""
        return self.synapses <= 1e6 and not self.distribution


_RULES: tuple[Rule, ...] = ("fixed_outdegree", "fixed_indegree", "pairwise_bernoulli", "fixed_total_number")

CASES = [
    *(Case(rule, 10_000, degree) for rule, degree in itertools.product(_RULES, (100, 1000))),
    Case("fixed_outdegree", 10_000, 1000, distribution=True),
]
