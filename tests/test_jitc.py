"""Just-in-time connectivity, compared with the same matrices when materialised."""

import itertools
import operator
from collections.abc import Iterator
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent import BinaryArray, JITCNormalC, JITCNormalR, JITCScalarC, JITCScalarR, JITCUniformC, JITCUniformR
from brainevent_core.encodings import get_encoding
from brainevent_core.jitc import SCALAR, ConnectionRule
from brainevent_core.primitives import jitc_matmul_p
from brainevent_core.testing.numerics import x64

pytestmark = pytest.mark.usefixtures("little_optimisation")

BACKENDS = ("reference", "numba")
LAWS = {"scalar": (1.5,), "normal": (1.5, 0.5), "uniform": (-1.0, 2.0)}
NAMES = {"scalar": ("weight",), "normal": ("loc", "scale"), "uniform": ("low", "high")}
CLASSES = {
    "scalar": (JITCScalarR, JITCScalarC),
    "normal": (JITCNormalR, JITCNormalC),
    "uniform": (JITCUniformR, JITCUniformC),
}
ALL = [(law, cls) for law, pair in CLASSES.items() for cls in pair]
#: One class for each law, with both orders of the stream; --full tests the others.
COVER = [
    pytest.param(law, cls, marks=[] if cls in (JITCScalarR, JITCNormalC, JITCUniformR) else pytest.mark.full)
    for law, cls in ALL
]
SHAPE = (37, 53)


def build(law: str, cls: Any, prob: float = 0.2, seed: Any = 3, shape: tuple[int, int] = SHAPE, **options: Any) -> Any:
    return cls(*LAWS[law], prob, seed, shape=shape, **options)


def close(found: Any, expected: Any, rtol: float = 1e-5) -> None:
    expected = np.asarray(expected)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * max(1.0, np.abs(expected).max(initial=0)))


def test_the_example_of_the_interface_runs_as_written() -> None:
    spikes = brainevent.BinaryArray(jnp.array([1, 0, 1, 0, 1] * 200))
    jitc = brainevent.JITCScalarR(num_pre=1000, num_post=1000, prob=0.1, weight=0.5, seed=0)
    output = spikes @ jitc
    assert output.shape == (1000,)
    close(output, np.asarray(spikes.value) @ np.asarray(jitc.todense()))


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize(("law", "cls"), ALL)
def test_every_constructor_form(law: str, cls: Any) -> None:
    values = LAWS[law]
    expected = build(law, cls).todense()
    named = dict(zip(NAMES[law], values))
    for matrix in (
        cls((*values, 0.2, 3), shape=SHAPE),
        cls(*values, prob=0.2, seed=3, shape=SHAPE),
        cls(**named, prob=0.2, seed=3, shape=SHAPE),
        cls(num_pre=SHAPE[0], num_post=SHAPE[1], prob=0.2, seed=3, **named),
        cls(*map(jnp.float32, values), np.float64(0.2), jax.random.key(3), shape=list(SHAPE)),
        cls(*(np.array([value], np.float32) for value in values), 0.2, np.array([0, 3]), shape=SHAPE),
    ):
        np.testing.assert_array_equal(matrix.todense(), expected)
        assert isinstance(matrix, (brainevent.JITCMatrix, u.sparse.SparseMatrix))
        assert [float(getattr(matrix, name)) for name in NAMES[law]] == list(values)
    drawn = cls(*values, 0.2, shape=SHAPE)
    assert not np.array_equal(drawn.todense(), cls(*values, 0.2, shape=SHAPE).todense())
    np.testing.assert_array_equal(drawn.todense(), drawn.todense())
    quantity = cls(*(value * u.nS for value in values), 0.2, 3, shape=SHAPE)
    assert quantity.unit == u.nS
    close(quantity.todense().to_decimal(u.nS), expected)
    with brainevent.use_backend("reference"):
        assert (quantity @ (np.ones(53, np.float32) * u.mV)).unit == u.nS * u.mV


