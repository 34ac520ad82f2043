"""What is measured: a table of networks. Needs only the standard library, for foreign environments."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

__all__ = ["CASES", "Case", "Rule"]

Rule = Literal["fixed_outdegree", "fixed_indegree", "pairwise_bernoulli", "fixed_total_number"]


@dataclass(frozen=True)
class Case:
    """The connections of n neurons with n others, of one weight, in CSR.

    Attributes:
        rule: of ``brainevent.connect``.
        n: neurons of each population.
        degree: synapses of a neuron, on average where they aren't fixed.
        distribution: whether each synapse has a normal weight of its own.
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
        """How many there are, on average where they aren't fixed."""
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
