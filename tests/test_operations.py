"""Every operation of every matrix class that is not a product, under every transform, compared with dense NumPy."""

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
    """Every pair of values of two columns occurs in some case, unless the table gives a reason."""
    report, missing = coverage(list(operation_cases(BACKENDS, whole=whole, seed=seed)), BACKENDS)
    print(report)
    assert not missing