def test_wrong_arguments() -> None:
    for arguments, options, message in (
        ((1.0,), {"shape": (2, 2)}, "takes weight, prob, seed"),
        ((1.0, 0.1, 0, 7), {"shape": (2, 2)}, "takes weight, prob, seed"),
        ((1.0, 0.1), {"shape": (2, 2), "loc": 1.0}, "takes weight, prob, seed"),
        ((1.0, 0.1), {}, "needs either shape="),
        ((1.0, 0.1), {"num_pre": 3}, "needs either shape="),
        ((1.0, 0.1), {"shape": (2, 2), "num_pre": 3, "num_post": 3}, "needs either shape="),
        ((jnp.ones(3), 0.1), {"shape": (2, 2)}, "one number for the whole matrix"),
        ((1.0, 2.0), {"shape": (2, 2)}, "between 0 and 1"),
        ((1.0, 0.1), {"shape": (2, 2, 2)}, "two whole numbers"),
    ):
        with pytest.raises(brainevent.MathError, match=message):
            JITCScalarR(*arguments, **options)
    with pytest.raises(brainevent.DTypeError, match="concrete"):
        jax.jit(lambda prob: JITCScalarR(1.0, prob, 0, shape=(2, 2)).todense())(0.5)
    with pytest.raises(u.UnitMismatchError):
        JITCNormalR(1.0 * u.mV, 0.1 * u.mA, 0.1, 0, shape=(2, 2))
    matrix = build("scalar", JITCScalarR)
    with pytest.raises(brainevent.MathError, match="Shapes do not fit"):
        matrix @ np.ones(3)
    with pytest.raises(brainevent.MathError, match=r"with_data .* takes \(weight\)"):
        matrix.with_data(1.0, 2.0)
    with pytest.raises(brainevent.MathError, match="more than nse=3"):
        matrix.tocsr(nse=3)
    with pytest.raises(brainevent.MathError, match="give nse="):
        jax.jit(lambda m: m.tocsr())(matrix)
    for index in (37, -38, [0, 40], (0, 53), (slice(None), 53), 0.5, (0, 0, 0)):
        with pytest.raises(IndexError):
            matrix[index]


@pytest.mark.cover(share=0.6)
@pytest.mark.parametrize(
    ("law", "corder"),
    [
        pytest.param(law, corder, marks=[] if pair in (0, 4, 8) else pytest.mark.full)
        for pair, (law, corder) in enumerate(itertools.product(LAWS, (None, True, False)))
    ],
)
def test_transpose_and_order_of_the_stream(law: str, corder: bool | None) -> None:
    rows, columns = (build(law, cls, corder=corder) for cls in CLASSES[law])
    assert (rows.corder, columns.corder) == ((True, False) if corder is None else (corder, corder))
    assert np.array_equal(rows.todense(), columns.todense()) == (corder is not None)
    for matrix, other in ((rows, columns), (columns, rows)):
        dense = np.asarray(matrix.todense())
        assert type(matrix.T) is type(other)
        assert type(matrix.T.T) is type(matrix)
        assert matrix.T.shape == SHAPE[::-1]
        assert matrix.T.corder is not matrix.corder
        close(matrix.T.todense(), dense.T, 1e-6)
    enlarged = build(law, CLASSES[law][0], corder=corder, shape=(60, 71))
    close(enlarged.todense()[:37, :53], rows.todense(), 1e-6)


def check_product(
    rng: np.random.Generator, law: str, cls: Any, from_left: bool, event: bool, batch: tuple[int, ...]
) -> None:
    """Compared with the dense matrix; rows along the stream have three blocks."""
    shape = (19, 4500) if cls is CLASSES[law][0] else (4500, 19)
    matrix = build(law, cls, shape=shape)
    dense = np.asarray(matrix.todense())
    length = shape[0] if from_left else shape[1]
    x = rng.normal(size=(*batch, length) if from_left else (length, *batch)).astype(np.float32)
    x = np.where(rng.random(x.shape) < 0.5, x, 0)
    operand = BinaryArray(x) if event else x
    plain = (x != 0).astype(np.float32) if event else x
    close(operand @ matrix if from_left else matrix @ operand, plain @ dense if from_left else dense @ plain, 2e-5)


