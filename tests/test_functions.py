"""The functions on bare arrays, compared with dense NumPy: products, sddmm, and conversions of indices."""

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse

import brainevent
from brainevent import BinaryArray, BitPackedBinary, SparseFloat
from brainevent_core import functional

pytestmark = pytest.mark.usefixtures("little_optimisation")

SHAPE = (5, 7)
RNG = np.random.default_rng(3)
#: Two entries per row, so that every format can store it.
COLUMNS = np.stack([RNG.permutation(SHAPE[1])[:2] for _ in range(SHAPE[0])]).astype(np.int32)
WEIGHTS = RNG.normal(size=COLUMNS.shape).astype(np.float32)
ROWS = np.repeat(np.arange(SHAPE[0], dtype=np.int32), 2)
DENSE = np.zeros(SHAPE, np.float32)
DENSE[ROWS, COLUMNS.ravel()] = WEIGHTS.ravel()

# prefix: the structure, and the shape of the weights
STORAGES: dict[str, tuple[tuple[np.ndarray, ...], Any]] = {
    "csr": ((COLUMNS.ravel(), np.arange(0, 11, 2)), (-1,)),
    "coo": ((ROWS, COLUMNS.ravel()), (-1,)),
    "fcn": ((COLUMNS,), COLUMNS.shape),
    "dense": ((), None),
}


@pytest.fixture(autouse=True)
def reference_kernels() -> Iterator[None]:
    """The primitives are tested with every backend elsewhere; these kernels compile fastest."""
    with brainevent.use_backend("reference"):
        yield


PRODUCTS = [(stem, suffix, event) for stem in STORAGES for suffix in ("mv", "mm") for event in (False, True)]


def arrays(stem: str) -> tuple[Any, tuple[np.ndarray, ...], dict[str, Any]]:
    structure, weights_shape = STORAGES[stem]
    if stem == "dense":
        return DENSE, (), {}
    return WEIGHTS.reshape(weights_shape), structure, {"shape": SHAPE}


@pytest.mark.cover(share=0.6)
@pytest.mark.parametrize(("stem", "suffix", "event"), PRODUCTS)
def test_products(stem: str, suffix: str, event: bool, rng: np.random.Generator) -> None:
    """Both directions: eager, compiled with traced indices, with units, and gradients with respect to the weights."""
    function = getattr(brainevent, f"{'binary_' if event else ''}{stem}{suffix}")
    weights, structure, shaped = arrays(stem)
    for transpose in (False, True):
        dense = DENSE.T if transpose else DENSE
        x = rng.normal(size=(dense.shape[1], *((3,) if suffix == "mm" else ()))).astype(np.float32)
        x *= rng.random(x.shape) < 0.6
        plain = (x != 0).astype(np.float32) if event else x
        expected, options = dense @ plain, {**shaped, "transpose": transpose}
        np.testing.assert_allclose(function(weights, *structure, x, **options), expected, rtol=1e-4, atol=1e-5)

        def total(weights: Any, structure: Any, x: Any, options: Any = options) -> Any:
            return jnp.sum(function(weights, *structure, x, **options))

        value, gradient = jax.jit(jax.value_and_grad(total))(weights, structure, x)
        np.testing.assert_allclose(value, expected.sum(), rtol=1e-4, atol=1e-4)
        by_dense = np.outer(np.ones(len(dense)), plain.reshape(len(plain), -1).sum(1))
        by_dense = by_dense.T if transpose else by_dense
        by_weights = by_dense if stem == "dense" else by_dense[ROWS, COLUMNS.ravel()].reshape(weights.shape)
        np.testing.assert_allclose(gradient, by_weights, rtol=1e-4, atol=1e-5)
    out = function(weights * u.nS, *structure, x if event else x * u.mV, **options)
    assert out.unit.has_same_dim(u.nS if event else u.pA)


def test_any_events_go_in_and_names_say_what_is_multiplied() -> None:
    weights, structure, shaped = arrays("csr")
    spikes = np.array([0, 2, 0, 1, -1, 0, 3], np.float32)
    for function, events, expected in (
        (brainevent.binary_csrmv, BitPackedBinary(spikes), DENSE @ (spikes != 0)),
        (brainevent.binary_csrmv, BinaryArray(spikes), DENSE @ (spikes != 0)),
        (brainevent.csrmv, BinaryArray(spikes), DENSE @ (spikes != 0)),
        (brainevent.csrmv, SparseFloat(spikes), DENSE @ spikes),
    ):
        np.testing.assert_allclose(function(weights, *structure, events, **shaped), expected, rtol=1e-4, atol=1e-5)
    assert str(inspect.signature(brainevent.binary_csrmm)) == (
        "(data: 'QuantityLike', indices: 'ArrayLike', indptr: 'ArrayLike', x: 'OperandLike', *, "
        "shape: 'Sequence[int]', transpose: 'bool' = False, backend: 'str | None' = None) -> 'Array | Quantity'"
    )
    assert list(inspect.signature(brainevent.densemv).parameters) == ["weights", "x", "transpose", "backend"]
    by_name = brainevent.fcnmv(weights=2.0, indices=COLUMNS, x=np.ones(7), shape=SHAPE, backend="reference")
    np.testing.assert_array_equal(by_name, np.full(5, 4.0))


