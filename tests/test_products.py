"""Every product of every matrix class, under every transform, on every backend, compared with dense NumPy."""

import functools
from itertools import product

import pytest
from tests.covers import parametrize_with_cases
from tests.models.products import ProductCase, check_product, product_cases

import brainevent

pytestmark = pytest.mark.usefixtures("little_optimisation")

BACKENDS = ("numba", "reference")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize_with_cases(metafunc, functools.partial(product_cases, BACKENDS), share=0.3)


def test_product(case: ProductCase, seed: int) -> None:
    check_product(case, seed)


# The required contents of the table, independent of it: all classes that users can create, and names.
PUBLIC = [value for value in (getattr(brainevent, name) for name in brainevent.__all__) if isinstance(value, type)]
MATRICES = [cls for cls in PUBLIC if issubclass(cls, brainevent.DataRepresentation)]
STORED = [
    cls.__name__
    for cls in MATRICES
    if not issubclass(cls, brainevent.JITCMatrix)
    and all(cls is other or not issubclass(other, cls) for other in MATRICES)
]
INDEXED = [f"{name}+index" for name in STORED if hasattr(getattr(brainevent, name), "with_csc_index")]
SPIKES = ["bool", "int32", "bitpacked", "compact"]
OPERANDS = ["float", "sparse", "float32", *SPIKES]
WITHOUT_DERIVATIVE = ["eager", "jit", "vmap_operand", "vmap_weights", "vmap_structure", "scan", "cond"]
BY_WEIGHTS, BY_OPERANDS = ["vjp", "grad_of_vmap", "vmap_of_grad"], ["jvp", "second_order"]
DTYPES = ["float64", "float32", "float16", "bfloat16"]


def test_the_whole_table_leaves_no_hole(seed: int) -> None:
    """Every product under every transform in every dtype, with a homogeneous weight and with many, on every backend."""
    cases = list(product_cases(BACKENDS, whole=True, seed=seed))
    calls = {
        (matrix, operand, from_left, rank, transform)
        for matrix, operand, from_left, rank, transform in product(
            STORED + INDEXED, OPERANDS, (False, True), (1, 2), WITHOUT_DERIVATIVE + BY_WEIGHTS + BY_OPERANDS
        )
        if not (operand in SPIKES and transform in BY_OPERANDS)  # integers have no derivative
        and not (matrix == "Dense" and transform == "vmap_structure")  # a dense matrix has no structure
    }
    found = {(c.matrix, c.operand, c.from_left, c.rank, c.transform, c.dtype, c.unit) for c in cases}
    assert found == {(*call, dtype, unit) for call in calls for dtype in DTYPES for unit in (False, True)}
    found = {(c.matrix, c.operand, c.from_left, c.rank, c.transform, c.homogeneous, c.backend) for c in cases}
    assert found == {
        (*call, homogeneous, backend)
        for call in calls
        for homogeneous in (False, True)
        for backend in BACKENDS
        if not (call[0] == "Dense" and homogeneous)
    }
