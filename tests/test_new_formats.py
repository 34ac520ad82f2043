"""A new format, component and encoding work with every operation, on every backend, without any specific code."""

import copy
import dataclasses
import importlib.util
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.toy_formats import BLOCKS, MASK, TERNARY, Blocks, MaskedCSR, Ternary

import brainevent
from brainevent_core import get_registry, reference
from brainevent_core.encodings import Encoding, register_encoding, unregister_encoding
from brainevent_core.formats import (
    COO_FORMAT,
    CSC_INDEX,
    CSR_FORMAT,
    DENSE_FORMAT,
    Component,
    get_format,
    register_component,
    register_format,
    registered_formats,
    unregister,
)
from brainevent_core.jitc import LAWS
from brainevent_core.matrices import COO, CSR, FixedPostNumConn
from brainevent_core.plugins import ordered
from brainevent_core.plugins.discovery import backends, load_backends
from brainevent_core.primitives import matmul_p
from brainevent_core.testing import check_conformance, conformance_cases
from brainevent_core.testing.conformance.tables import TABLES, named_case

SHAPE = (6, 8)
BACKENDS = ("numba", "reference")


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """Register the toy format, component and encoding during a test."""
    register_format(BLOCKS)
    register_component(MASK)
    register_encoding(TERNARY)
    yield
    unregister(BLOCKS, MASK)
    unregister_encoding(TERNARY)


def blocks(rng: np.random.Generator) -> tuple[Any, np.ndarray]:
    """A matrix of blocks, two of which are at the same position, and its elements."""
    row, col = np.array([0, 2, 1, 2]), np.array([3, 0, 1, 0])
    data, dense = rng.normal(size=(4, 2, 2)).astype(np.float32), np.zeros(SHAPE, np.float32)
    for block, i, j in zip(data, row, col):
        dense[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] += block
    return Blocks((data, row, col), shape=SHAPE), dense


def masked(rng: np.random.Generator) -> tuple[Any, np.ndarray]:
    """A CSR matrix with about 70 % of its entries enabled, and its elements."""
    dense = np.where(rng.random(SHAPE) < 0.5, rng.normal(size=SHAPE), 0).astype(np.float32)
    matrix = brainevent.CSR.fromdense(dense)
    alive = rng.random(matrix.nse) < 0.7
    dense[tuple(index[~alive] for index in np.nonzero(dense))] = 0
    return MaskedCSR.of(matrix, alive.astype(np.int8)), dense


def masked_with_index(rng: np.random.Generator) -> tuple[Any, np.ndarray]:
    """Components can be combined: the index contains the entries that the mask leaves."""
    matrix, dense = masked(rng)
    return matrix.with_csc_index(), dense


MATRICES: dict[str, Callable[[np.random.Generator], tuple[Any, np.ndarray]]] = {
    "blocks": blocks,
    "mask": masked,
    "mask and index": masked_with_index,
}

ENCODED: dict[str, Callable[[np.ndarray], Any]] = {
    "numbers": lambda x: x,
    "binary": lambda x: brainevent.BinaryArray(x),
    "bitpacked": lambda x: brainevent.BitPackedBinary(x),
    "compact": lambda x: brainevent.CompactBinary(x),
    "sparse": lambda x: brainevent.SparseFloat(x),
    "ternary": lambda x: Ternary(np.rint(3 * x)),
}


def meaning(kind: str, x: np.ndarray) -> np.ndarray:
    if kind == "ternary":
        return np.sign(np.rint(3 * x))
    return x if kind in ("numbers", "sparse") else (x != 0).astype(x.dtype)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", MATRICES)
