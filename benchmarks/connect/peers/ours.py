"""brainevent from this repository."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from benchmarks.connect.cases import Case
from benchmarks.connect.peers import SEED
from brainevent import connect
from brainevent_core.bench.program import Program

__all__ = ["program"]


def program(case: Case) -> Program:
    """The matrix, created as users do it."""
    rule: Any = getattr(connect, case.rule)
    amounts = {"pairwise_bernoulli": case.degree / case.n, "fixed_total_number": case.synapses}
    amount = amounts.get(case.rule, case.degree)
    weight = connect.Normal(0.5, 0.1) if case.distribution else 0.5

    def build(seed: int) -> Any:
        return jax.block_until_ready(rule(case.n, case.n, amount, weight=weight, seed=seed))

    def degrees() -> np.ndarray:
        matrix = build(SEED)
        return np.stack([matrix.out_degrees(), matrix.in_degrees()])

    return Program(lambda calls: [build(SEED + call) for call in range(calls)], degrees, ("brainevent",))
