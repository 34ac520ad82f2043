"""Every product of every matrix class, under every transform, on every backend, against dense NumPy."""

import pytest

from brainevent_core.testing import ProductCase, check_product, product_cases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        whole = metafunc.config.getoption("--full", default=False)
        cases = list(product_cases(("numba", "reference"), whole=whole))
        metafunc.parametrize("case", cases, ids=str)


def test_product(case: ProductCase) -> None:
    check_product(case)