def test_all_functions_are_public() -> None:
    """Type checkers read a single literal list of public names, and nothing that is added to it later."""
    for module in pkgutil.iter_modules(functional.__path__):
        functions = importlib.import_module(f"{functional.__name__}.{module.name}").__all__
        if module.name != "multiply":  # their common building blocks
            assert set(functions) <= set(brainevent.__all__)


# -- sddmm -------------------------------------------------------------------------------------------------------------


@pytest.mark.cover(share=0.6)
@pytest.mark.parametrize("stem", ["csr", "coo", "fcn"])
@pytest.mark.parametrize("kind", ["numbers", "right", "left", "both"])
def test_sampled_products(stem: str, kind: str, rng: np.random.Generator) -> None:
    function = getattr(brainevent, f"{stem}_sddmm")
    structure, _ = STORAGES[stem]
    a, b = rng.normal(size=(5, 3)).astype(np.float32), rng.normal(size=(3, 7)).astype(np.float32)
    spikes_a, spikes_b = rng.random(a.shape) < 0.4, rng.random(b.shape) < 0.4
    left, plain_left = (BinaryArray(spikes_a), spikes_a) if kind in ("left", "both") else (a, a)
    right, plain_right = (BinaryArray(spikes_b), spikes_b) if kind in ("right", "both") else (b, b)
    expected = (plain_left.astype(np.float32) @ plain_right)[ROWS, COLUMNS.ravel()].reshape(structure[0].shape)
    found = function(*structure, left, right, shape=SHAPE)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    if kind == "numbers":
        outer = function(*structure, a[:, 0] * u.mV, b[0] * u.nS, shape=SHAPE)
        assert outer.unit.has_same_dim(u.pA)
        by_a = jax.grad(lambda a: jnp.sum(function(*structure, a, b, shape=SHAPE)))(jnp.asarray(a))
        np.testing.assert_allclose(by_a, (DENSE != 0) @ b.T, rtol=1e-4, atol=1e-5)


# -- conversions of indices --------------------------------------------------------------------------------------------


def random_entries(rng: np.random.Generator, dtype: str, rows: int = 6, cols: int = 9) -> tuple[Any, Any, Any]:
    """Unsorted entries with empty rows. There are no duplicates, as SciPy doesn't preserve their order."""
    flat = rng.permutation(rows * cols)[:20]
    return (flat // cols).astype(dtype), (flat % cols).astype(dtype), np.arange(1.0, 21.0)


@pytest.mark.parametrize("how", ["numpy", "jax", "traced"])
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_conversions_against_scipy(dtype: str, how: str, rng: np.random.Generator) -> None:
    row, col, data = random_entries(rng, dtype)
    coo = scipy.sparse.coo_matrix((data, (row, col)), shape=(6, 9))
    csr, csc = coo.tocsr(), coo.tocsc()

    def call(function: Any, *arrays: Any, **options: Any) -> Any:
        if how == "numpy":
            out = function(*arrays, **options)
            assert all(isinstance(array, np.ndarray) for array in out)
            return out
        given = tuple(jnp.asarray(array) for array in arrays)
        bound = functools.partial(function, **options)
        out = (jax.jit(bound) if how == "traced" else bound)(*given)
        assert all(isinstance(array, jax.Array) and array.dtype == jnp.int32 for array in out)
        return out

    by_row, by_col = call(brainevent.csr_to_coo_index, csr.indptr.astype(dtype), csr.indices.astype(dtype))
    np.testing.assert_array_equal(by_row, csr.tocoo().row)
    np.testing.assert_array_equal(by_col, csr.indices)
    for function, arrays, values, expected in (
        (brainevent.coo2csr, (row, col), data, csr),
        (brainevent.coo_to_csc_index, (row, col), data, csc),
        (brainevent.csr_to_csc_index, (csr.indptr.astype(dtype), csr.indices.astype(dtype)), csr.data, csc),
        (brainevent.csc_to_csr_index, (csc.indptr.astype(dtype), csc.indices.astype(dtype)), csc.data, csr),
    ):
        indptr, indices, order = map(np.asarray, call(function, *arrays, shape=(6, 9)))
        found = type(expected)((values[order], indices, indptr), shape=(6, 9))
        np.testing.assert_array_equal(found.todense(), expected.todense())
        assert [sorted(order.tolist()), indptr.tolist()] == [list(range(20)), expected.indptr.tolist()]


def test_conversions_of_nothing_and_of_duplicates() -> None:
    for array in brainevent.coo2csr([], [], shape=(0, 3)):
        assert array.tolist() in ([0], [])
    assert [a.tolist() for a in brainevent.csr_to_coo_index([0], [])] == [[], []]
    indptr, indices, order = brainevent.coo_to_csc_index([1, 1, 0], [0, 0, 0], shape=(2, 1))
    assert (indptr.tolist(), indices.tolist(), order.tolist()) == ([0, 3], [1, 1, 0], [0, 1, 2])


def test_traced_entries_outside_stand_behind_all_others() -> None:
    convert = jax.jit(lambda row, col: brainevent.coo2csr(row, col, shape=(2, 3)))
    indptr, indices, order = convert(jnp.array([1, -1, 0]), jnp.array([2, 1, 7]))
    assert indptr.tolist() == [0, 0, 1]
    assert (indices.tolist()[0], order.tolist()[0]) == (2, 0)
