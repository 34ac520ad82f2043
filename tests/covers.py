"""Tables of cases as test parameters: which part of a table a test run includes."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import pytest

__all__ = ["parametrize_with_cases"]


def parametrize_with_cases(metafunc: pytest.Metafunc, cases: Callable[..., Iterable[Any]], *, share: float = 1) -> None:
    """Parametrize ``case`` with a pairwise cover, determined by the seed of the session.

    By default, the first ``share`` of the cover runs, whose cases contain the most new pairs. The other cases are slow
    tests: ``--slow`` runs the whole cover, and ``--full`` the whole table.

    Args:
        cases: ``(*, whole, seed) → cases``.
    """
    if "case" not in metafunc.fixturenames:
        return
    whole, seed = metafunc.config.getoption("--full"), metafunc.config.getoption("--seed")
    found = list(cases(whole=whole, seed=seed))
    quick = len(found) if whole else math.ceil(share * len(found))
    slow = [pytest.param(case, marks=pytest.mark.slow) for case in found[quick:]]
    metafunc.parametrize("case", [*found[:quick], *slow], ids=str)
