"""Invalid input: either an error that names both sides, or the single defined result of a malformed structure."""

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent import COO, CSC, CSR, BinaryArray, Dense, FixedPostNumConn, FixedPreNumConn
from brainevent_core.testing.numerics import x64

pytestmark = pytest.mark.usefixtures("little_optimisation")

BACKENDS = ("numba", "reference")


def entries(cls: type, structure: tuple[np.ndarray, ...], shape: tuple[int, int]) -> list[tuple[int, int, int]]:
    """(row, column, slot) of each valid entry, from the definition, in Python integers."""
    found = []
    if cls is COO:
        found = [(int(r), int(c), k) for k, (r, c) in enumerate(zip(*structure))]
    else:
        if cls in (CSR, CSC):
            indices, indptr = structure
            bounds, highest = [], 0
            for pointer in indptr:
                highest = max(highest, min(max(int(pointer), 0), len(indices)))
                bounds.append(highest)
            lines = [(line, k) for line in range(len(bounds) - 1) for k in range(bounds[line], bounds[line + 1])]
        else:
            (indices,) = structure
            width = indices.shape[1]
            lines = [(k // width, k) for k in range(indices.size)]
        flat = structure[0].ravel()
        found = [(line, int(flat[k]), k) for line, k in lines]
        if cls in (CSC, FixedPreNumConn):
            found = [(other, line, k) for line, other, k in found]
    return [(r, c, k) for r, c, k in found if 0 <= r < shape[0] and 0 <= c < shape[1]]


SHAPE = (4, 6)
BIG = 2**31 - 1

MALFORMED: list[tuple[str, type, tuple[Any, ...]]] = [
    ("csr-outside", CSR, ([1, -1, 6, -6, BIG, 2], [0, 2, 3, 5, 6])),
    ("csr-pointers-fall", CSR, ([1, 2, 3, 4, 5, 0], [0, 4, 2, 5, 6])),
    ("csr-pointers-outside", CSR, ([1, 2, 3, 4, 5, 0], [-3, 2, 99, 4, 7])),
    ("csr-pointers-late-and-short", CSR, ([1, 2, 3, 4, 5, 0], [2, 3, 3, 4, 4])),
    ("csr-pointers-huge", CSR, ([1, 2, 3, 4, 5, 0], [BIG, -BIG, 3, 4, 6])),
    ("csr-no-entries", CSR, ([], [0, 5, -5, 0, 0])),
    ("csc-outside", CSC, ([1, -1, 4, -4, BIG, 2], [0, 1, 2, 3, 4, 5, 6])),
    ("csc-pointers", CSC, ([1, 2, 3, 0, 1, 0], [1, 9, 0, 3, 5, -5, 2])),
    ("coo-outside", COO, ([0, -1, 4, 3, BIG, -BIG], [0, 1, 2, -6, 3, 6])),
    ("post-outside", FixedPostNumConn, ([[0, -1], [6, 5], [BIG, -BIG], [1, 1]],)),
    ("pre-outside", FixedPreNumConn, ([[0, -1], [4, 3], [BIG, -BIG], [1, 1], [2, 3], [-4, 0]],)),
]


@pytest.mark.cover(share=0.6)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("traced", [False, True], ids=["concrete", "traced"])
@pytest.mark.parametrize(("cls", "structure"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED])
def test_malformed_structure_has_one_result(
    cls: Any, structure: Any, traced: bool, backend: str, rng: np.random.Generator
) -> None:
    arrays = tuple(np.array(a, np.int32) for a in structure)
    weights = rng.normal(size=arrays[0].shape).astype(np.float32)
    dense = np.zeros(SHAPE)
    for r, c, k in entries(cls, arrays, SHAPE):
        dense[r, c] += weights.ravel()[k]
    left, right = rng.normal(size=4).astype(np.float32), rng.normal(size=6).astype(np.float32)

    def products(weights: Any, *arrays: Any) -> Any:
        matrix = cls((weights, *arrays), shape=SHAPE, check=traced)  # traced values can't be checked
        results = [left @ matrix, matrix @ right, BinaryArray(left > 0) @ matrix, matrix @ BinaryArray(right > 0)]
        if hasattr(matrix, "with_csc_index"):
            indexed = matrix.with_csc_index()
            results += [BinaryArray(left > 0) @ indexed, indexed @ BinaryArray(right > 0)]
        weighted, gradient = jax.value_and_grad(lambda w: jnp.sum((left @ matrix.with_data(w)) * right))(weights)
        return results, matrix.todense(), weighted, gradient

    with brainevent.use_backend(backend):
        results, found, _, gradient = (jax.jit(products) if traced else products)(jnp.asarray(weights), *arrays)
    expected = [left @ dense, dense @ right, (left > 0) @ dense, dense @ (right > 0)]
    for one, other in zip(results, [*expected, *expected[2:]]):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found, dense, rtol=1e-6)
    by_weight = np.zeros(weights.size)
    for r, c, k in entries(cls, arrays, SHAPE):
        by_weight[k] = left[r] * right[c]
    np.testing.assert_allclose(np.ravel(gradient), by_weight, rtol=1e-5, atol=1e-6)


@pytest.mark.cover
@pytest.mark.parametrize("traced", [False, True], ids=["concrete", "traced"])
@pytest.mark.parametrize(
    ("cls", "structure"),
    [case[1:] for case in MALFORMED if case[1] is not COO],
    ids=[case[0] for case in MALFORMED if case[1] is not COO],
)
def test_column_index_lists_the_entries_that_exist(cls: Any, structure: Any, traced: bool) -> None:
    arrays = tuple(np.array(a, np.int32) for a in structure)

    def index(*arrays: Any) -> Any:
        matrix = cls((1.0, *arrays), shape=SHAPE, check=False).with_csc_index()
        return matrix.__matrix_spec__.structure[-3:]

    rows, indptr, slots = map(np.asarray, (jax.jit(index) if traced else index)(*arrays))
    transposed = cls in (CSC, FixedPreNumConn)
    found = [(c, r, k) if transposed else (r, c, k) for r, c, k in entries(cls, arrays, SHAPE)]
    expected = sorted(found, key=lambda entry: (entry[1], entry[2]))  # by stored column, then storage order
    columns = SHAPE[0] if transposed else SHAPE[1]
    np.testing.assert_array_equal(indptr, [sum(c < j for _, c, _ in expected) for j in range(columns + 1)])
    assert list(zip(rows.tolist(), slots.tolist()))[: indptr[-1]] == [(r, k) for r, _, k in expected]
    assert sorted(slots.tolist()) == list(range(arrays[0].size))


@pytest.mark.cover
@pytest.mark.parametrize("how", ["numpy", "jax", "lists", "closed over in jit", "lists in jit"])
@pytest.mark.parametrize(("cls", "structure"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED])
def test_malformed_structure_is_refused(cls: Any, structure: Any, how: str) -> None:
    arrays = tuple(np.array(a, np.int32) for a in structure)

    def build() -> Any:
        given = tuple(map(jnp.asarray, arrays)) if how == "jax" else arrays
        if "lists" in how:
            given = tuple(array.tolist() for array in arrays)
        return cls((jnp.ones(arrays[0].shape), *given), shape=SHAPE).todense()

    with pytest.raises(brainevent.StructureError, match=r"holds|run from|must not decrease"):
        jax.jit(build)() if how.endswith("jit") else build()


def csr(data: Any = 1.0, indices: Any = (0, 1), indptr: Any = (0, 1, 2), shape: Any = (2, 2), **options: Any) -> CSR:
    return CSR((data, np.asarray(indices), np.asarray(indptr)), shape=shape, **options)


ERRORS = {
    "pointers too short": (lambda: csr(indptr=[0, 2]), brainevent.MathError, r"one entry more.*3; got 2"),
    "weights of another length": (lambda: csr(np.ones(3)), brainevent.MathError, r"\(2,\).*got \(3,\)"),
    "float indices": (lambda: csr(indices=[0.0, 1.0]), brainevent.DTypeError, "indices must hold integers, got dtype"),
    "float pointers": (lambda: csr(indptr=[0.0, 1, 2]), brainevent.DTypeError, "indptr must hold integers"),
    "shape of three": (lambda: csr(shape=(2, 2, 2)), brainevent.MathError, "two whole numbers"),
    "negative shape": (lambda: csr(shape=(2, -2)), brainevent.MathError, "two whole numbers"),
    "missing array": (lambda: CSR((1.0, [0, 1]), shape=(2, 2)), brainevent.MathError, "takes .data, indices, indptr"),
    "coo lengths": (lambda: COO((1.0, [0, 1], [0]), shape=(2, 2)), brainevent.MathError, r"\(2,\) and \(1,\)"),
    "fan-out of a vector": (lambda: FixedPostNumConn(1.0, [0, 1], shape=(2, 2)), brainevent.MathError, r"\(2, conn"),
    "too many partners": (
        lambda: FixedPostNumConn(num_pre=3, num_post=4, conn_num=5, weight=1.0),
        brainevent.MathError,
        "5 distinct partners out of 4",
    ),
    "no weight": (
        lambda: FixedPreNumConn(num_pre=3, num_post=4, conn_num=2),
        brainevent.MathError,
        "missing: weight",
    ),
    "dense vector": (lambda: Dense(np.ones(3)), brainevent.MathError, r"got an array of shape \(3,\)"),
    "length on the left": (lambda: np.ones(3) @ csr(), ValueError, r"array \(3,\) @ matrix \(2, 2\)"),
    "length on the right": (lambda: csr() @ np.ones((3, 2)), ValueError, r"matrix \(2, 2\) @ array \(3, 2\)"),
    "events of another length": (
        lambda: BinaryArray(np.ones(3)) @ csr().T,
        brainevent.MathError,
        r"events \(3,\) @ matrix \(2, 2\)",
    ),
    "events of rank 3": (lambda: BinaryArray(np.ones((2, 2, 2))) @ csr(), brainevent.MathError, "got events of shape"),
    "scalar operand": (lambda: csr() @ 2.0, brainevent.MathError, r"shape \(\)"),
    "complex operand": (lambda: csr() @ np.ones(2, complex), brainevent.DTypeError, "complex"),
    "two sparse": (lambda: csr() @ csr(), NotImplementedError, r"use `.todense\(\)`"),
    "other weights": (lambda: csr(np.ones(2)).with_data(np.ones(3)), brainevent.MathError, r"\(2,\), got \(3,\)"),
    "assignment": (lambda: setattr(csr(), "data", 2.0), AttributeError, "with_data"),
    "assignment to events": (lambda: setattr(BinaryArray(np.ones(2)), "value", 2.0), AttributeError, "immutable"),
    "too many nonzeros": (lambda: CSR.fromdense(np.ones((2, 2)), nse=3), brainevent.MathError, "4 nonzero.*nse=3"),
    "half a column": (lambda: csr(shape=(2.5, 2)), brainevent.MathError, "whole numbers"),
    "transposed oddly": (lambda: csr().transpose((0, 1)), brainevent.MathError, r"axes \(1, 0\), got \(0, 1\)"),
    "unknown array": (lambda: CSR(1.0, [0], [0, 1], row=[0], shape=(1, 1)), brainevent.MathError, "and no row="),
    "fan-out that would lose entries": (
        lambda: FixedPostNumConn.fromdense(np.array([[1, 1], [0, 0]]), nse=2),
        brainevent.MathError,
        "2 nonzero weights.*would be lost",
    ),
    "half a seed": (
        lambda: FixedPostNumConn(num_pre=2, num_post=2, conn_num=1, weight=1.0, seed=0.5),
        brainevent.DTypeError,
        "whole number",
    ),
    "two shapes": (
        lambda: FixedPostNumConn(num_pre=2, num_post=2, conn_num=1, weight=1.0, shape=(3, 3)),
        brainevent.MathError,
        "not both",
    ),
    "unit in a sum": (lambda: (np.ones(2) @ csr(1.0 * u.mV)) + 1 * u.second, u.UnitMismatchError, ""),
    "text as backend": (lambda: brainevent.matmul(np.ones(2), csr(), backend=3), TypeError, "'numba'"),
    "plain arrays": (lambda: brainevent.matmul(np.ones(2), np.ones(2)), brainevent.DTypeError, "jnp.matmul"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error_names_both_sides(name: str) -> None:
    call, kind, message = ERRORS[name]
    with pytest.raises(kind, match=f"(?si){message}"):
        call()


def test_index_leaves_that_became_floats_are_refused() -> None:
    matrix = jax.tree_util.tree_map(lambda leaf: leaf * 1.0, csr(np.ones(2, np.float32)))
    with pytest.raises(brainevent.DTypeError, match=r"brainevent\.grad|with_data"):
        np.ones(2, np.float32) @ matrix


def test_wide_indices_do_not_wrap() -> None:
    """With x64 off, 2**32 + 1 would become the valid index 1."""
    wide = np.array([2**32 + 1, 1], np.int64)
    with pytest.raises(brainevent.StructureError, match=str(2**32 + 1)):
        csr(indices=wide)
    expected = [[0, 0], [0, 7]]
    np.testing.assert_array_equal(csr(np.array([5.0, 7.0]), indices=wide, check=False).todense(), expected)
    with x64(True):
        wide_array = jnp.asarray(wide)
    matrix = CSR((np.array([5.0, 7.0]), wide_array, np.array([0, 1, 2])), shape=(2, 2), check=False)
    np.testing.assert_array_equal(matrix.todense(), expected)
    np.testing.assert_array_equal(np.ones(2) @ matrix, [0, 7])


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_entries_of_a_matrix_without_elements_do_not_exist(shape: tuple[int, int], backend: str) -> None:
    ones = [np.ones(size, np.float32) for size in shape]
    lines = FixedPostNumConn((1.0, np.zeros((shape[0], 2), int)), shape=shape, check=False)
    coordinates = COO((np.ones(2, np.float32), np.zeros(2, int), np.zeros(2, int)), shape=shape, check=False)
    rows = CSR((1.0, np.zeros(2, int), np.zeros(shape[0] + 1, int)), shape=shape, check=False)
    with brainevent.use_backend(backend):
        for matrix in (lines, coordinates, rows):
            np.testing.assert_array_equal(ones[0] @ matrix, np.zeros(shape[1]))
            np.testing.assert_array_equal(matrix @ BinaryArray(ones[1]), np.zeros(shape[0]))
            many = jax.vmap(lambda x, matrix=matrix: x @ matrix)(np.ones((4, shape[0]), np.float32))
            np.testing.assert_array_equal(many, np.zeros((4, shape[1])))
