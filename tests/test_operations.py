"""Every operation of every matrix class that is no product, under every transform, against dense NumPy."""

import functools

import pytest
from tests.covers import parametrize_with_cases
from tests.models.operations import OperationCase, check_operation, coverage, operation_cases

pytestmark = pytest.mark.usefixtures("little_optimisation")

BACKENDS = ("numba", "reference")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize_with_cases(metafunc, functools.partial(operation_cases, BACKENDS), share=0.4)


def test_operation(case: OperationCase, seed: int) -> None:
    check_operation(case, seed)


@pytest.mark.parametrize("whole", [False, True])
def test_nothing_is_left_out_in_silence(whole: bool, seed: int) -> None:
    """Every two values of two columns meet in some case, unless the table says why they can't."""
    report, missing = coverage(list(operation_cases(BACKENDS, whole=whole, seed=seed)), BACKENDS)
    print(report)
    assert not missing