# A native kernel takes seconds to compile, so there are only a few cases, which other tests reuse: every law, encoding
# and direction, and what is specific to a vector, to a batch, and to counting (events with the scalar law).
PRODUCTS = [
    ("scalar", JITCScalarR, True, True, ()),
    ("scalar", JITCScalarC, True, True, ()),
    ("scalar", JITCScalarR, False, True, (3,)),
    ("scalar", JITCScalarC, False, True, (3,)),
    ("normal", JITCNormalR, True, False, ()),
    ("normal", JITCNormalC, True, False, ()),
    ("uniform", JITCUniformR, True, True, ()),
    ("uniform", JITCUniformR, False, True, ()),
    ("uniform", JITCUniformC, True, False, (3,)),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "product" in metafunc.fixturenames:
        products = PRODUCTS
        if metafunc.config.getoption("--full", default=False):
            rest = itertools.product(ALL, (False, True), (False, True), ((), (3,)))
            products = [(*pair, *options) for pair, *options in rest]
        metafunc.parametrize("product", products)


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("backend", BACKENDS)
def test_products(product: tuple[Any, ...], backend: str, rng: np.random.Generator) -> None:
    """Events and numbers, vectors and matrices, on both sides."""
    if backend == "numba":
        pytest.importorskip("brainevent_cpu")
    with brainevent.use_backend(backend):
        check_product(rng, *product)


@pytest.mark.parametrize("backend", BACKENDS)
def test_events_select_and_numbers_multiply(backend: str) -> None:
    with brainevent.use_backend(backend):
        matrix, numbers = JITCScalarR(jnp.inf, 0.5, 0, shape=(4, 6)), JITCNormalR(jnp.inf, 0.0, 0.5, 0, shape=(4, 6))
        pattern = np.asarray(matrix.with_data(1.0).todense())
        spikes = np.array([0, np.nan, 0, -2], np.float32)
        np.testing.assert_array_equal(BinaryArray(spikes) @ matrix, np.where(pattern[[1, 3]].any(0), np.inf, 0))
        np.testing.assert_array_equal(matrix @ BinaryArray(np.zeros(6)), np.zeros(4))
        np.testing.assert_array_equal(np.isnan(np.zeros(4, np.float32) @ numbers), pattern.any(0))
        np.testing.assert_array_equal(np.isnan(numbers @ np.zeros(6, np.float32)), pattern.any(1))
        for shape in ((0, 3), (3, 0), (0, 0)):
            empty = JITCScalarR(1.0, 0.5, 0, shape=shape)
            np.testing.assert_array_equal(empty @ BinaryArray(np.ones(shape[1])), np.zeros(shape[0]))
            np.testing.assert_array_equal(BinaryArray(np.ones(shape[0])) @ empty, np.zeros(shape[1]))
            assert empty.todense().shape == shape
            assert empty.nse == 0


def bits(mask: np.ndarray) -> np.ndarray:
    """Words of 32 events; surplus bits are set."""
    padded = np.concatenate([mask, np.ones(-mask.size % 32, bool)])
    return np.packbits(padded, bitorder="little").view("<u4")


def listed(mask: np.ndarray) -> np.ndarray:
    """The count, indices in reverse, a duplicate, two out of range, and leftovers; the same length for any mask."""
    indices = np.flatnonzero(mask)[::-1]
    counted = [*indices, *indices[:1], -1, mask.size]
    found = np.zeros(1 + mask.size + 3, np.int32)
    found[: 1 + len(counted)] = [len(counted), *counted]
    return found


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("operand", "encode", "events"),
    [("bitpacked", bits, brainevent.BitPackedBinary), ("compact", listed, brainevent.CompactBinary)],
)
def test_encoded_events(operand: str, encode: Any, events: Any, backend: str, rng: np.random.Generator) -> None:
    """They give the results of their mask: for a vector, a batch, and one per seed under vmap over three seeds."""
    lines, length = SHAPE
    one, first = np.ones(1, np.float32), np.zeros(1, np.uint32)
    rule = ConnectionRule(SCALAR, 0.2)
    masks = rng.random((3, lines)) < 0.3
    x = np.stack([encode(mask) for mask in masks])
    with brainevent.use_backend(backend):
        matrices = [JITCScalarR(1.0, 0.2, seed, shape=SHAPE) for seed in (3, 4, 5)]
        dense = [np.asarray(matrix.todense()) for matrix in matrices]

        @jax.jit
        def product(seed: Any, x: Any) -> Any:
            return jitc_matmul_p(
                one, seed, first, x, rule=rule, shape=SHAPE, transpose=True, encoding=get_encoding(operand)
            )

        np.testing.assert_array_equal(product(matrices[0].seed, x.T), (masks @ dense[0]).T)
        seeds = jnp.stack([matrix.seed for matrix in matrices])
        expected = [mask @ matrix for mask, matrix in zip(masks, dense)]
        np.testing.assert_array_equal(jax.vmap(product)(seeds, x), expected)
        # Across the stream, and with the classes that encode events.
        mask = rng.random(length) < 0.3
        np.testing.assert_array_equal(matrices[0] @ events(mask), dense[0] @ mask)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_dtypes(dtype: str) -> None:
    with x64(True):
        matrix = JITCNormalR(jnp.array(1.0, dtype), jnp.array(0.5, dtype), 0.3, 0, shape=(20, 30))
        assert matrix.dtype == matrix.todense().dtype == dtype
        found = jnp.ones(20, dtype) @ matrix
        assert found.dtype == dtype
        expected = np.asarray(matrix.todense()).astype(float).sum(0)
        rtol = {"float16": 1e-2, "bfloat16": 1e-1, "float64": 1e-6}[dtype]
        close(np.asarray(found).astype(float), expected, rtol)
        assert JITCScalarR(2, 0.3, 0, shape=(2, 2)).todense().dtype in (jnp.float32, jnp.float64)


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize(("law", "cls"), COVER)
def test_materialised(law: str, cls: Any) -> None:
    matrix = build(law, cls)
    dense = np.asarray(matrix.todense())
    rows, columns = np.nonzero(dense)
    assert matrix.nse == rows.size
    assert 0.15 < rows.size / dense.size < 0.25
    for name, by_rows in (("tocoo", matrix.corder), ("tocsr", True), ("tocsc", False)):
        convert = getattr(type(matrix), name)
        for found in (convert(matrix), jax.jit(lambda m, convert=convert: convert(m, nse=500))(matrix)):
            assert type(found).__name__ == {"tocoo": "COO", "tocsr": "CSR", "tocsc": "CSC"}[name]
            close(found.todense(), dense, 1e-6)
            order = np.arange(rows.size) if by_rows else np.argsort(columns, kind="stable")
            entry = {"tocoo": "row", "tocsr": "indices", "tocsc": "indices"}[name]
            expected = rows if name != "tocsr" else columns
            np.testing.assert_array_equal(getattr(found, entry)[: rows.size], expected[order])
    assert (cls.dt2t, cls.dt2t_transposed) == (cls.yw_to_w, cls.yw_to_w_transposed)
    w = np.arange(matrix.nse, dtype=np.float32)
    ones = [1.0] * 37
    close(matrix.yw_to_w(ones, w.tolist()), w)
    close(matrix.yw_to_w(ones, 2.0), np.full(matrix.nse, 2.0))
    assert matrix.yw_to_w(np.ones(37) * u.mV, w * u.nS).unit == u.mV * u.nS
    for wrong in (lambda: matrix.yw_to_w(np.ones(36), w), lambda: matrix.yw_to_w(ones, w[1:])):
        with pytest.raises(brainevent.MathError):
            wrong()
    for y, at, method in (
        (np.arange(37.0), rows, matrix.yw_to_w),
        (np.arange(53.0), columns, matrix.yw_to_w_transposed),
    ):
        close(method(jnp.asarray(y), w), y[at] * w)
        close(jax.jit(jax.vmap(method))(np.stack([y, 2 * y]), np.stack([w, w])), [y[at] * w, 2 * y[at] * w])


