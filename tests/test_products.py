"""Every product of every matrix class, under every transform, on every backend, against dense NumPy."""

from collections.abc import Callable
from itertools import product

import pytest
from tests.models.products import ProductCase, check_product, product_cases

BACKENDS = ("numba", "reference")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        whole = metafunc.config.getoption("--full", default=False)
        metafunc.parametrize("case", list(product_cases(BACKENDS, whole=whole)), ids=str)


@pytest.fixture(autouse=True)
def little_optimisation(full: bool, optimise: Callable[[bool], None]) -> None:
    """The programs of the whole table are many, and run once."""
    optimise(not full)


def test_product(case: ProductCase) -> None:
    check_product(case)


def test_the_whole_table_leaves_no_hole() -> None:
    """Every product under every transform, with one weight and with many, has cases on every backend."""
    found = {
        (case.matrix, case.operand, case.from_left, case.rank, case.transform, case.homogeneous, case.backend)
        for case in product_cases(BACKENDS, whole=True)
    }
    for *which, homogeneous, backend in product({case[:5] for case in found}, (False, True), BACKENDS):
        assert ((*which[0], homogeneous, backend) in found) == (which[0][0] != "Dense" or not homogeneous)
