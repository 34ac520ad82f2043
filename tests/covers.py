"""Tables of cases as parameters of a test: how much of a table a run takes, and which part of it."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import pytest

__all__ = ["parametrize_with_cases"]


def parametrize_with_cases(metafunc: pytest.Metafunc, cases: Callable[..., Iterable[Any]], *, share: float = 1) -> None:
    """Parametrize ``case`` with a pairwise cover, which the seed of the session draws.

    Without options a ``share`` of the cover runs, its first cases, where most pairs meet for the first time. The others
    are slow tests: ``--slow`` runs the cover, and ``--full`` the whole table.

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