# Columns are rows of the transpose, so testing one class tests both directions.
@pytest.mark.parametrize("cls", [JITCNormalR, pytest.param(JITCNormalC, marks=pytest.mark.full)])
def test_slices(cls: Any) -> None:
    matrix = build("normal", cls)
    dense = np.asarray(matrix.todense())
    mask = np.arange(37) % 5 == 0
    for index in (
        3, -1, np.s_[3:9], np.s_[:], np.s_[30:99], np.s_[9:3], np.s_[20:3:-4], [1, 5, -2, 5], [], mask,
        (4, 7), (-4, -7), np.s_[:, 7], np.s_[:, 7:11], np.s_[4:6, 7:9], np.s_[4, :], np.s_[4, [1, 2]],
        np.s_[:, [2, 50, -1]],
    ):  # fmt: skip
        expected = dense[np.asarray(index, int) if index == [] else index] if isinstance(index, list) else dense[index]
        close(matrix[index], expected, 1e-6)
    take = jax.jit(lambda m, i: (m[i], m[i, 2], m[:, i]))
    for i in (0, 5, -3, 36):
        for found, expected in zip(take(matrix, i), (dense[i], dense[i, 2], dense[:, i])):
            close(found, expected, 1e-6)
    assert all(float(jnp.abs(found).sum()) == 0 for found in take(matrix, 1000))
    close(jax.jit(lambda m, i: m[i])(matrix, jnp.array([3, 99, -1])), dense[[3, 0, -1]] * [[1], [0], [1]], 1e-6)
    assert len(list(matrix)) == 37


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize(("law", "cls"), COVER)
def test_arithmetic(law: str, cls: Any) -> None:
    matrix = build(law, cls)
    dense = np.asarray(matrix.todense())
    values = LAWS[law]
    doubled = matrix.with_data(*(2 * value for value in values))
    for found, expected in (
        (matrix * 2, 2 * dense),
        (jnp.float32(2) * matrix, 2 * dense),
        (matrix / 4, dense / 4),
        (-matrix, -dense),
        (+matrix, dense),
        (doubled, 2 * dense),
        (matrix.with_data(tuple(2 * value for value in values)), 2 * dense),
        (matrix.with_data(2 * matrix.data), 2 * dense),
        (matrix.apply(lambda data: 3 * data), 3 * dense),
        (matrix + doubled, 3 * dense),
        (doubled - matrix, dense),
    ):
        assert type(found) is cls
        close(found.todense(), expected)
    other = np.ones(SHAPE, np.float32)
    for plain, expected in ((matrix + other, dense + 1), (1 - matrix, 1 - dense), (matrix > 0, dense > 0)):
        close(plain, expected)
    close(matrix.sum(), dense.sum(), 1e-4)
    assert (matrix * (2 * u.mV)).unit == u.mV
    close((matrix + build(law, cls)).todense(), 2 * dense)  # a different object with the same connections
    for wrong in (lambda: matrix + build(law, cls, seed=4), lambda: matrix * other, lambda: matrix @ matrix):
        with pytest.raises(brainevent.UnsupportedOperationError, match=r"\.todense\(\)"):
            wrong()
    for wrong in (lambda: matrix * np.ones(3), lambda: matrix + np.ones(3), lambda: matrix > np.ones(3)):
        with pytest.raises(brainevent.MathError, match="does not broadcast"):
            wrong()
    with pytest.raises(TypeError):
        matrix * "text"
    with pytest.raises(u.UnitMismatchError):
        operator.gt(matrix * u.mV, 1.0)
    for compared, expected in ((matrix <= 1.0, dense <= 1), (dense < matrix, np.zeros(SHAPE))):
        np.testing.assert_array_equal(compared, expected)


