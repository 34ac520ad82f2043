"""Every operation of every matrix class that is no product, under every transform, against dense NumPy."""

from collections.abc import Callable

import pytest
from tests.models.operations import OperationCase, check_operation, coverage, operation_cases

BACKENDS = ("numba", "reference")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        whole = metafunc.config.getoption("--full", default=False)
        metafunc.parametrize("case", list(operation_cases(BACKENDS, whole=whole)), ids=str)


@pytest.fixture(autouse=True)
def little_optimisation(optimise: Callable[[bool], None]) -> None:
    """Half of the time goes into optimising programs that run once."""
    optimise(False)


def test_operation(case: OperationCase) -> None:
    check_operation(case)


@pytest.mark.parametrize("whole", [False, True])
def test_nothing_is_left_out_in_silence(whole: bool) -> None:
    """Every two values of two columns meet in some case, unless the table says why they can't."""
    report, missing = coverage(list(operation_cases(BACKENDS, whole=whole)), BACKENDS)
    print(report)
    assert not missing