def test_products(name: str, backend: str, rng: np.random.Generator) -> None:
    """Every encoding from both sides, for vectors and batches, with derivatives."""
    matrix, dense = MATRICES[name](rng)
    x, y = (np.where(rng.random(n) < 0.5, rng.normal(size=n), 0).astype(np.float32) for n in SHAPE)

    @jax.jit
    def products(matrix: Any) -> Any:
        found = {}
        for kind, encode in ENCODED.items():
            found[kind] = encode(x) @ matrix, matrix @ encode(y), encode(np.stack([x, 2 * x, 0 * x])) @ matrix
        return found

    with brainevent.use_backend(backend), get_registry().record() as lowered:
        found = products(matrix)
        gradient = brainevent.grad(lambda m: jnp.sum((brainevent.BinaryArray(x) @ m) ** 2))(matrix)
        by_x = jax.grad(lambda x: jnp.sum((x @ matrix) ** 2))(jnp.asarray(x))
        stacked = jax.vmap(lambda w: brainevent.BinaryArray(x) @ matrix.with_data(w))(
            jnp.stack([matrix.data, -matrix.data])
        )
    ran = {(selection.primitive, selection.backend) for selection in lowered} - {("encode_events", backend)}
    assert ran == {("matmul", "reference"), ("sddmm", "reference")}
    for kind, (left, right, batch) in found.items():
        one, other = meaning(kind, x), meaning(kind, y)
        np.testing.assert_allclose(left, one @ dense, rtol=1e-5, atol=1e-5, err_msg=kind)
        np.testing.assert_allclose(right, dense @ other, rtol=1e-5, atol=1e-5, err_msg=kind)
        rows = np.stack([meaning(kind, scale * x) for scale in (1, 2, 0)])
        np.testing.assert_allclose(batch, rows @ dense, rtol=1e-5, atol=1e-5, err_msg=kind)
    events = (x != 0).astype(np.float32)
    by_element = 2 * np.outer(events, events @ dense)
    np.testing.assert_allclose(np.ravel(gradient), at_entries(matrix, by_element), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(by_x, 2 * dense @ (x @ dense), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(stacked, np.stack([events @ dense, -events @ dense]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", MATRICES)
def test_all_else(name: str, rng: np.random.Generator) -> None:
    """Conversions, indexing, arithmetic, plasticity and the functions of learning rules."""
    matrix, dense = MATRICES[name](rng)
    close = lambda found, expected: np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)  # noqa: E731
    for found in (matrix.todense(), matrix.tocoo().todense(), matrix.tocsr().todense(), matrix.tocsc().todense()):
        close(found, dense)
    close(jax.jit(lambda m: m.tocsr().todense())(matrix), dense)
    close(jax.jit(lambda m: m.tocsc().todense())(matrix), dense)
    for index in (1, -1, [0, 3], slice(1, 5, 2), (2, 3), (slice(None), 2), ([0, 5], [1, 0]), dense > 0, (None, 1)):
        close(matrix[index], dense[index])
    close(matrix.sum(0), dense.sum(0))
    close((2 * matrix).todense(), 2 * dense)
    close((matrix * dense).todense(), dense**2)
    close((matrix + dense), 2 * dense)
    close(abs(matrix).todense(), abs(dense))
    close((matrix @ dense.T), dense @ dense.T)
    np.testing.assert_array_equal(matrix > 0, dense > 0)
    y, w = rng.normal(size=SHAPE[0]).astype(np.float32), jnp.ones_like(matrix.data)
    ones = type(matrix).tree_unflatten(matrix.tree_flatten()[1], (w, *matrix._structure))
    scaled = matrix.with_data(matrix.yw_to_w(y, matrix.data))
    close(scaled.todense(), dense * y[:, None])
    spikes = rng.random(SHAPE[0]) < 0.5
    trace = rng.normal(size=SHAPE[1]).astype(np.float32)
    counts = np.asarray(ones.todense())
    close(matrix.update_on_pre(spikes, trace).todense(), dense + np.outer(spikes, trace) * counts)
    spikes = rng.random(SHAPE[1]) < 0.5
    added = at_entries(matrix, np.outer(y, spikes)).reshape(matrix.data.shape)
    close(matrix.update_on_post(y, spikes, w_max=0.1).data, np.minimum(matrix.data + added, 0.1))
    leaves, tree = jax.tree.flatten(matrix)
    close(jax.tree.unflatten(tree, leaves).todense(), dense)
    exported = jax.export.export(jax.jit(lambda m: m.todense()))(matrix).serialize()
    close(jax.export.deserialize(exported).call(matrix), dense)


def at_entries(matrix: Any, elements: np.ndarray) -> np.ndarray:
    """The element at the position of each entry, 0 for entries out of range."""
    row, col = (np.asarray(index) for index in (matrix.tocoo().row, matrix.tocoo().col))
    inside = (row >= 0) & (row < SHAPE[0]) & (col >= 0) & (col < SHAPE[1])
    return np.where(inside, elements[np.where(inside, row, 0), np.where(inside, col, 0)], 0)


def test_what_a_class_can_not_carry() -> None:
    for wrong in (
        lambda: CSR_FORMAT.with_component(MASK).with_component(MASK),
        lambda: BLOCKS.with_component(CSC_INDEX),
        lambda: CSR_FORMAT.with_component(CSC_INDEX).with_component(MASK),
        lambda: DENSE_FORMAT.with_component(dataclasses.replace(MASK, fits=lambda fmt: True)),
        lambda: COO_FORMAT.with_component(dataclasses.replace(MASK, structure=("row",))),
        lambda: COO_FORMAT.with_component(Component("nothing", ("more",), lambda nse, shape: (nse,), "")),
    ):
        with pytest.raises(brainevent.RegistrationError):
            wrong()
    assert CSR_FORMAT.with_component(MASK) is CSR_FORMAT.with_component(MASK)


# -- every registered format, with every component ---------------------------------------------------------------------

CLASSES = {"coo": COO, "csr": CSR, "fixed_num": FixedPostNumConn, "blocks": Blocks}


@pytest.mark.cover(share=0.2)
@pytest.mark.usefixtures("little_optimisation")
@pytest.mark.parametrize("malformed", [False, True])
@pytest.mark.parametrize("homogeneous", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        *("coo", "coo:weight_indices", "coo:mask", "blocks", "blocks:weight_indices", "blocks:mask"),
        *(f"{base}{more}" for base in ("csr", "fixed_num") for more in ("", ":csc_index", ":weight_indices", ":mask")),
        *(f"{base}:{given}:csc_index" for base in ("csr", "fixed_num") for given in ("weight_indices", "mask")),
    ],
)
def test_all_operations(name: str, homogeneous: bool, malformed: bool, rng: np.random.Generator) -> None:
    """Whatever a component does to the entries, all operations see the same entries. With the reference only, because
    the conformance kit tests kernels."""
    with brainevent.use_backend("reference"):
        check_all_operations(name, homogeneous, malformed, rng)


def as_anybody_reads(matrix: CSR) -> np.ndarray:
    dense = np.zeros(matrix.shape, np.float32)
    indptr, indices, data = map(np.asarray, (matrix.indptr, matrix.indices, matrix.data))
    for i in range(matrix.shape[0]):
        entries = np.arange(indptr[i], indptr[i + 1])
        np.add.at(dense[i], indices[entries], data[0] if data.size == 1 else data[entries])
    return dense


def check_all_operations(name: str, homogeneous: bool, malformed: bool, rng: np.random.Generator) -> None:
    fmt = get_format(name)
    assert fmt in registered_formats()
    structure = fmt.random_structure(rng, SHAPE, 3, malformed=malformed)
    per_entry = fmt.weights_shape(structure, SHAPE)
    data = rng.normal(size=(1,) if homogeneous else per_entry).astype(np.float32)
    row, col, weight = (None if one is None else np.asarray(one) for one in fmt.entries(structure, SHAPE))
    exists = (row >= 0) & (row < SHAPE[0]) & (col >= 0) & (col < SHAPE[1])
    weights = np.broadcast_to(data.reshape(-1), row.shape)
    if weight is not None and not homogeneous:
        exists &= (weight >= 0) & (weight < row.size)
        weights = data.reshape(-1)[np.where(exists, weight, 0)]
    dense = np.zeros(SHAPE, np.float32)
    np.add.at(dense, (row[exists], col[exists]), weights[exists])
    arrays = tuple(map(jnp.asarray, (data, *structure)))
    matrix = CLASSES[fmt.name].tree_unflatten((SHAPE, fmt), arrays)
    close = lambda found, expected: np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)  # noqa: E731

    x, y = (np.where(rng.random(n) < 0.5, 1, 0).astype(np.float32) for n in SHAPE)
    close(brainevent.BinaryArray(x) @ matrix, x @ dense)
    close(matrix @ brainevent.BinaryArray(y), dense @ y)
    for found in (matrix, matrix.tocoo(), matrix.tocsr(), matrix.tocsc(), 2 * matrix - matrix, matrix / 1):
        close(found.todense(), dense)
    if not malformed:
        close(as_anybody_reads(matrix.tocsr()), dense)
    if not isinstance(matrix, Blocks):
        close(matrix.T.todense(), dense.T)
    close(matrix[[0, 2, -1]], dense[[0, 2, -1]])
    close(matrix[[1, 3], [2, 0]], dense[[1, 3], [2, 0]])
    y = rng.normal(size=SHAPE[0]).astype(np.float32)
    close(np.ravel(matrix.yw_to_w(y, 2.0)), np.where(exists, 2 * y[np.where(exists, row, 0)], 0))
    if isinstance(matrix, CSR):
        close(matrix.slice_rows([1, 4, 1]).todense(), dense[[1, 4, 1]])
        close(matrix.diag_add(3.0).todense(), dense + 3 * np.eye(*SHAPE))
    if homogeneous:
        return
    gradient = brainevent.grad(lambda m: jnp.sum(matrix_square(x, m)))(matrix)
    by_entry = np.where(exists, (2 * np.outer(x, x @ dense))[np.where(exists, row, 0), np.where(exists, col, 0)], 0)
    expected = np.zeros(data.size, np.float32)
    at = np.arange(row.size) if weight is None else np.where(exists, weight, 0)
    np.add.at(expected, at, by_entry)
    close(np.ravel(gradient), expected)
    updated = matrix.update_on_pre(x, np.ones(SHAPE[1], np.float32)).data
    added = np.zeros(data.size, np.float32)
    np.add.at(added, at, np.where(exists, x[np.where(exists, row, 0)], 0))
    close(np.ravel(updated), data.ravel() + added)


def matrix_square(x: np.ndarray, matrix: Any) -> Any:
    return (brainevent.BinaryArray(x) @ matrix) ** 2


def test_arithmetic_sees_components() -> None:
    """Matrices with different components have different entries."""
    one = brainevent.CSR.fromdense(np.arange(1.0, 7.0, dtype=np.float32).reshape(2, 3))
    first, second = (MaskedCSR.of(one, np.array(alive, np.int8)) for alive in ([1, 0, 1, 1, 1, 0], [0, 1, 1, 1, 0, 0]))
    for wrong in (lambda: first - second, lambda: first * second, lambda: one + first, lambda: first + one):
        with pytest.raises(NotImplementedError, match="same structure"):
            wrong()
    np.testing.assert_array_equal((first + first).todense(), 2 * first.todense())


@pytest.mark.parametrize("name", ["numbers", "events"])
def test_an_encoding_of_both_sides(name: str) -> None:
    """Events on both sides: each side is interpreted by its own encoding."""
    three = Ternary([-5, 0, 3])
    ones = brainevent.BinaryArray(np.ones(3))
    assert float(three @ ones if name == "numbers" else ones @ three) == 0.0


def test_derivatives_go_through_what_decodes() -> None:
    scaled = Encoding("scaled", event=False, decode=lambda x, n: 3 * x)
    matrix, dense = blocks(np.random.default_rng(0))
    x, g = np.arange(1.0, 7.0, dtype=np.float32), np.arange(8.0, dtype=np.float32)

    def product(x: Any) -> Any:
        params: dict[str, Any] = {"format": BLOCKS, "shape": SHAPE, "transpose": True, "encoding": scaled}
        return matmul_p(matrix.data, *matrix._structure, x, **params)

    np.testing.assert_allclose(jax.grad(lambda x: jnp.vdot(g, product(x)))(x), 3 * dense @ g, rtol=1e-5)
    np.testing.assert_allclose(jax.jvp(product, (x,), (x,))[1], 3 * x @ dense, rtol=1e-5)
    np.testing.assert_allclose(jax.linear_transpose(product, x)(g)[0], 3 * dense @ g, rtol=1e-5)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_are_the_same_object(copied: Callable[[Any], Any], rng: np.random.Generator) -> None:
    """Otherwise, kernels would not recognise them, and functions would be compiled again."""
    for one in (CSR_FORMAT, CSR_FORMAT.with_component(MASK), BLOCKS, MASK, TERNARY, *LAWS.values()):
        assert copied(one) is one
    generated = brainevent.JITCNormalR(0.0, 1.0, 0.5, 0, shape=SHAPE)
    for matrix in (blocks(rng)[0], masked(rng)[0], generated):
        again = copied(matrix)
        assert again.__matrix_spec__.format == matrix.__matrix_spec__.format
        np.testing.assert_array_equal(again.todense(), matrix.todense())


def test_what_is_not_registered_is_said_to_be_so() -> None:
    text = pickle.dumps(BLOCKS)
    unregister(BLOCKS)
    with pytest.raises(brainevent.RegistrationError, match=r"'blocks'.*import what registers it"):
        pickle.loads(text)
    other = dataclasses.replace(CSR_FORMAT, check_values=lambda structure, shape: None)
    with pytest.raises(brainevent.RegistrationError, match="unregister"):
        register_format(other)


TOYS = re.compile("blocks|mask|ternary")


def toy_cases(primitives: list[str]) -> list[Any]:
    return [case for case in conformance_cases(primitives, whole=False) if TOYS.search(str(case))]


def test_the_kit_has_them_in_every_table() -> None:
    cases = toy_cases(["matmul", "sddmm", "stdp_update", "jitc_matmul"])
    for primitive in ("matmul", "sddmm", "stdp_update"):
        for fmt in ("blocks", "csr:mask", "coo:mask", "fixed_num:mask"):
            assert any(str(case).startswith(f"{primitive}-{fmt}-") for case in cases), (primitive, fmt)
    assert any("jitc_matmul" in str(case) and "ternary" in str(case) for case in cases)


def test_no_kernel_runs_that_does_not_list_them() -> None:
    """Every kernel of every installed backend declines all cases with the toy format, component and encoding."""
    platforms = {platform for status in backends() if status.backend for platform in status.backend.platforms}
    for platform in platforms:
        load_backends(platform)
    for case in toy_cases(["matmul", "sddmm", "stdp_update", "jitc_matmul"]):
        call = TABLES[case.primitive].draw(case, np.random.default_rng(case.seed))
        avals = [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in call.operands]
        for platform in platforms:
            for kernel in ordered(get_registry().kernels(case.primitive, platform)):
                assert kernel.supports is not None, kernel
                assert not kernel.supports(*avals, **call.params), (kernel.backend, str(case))


def test_a_kernel_that_says_nothing_is_given_nothing() -> None:
    registry = get_registry()
    registry.register_kernel("matmul", "cpu", reference.matmul, backend="silent")
    try:
        with brainevent.use_backend("silent"), registry.record() as lowered:
            jnp.ones(3) @ brainevent.CSR.fromdense(np.eye(3, 5))
    finally:
        registry.remove("matmul", backend="silent")
    assert "does not say which values of 'format' it takes" in dict(lowered[0].declined)["silent"]


PLANTED: dict[str, tuple[Callable[..., Any], str, str]] = {
    "ignores the component": (
        lambda data, indices, indptr, alive, x, **params: reference.matmul(
            data, indices, indptr, x, **{**params, "format": CSR_FORMAT}
        ),
        "csr:mask-binary_bool-transposed-float32-vector-each-all-13x7-wellformed-int32-finite-jit",
        "the component 'mask' is ignored",
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_kernel_that_takes_what_it_does_not_know_is_named(fault: str) -> None:
    kernel, name, words = PLANTED[fault]
    registry = get_registry()
    registry.register_kernel("matmul", "cpu", kernel, backend="planted", supports=lambda *_, **__: True)
    try:
        outcome = check_conformance(named_case(f"matmul-{name}"), "planted")
    finally:
        registry.remove("matmul", backend="planted")
    assert outcome.verdict == "failed"
    assert words in outcome.message


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('if fmt.name == "csr": pass', [1]),
        ('x = 1\nif name in ("coo", "other"): pass', [2]),
        ("if spec.format is not formats.CSR_FORMAT: pass", [1]),
        ('if name.endswith("csc_index"): pass', [1]),
        ("if CSC_INDEX in fmt.components or fmt.carries(CSC_INDEX): pass", [1, 1]),
        ('if fmt.full_name == "csr:csc_index": pass', [1]),
        ('kernel = {"csr": one, "coo": other}[fmt.name]', [1]),
        ('match name:\n    case "dense": pass', [2]),
        ('matrix = CSR_FORMAT.with_component(CSC_INDEX); name = "csr"', []),
    ],
)
def test_code_that_tells_formats_apart_is_found(source: str, found: list[int]) -> None:
    rule = _load("scripts/check_format_names.py")
    assert list(rule.comparisons(source, rule.names_of_formats())) == found


def _load(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("check_format_names", Path(__file__).parents[1] / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