NONLINEAR: dict[str, Any] = {
    "square": lambda m: m**2,
    "abs": abs,
    "modulo": lambda m: m % 0.4,
    "floor": lambda m: m // 0.4,
    "entry by entry": lambda m: m * m,
}


@pytest.mark.parametrize("name", NONLINEAR)
def test_what_is_not_linear_keeps_one_weight_for_all(name: str) -> None:
    op = NONLINEAR[name]
    matrix = build("scalar", JITCScalarR) * -1.0
    assert type(op(matrix)) is JITCScalarR
    close(op(matrix).todense(), op(np.asarray(matrix.todense())))
    if name in ("square", "abs"):
        assert op(matrix * u.mV).unit == (op(1.0 * u.mV)).unit
    for law, cls in (("normal", JITCNormalR), ("uniform", JITCUniformC)):
        drawn = build(law, cls)
        with pytest.raises(brainevent.UnsupportedOperationError, match=r"\.tocsr\(\).*\.todense\(\)"):
            op(drawn)


def test_the_old_name_of_the_row_offset() -> None:
    matrix = build("scalar", JITCScalarR)
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(matrix)]
    assert paths == [".data", ".seed", ".row_offset"]
    with pytest.warns(DeprecationWarning, match="row_offset"):
        assert matrix.first is matrix.row_offset


