"""The builders of braintools, which return lists of pre- and postsynaptic neurons, without self-connections."""

from __future__ import annotations

from typing import Any

import braintools
import numpy as np

from benchmarks.connect.cases import Case
from benchmarks.connect.peers import SEED
from brainevent_core.bench.program import Program

__all__ = ["program"]


def program(case: Case) -> Program:
    """``Regular`` has a fixed out-degree, ``Random`` is pairwise Bernoulli; the other rules don't exist."""
    if case.rule not in ("fixed_outdegree", "pairwise_bernoulli"):
        raise NotImplementedError("it has no such rule")
    if case.distribution:
        raise NotImplementedError("its weights aren't measured")

    def build(seed: int) -> Any:
        if case.rule == "fixed_outdegree":
            rule: Any = braintools.conn.Regular(case.degree, weight=0.5, seed=seed)
        else:
            rule = braintools.conn.Random(case.degree / case.n, weight=0.5, seed=seed)
        return rule(pre_size=case.n, post_size=case.n)

    def degrees() -> np.ndarray:
        found = build(SEED)
        return np.stack([np.bincount(ids, minlength=case.n) for ids in (found.pre_indices, found.post_indices)])

    return Program(lambda calls: [build(SEED + call) for call in range(calls)], degrees, ("braintools",))