# Every law, order of the stream, and kind of operand.
GRADIENTS = [
    ("scalar", JITCScalarR, True),
    ("normal", JITCNormalR, False),
    ("normal", JITCNormalC, True),
    ("uniform", JITCUniformC, False),
]


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize(
    ("law", "cls", "event"),
    [
        pytest.param(*case, marks=[] if case in GRADIENTS else pytest.mark.full)
        for case in ((*pair, event) for pair in ALL for event in (False, True))
    ],
)
def test_gradients(law: str, cls: Any, event: bool, rng: np.random.Generator) -> None:
    """With respect to parameters and operand, up to second order, compared with the materialised matrix."""
    with x64(True), brainevent.use_backend("reference"):
        matrix = build(law, cls)
        names = len(LAWS[law])
        # The weights are linear in the parameters, so basis matrices define the model.
        basis = [np.asarray(matrix.with_data(*unit).todense()) for unit in np.eye(names)]
        data, x = np.array(LAWS[law]), np.where(rng.random(37) < 0.5, rng.normal(size=37), 0)
        g = rng.normal(size=53)

        def product(data: Any, x: Any) -> Any:
            return (BinaryArray(x) if event else x) @ matrix.with_data(*data)

        def model(data: Any, x: Any) -> Any:
            indicator = x + jax.lax.stop_gradient((x != 0) - x) if event else x
            return indicator @ sum(value * part for value, part in zip(data, basis))

        def loss(fn: Any) -> Any:
            return lambda data, x: jnp.sum(g * fn(data, x) ** 2)

        # Normal variates are float32, accurate to 2**-20, and XLA contracts their multiplications and additions
        # differently in each program, so they differ by up to 2.4e-7. Other variates are exact.
        rtol = 2.0**-19 if law == "normal" else 1e-10
        close(product(data, x), model(data, x), rtol)
        tangents = rng.normal(size=data.shape), rng.normal(size=x.shape)
        close(jax.jvp(product, (data, x), tangents)[1], jax.jvp(model, (data, x), tangents)[1], rtol)
        for found, expected in zip(jax.grad(loss(product), (0, 1))(data, x), jax.grad(loss(model), (0, 1))(data, x)):
            close(found, expected, rtol)
        close(jax.hessian(loss(product))(data, x), jax.hessian(loss(model))(data, x), rtol)


@pytest.mark.cover(share=0.6)
@pytest.mark.parametrize(
    ("from_left", "backend"),
    [
        (True, "reference"),
        (True, "numba"),
        (False, "numba"),
        pytest.param(False, "reference", marks=pytest.mark.full),
    ],
)
def test_ensembles(from_left: bool, backend: str, full: bool, rng: np.random.Generator) -> None:
    """vmap over 16 seeds, over weights, over operands, and over all of them at once."""
    with brainevent.use_backend(backend):
        seeds = jax.random.split(jax.random.key(0), 16)
        data = rng.normal(size=(16, 2)).astype(np.float32)
        x = rng.random((16, 37 if from_left else 53)) < 0.5

        def product(seed: Any, data: Any, x: Any) -> Any:
            matrix = JITCUniformR(data[0], data[1], 0.3, seed, shape=SHAPE)
            return BinaryArray(x) @ matrix if from_left else matrix @ BinaryArray(x)

        mapped = [(0, None, None), (None, 0, None), (0, 0, 0), (0, None, 0)]
        if full or backend == "reference":
            mapped.append((None, None, 0))  # becomes a batch, which has another kernel
        for axes in mapped:
            arguments = [array if axis == 0 else array[3] for array, axis in zip((seeds, data, x), axes)]
            expected = [
                product(*(array[i] if axis == 0 else array for array, axis in zip(arguments, axes))) for i in range(16)
            ]
            close(jax.jit(jax.vmap(product, axes))(*arguments), expected)
        nested = jax.vmap(jax.vmap(product, (None, 0, None)), (0, None, 0))(seeds[:3], data[:2], x[:3])
        close(nested, [[product(seeds[i], data[j], x[i]) for j in range(2)] for i in range(3)])
        gradient = jax.vmap(jax.grad(lambda data, seed: product(seed, data, x[0]).sum()), (0, 0))(data[:3], seeds[:3])
        single = [jax.grad(lambda data, i=i: product(seeds[i], data, x[0]).sum())(data[i]) for i in range(3)]
        close(gradient, single)
        stacked = jax.vmap(lambda seed: JITCScalarR(1.0, 0.3, seed, shape=SHAPE).todense())(seeds)
        assert len({np.asarray(dense).tobytes() for dense in stacked}) == 16
        for dense, seed in list(zip(stacked, seeds))[::5]:
            np.testing.assert_array_equal(dense, JITCScalarR(1.0, 0.3, seed, shape=SHAPE).todense())


def test_matrices_are_jax_values() -> None:
    traces = []

    @jax.jit
    def step(matrix: Any, x: Any) -> Any:
        traces.append(None)
        return matrix.with_data(2 * matrix.data), x @ matrix

    one, two = build("normal", JITCNormalR), build("normal", JITCNormalR, seed=4)
    for matrix in (one, two):
        doubled, product = step(matrix, np.ones(37, np.float32))
        close(doubled.todense(), 2 * np.asarray(matrix.todense()))
        close(product, np.asarray(matrix.todense()).sum(0))
    assert len(traces) == 1
    assert len(jax.tree_util.tree_leaves(one)) == 3
    chosen = jax.lax.cond(jnp.array(False), lambda: one, lambda: two)
    np.testing.assert_array_equal(chosen.todense(), two.todense())
    assert one != two
    assert len({one, two, one}) == 2
    assert repr(one) == "JITCNormalR(shape=(37, 53), prob=0.2, dtype=float32, corder=True)"
    with pytest.raises(AttributeError, match="immutable"):
        one.prob = 0.5


@pytest.fixture
def any_threads() -> Iterator[None]:
    yield
    brainevent.config.set_num_threads(None)


@pytest.mark.slow
@pytest.mark.usefixtures("any_threads")
def test_results_do_not_depend_on_threads(rng: np.random.Generator) -> None:
    """The same bits on one thread and on all: the partition of a product's sums depends only on sizes and events."""
    pytest.importorskip("brainevent_cpu")
    matrix = JITCUniformR(-1.0, 2.0, 0.1, 5, shape=(2000, 3000))
    for from_left in (False, True):
        spikes = BinaryArray(rng.random(matrix.shape[0 if from_left else 1]) < 0.9)
        results = []
        for threads in (1, None):
            brainevent.config.set_num_threads(threads)
            with brainevent.use_backend("numba"):
                results.append(spikes @ matrix if from_left else matrix @ spikes)
        np.testing.assert_array_equal(*results)
