"""SIMD vectors in Numba, and kernels with SIMD gather instructions, which are not selected on every processor."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from numba import njit

import brainevent
from brainevent_cpu.bridge.simd import (
    LANES,
    all_true,
    any_true,
    bits_mask,
    cast,
    gather,
    gather_byte,
    iota,
    load,
    mask_bits,
    reinterpret,
    store,
    sum_lanes,
    where,
)
from brainevent_cpu.kernels import jitc, matmul

U, W, F, D = np.uint64, np.uint32, np.float32, np.float64


class Choice:
    """Decides whether kernels use lanes, on any processor."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lanes, self.asked = True, 0
        for module in (jitc, matmul):
            monkeypatch.setattr(module, "has_lanes", self)

    def __call__(self) -> bool:
        self.asked += 1
        return self.lanes

    def result(self, lanes: bool, left: Any, right: Any, *, asks: bool = True) -> np.ndarray:
        """The product, with or without lanes; `asks` is whether a kernel must query this choice."""
        jax.clear_caches()  # drop programs compiled with the other choice
        self.lanes, asked = lanes, self.asked
        product = np.asarray(left @ right)
        assert (self.asked > asked) == asks
        return product


@pytest.fixture
def choice(monkeypatch: pytest.MonkeyPatch) -> Choice:
    return Choice(monkeypatch)


def test_operators_are_those_of_arrays(rng: np.random.Generator) -> None:
    @njit
    def compute(a, b, x, y, words, floats, flags):
        count = W(a[0] % W(LANES))
        inside = iota() < count
        i, j = load(a, U(1), all_true()), load(b, U(0), inside)
        u, v = load(x, U(0), inside), load(y, U(0), inside)
        results = (i + j, i - j, i * j, i & j, i | j, i ^ j, i << W(3), i >> W(5), i * W(7), reinterpret(u))
        for n in range(len(results)):
            store(words, U(n * LANES), results[n], inside)
        halves = where(u < v, u, v), where(i >= j, u, F(2)), where(inside & (i != j), cast(i, F(0)), u * F(3))
        for n in range(len(halves)):
            store(floats, U(n * LANES), halves[n], inside)
        flags[0], flags[1] = any_true(inside & (u < F(-9))), any_true(inside & (u >= F(-9)))
        return sum_lanes(cast(v, D(0))), sum_lanes(j)

    for _ in range(20):
        a, b = rng.integers(0, 2**32, (2, 1 + LANES), np.uint32)
        b[:3] = a[1:4]
        x, y = rng.normal(size=(2, LANES)).astype(np.float32)
        words, floats, flags = np.full(10 * LANES, 5, np.uint32), np.full(3 * LANES, 5, np.float32), np.zeros(2, bool)
        total, total_words = compute(a, b, x, y, words, floats, flags)
        count = int(a[0] % LANES)
        i, j, u, v = a[1:], b[:LANES], x, y
        expected = [i + j, i - j, i * j, i & j, i | j, i ^ j, i << W(3), i >> W(5), i * W(7), u.view(np.uint32)]
        signed = i.view(np.int32).astype(np.float32)
        expected_floats = [np.minimum(u, v), np.where(i >= j, u, F(2)), np.where(i != j, signed, u * F(3))]
        for found, wanted in ((words, expected), (floats, expected_floats)):
            found = found.reshape(-1, LANES)
            np.testing.assert_array_equal(found[:, :count], np.array(wanted)[:, :count])
            assert (found[:, count:] == 5).all(), "written outside of the mask"
        np.testing.assert_allclose(total, v[:count].astype(np.float64).sum(), rtol=1e-12, atol=1e-12)
        assert total_words == j[:count].sum(dtype=np.uint32)
        assert flags.tolist() == [False, count > 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint32])
def test_gather_reads_where_the_mask_is_set(dtype: Any, rng: np.random.Generator) -> None:
    @njit
    def read(table, places, bound, out):
        at = load(places, U(0), all_true())
        store(out, U(0), gather(table, at, at < bound), all_true())

    table = rng.integers(1, 1000, 70).astype(dtype)
    places = rng.integers(0, 90, LANES).astype(np.uint32)
    places[:3] = 69, 2**31, 2**32 - 1
    out = np.zeros(LANES, dtype)
    read(table, places, W(70), out)
    np.testing.assert_array_equal(out, np.where(places < 70, table[np.minimum(places, 69)], 0))


def test_gather_of_bytes(rng: np.random.Generator) -> None:
    @njit
    def read(table, places, bound, out):
        at = load(places, U(0), all_true())
        store(out, U(0), gather_byte(table, at, at < bound), all_true())

    table = rng.integers(0, 256, 70 + 3).astype(np.uint8)
    places = rng.integers(0, 90, LANES).astype(np.uint32)
    places[:2] = 69, 0
    out = np.zeros(LANES, np.uint32)
    read(table, places, W(70), out)
    np.testing.assert_array_equal(out, np.where(places < 70, table[np.minimum(places, 69)], 0))


def test_masks_are_bits(rng: np.random.Generator) -> None:
    @njit
    def through_bits(numbers, bits, out):
        bits[0] = mask_bits(load(numbers, U(0), all_true()) != np.uint8(0))
        store(out, U(0), where(bits_mask(bits[0]), iota(), W(99)), all_true())

    for share in (0.0, 0.5, 1.0):
        numbers = (rng.random(LANES) < share).astype(np.uint8) * np.uint8(128)
        bits, out = np.zeros(1, np.uint16), np.zeros(LANES, np.uint32)
        through_bits(numbers, bits, out)
        assert bits.view(np.uint8).tolist() == np.packbits(numbers != 0, bitorder="little").tolist()
        np.testing.assert_array_equal(out, np.where(numbers != 0, np.arange(LANES), 99))


# -- compressed rows ---------------------------------------------------------------------------------------------------

LENGTHS = [0, 1, 2, 15, 16, 17, 31, 32, 33, 100, 0, 300]


# Dtypes of weights and indices. All encodings are tested with each; homogeneous weights alternate with others.
READ = [("float32", "int32"), ("float64", "uint16"), ("float16", "int16"), ("bfloat16", "uint32"), ("float32", "int64")]
ROWS = [
    (*read, operand, (i + j) % 2 == 1)
    for i, read in enumerate(READ)
    for j, operand in enumerate(["float", "sparse_float", "binary", "bitpacked"])
]


@pytest.mark.cover(strength=1, share=0.6)
@pytest.mark.parametrize(("dtype", "index", "operand", "homogeneous"), ROWS)
def test_rows_of_all_lengths(
    choice: Choice, dtype: str, index: str, operand: str, homogeneous: bool, rng: np.random.Generator
) -> None:
    n = 400
    lengths = rng.permutation(LENGTHS)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    indices = np.concatenate([rng.permutation(n)[:length] for length in lengths]).astype(index)
    data = rng.normal(size=1 if homogeneous else indices.size).astype(jnp.dtype(dtype))
    x = np.where(rng.random(n) < 0.3, rng.normal(size=n), 0).astype(jnp.dtype(dtype))
    with jax.enable_x64("64" in dtype + index):
        operands = {
            "float": lambda: jnp.asarray(x),
            "sparse_float": lambda: brainevent.SparseFloat(jnp.asarray(x)),
            "binary": lambda: brainevent.BinaryArray(jnp.asarray(x != 0)),
            "bitpacked": lambda: brainevent.BitPackedBinary(jnp.asarray(x != 0)),
        }
        matrix = brainevent.CSR((jnp.asarray(data), indices, indptr), shape=(len(lengths), n))
        weights = np.broadcast_to(data, indices.size).astype(np.float64)
        dense = scipy.sparse.csr_array((weights, indices, indptr), shape=(len(lengths), n))
        numbers = x if operand.endswith("float") else (x != 0)
        tolerance = {"float32": 1e-5, "float64": 1e-13, "float16": 2e-3, "bfloat16": 2e-2}[dtype]
        for lanes in (True, False):
            found = choice.result(lanes, matrix, operands[operand](), asks=index != "int64")
            assert found.dtype == dtype
            np.testing.assert_allclose(found, dense @ numbers.astype(np.float64), rtol=tolerance, atol=tolerance)


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("operand", ["float", "sparse_float", "binary"])
@pytest.mark.parametrize("homogeneous", [False, True])
@pytest.mark.parametrize("columns", [3, 43])
def test_columns(choice: Choice, operand: str, homogeneous: bool, columns: int, rng: np.random.Generator) -> None:
    n, rows, width = 60, 29, 7
    indices = rng.integers(0, n, (rows, width)).astype(np.int32)
    indices[rng.random(indices.shape) < 0.1] = -1  # no entry
    data = rng.normal(size=1 if homogeneous else indices.shape).astype(np.float32)
    x = np.where(rng.random((n, columns)) < 0.3, rng.normal(size=(n, columns)), 0).astype(np.float32)
    operands = {
        "float": lambda: jnp.asarray(x),
        "sparse_float": lambda: brainevent.SparseFloat(jnp.asarray(x)),
        "binary": lambda: brainevent.BinaryArray(jnp.asarray(x != 0)),
    }
    weights = np.where(indices < 0, 0, np.broadcast_to(data, indices.shape)).astype(np.float64)
    numbers = (x != 0) if operand == "binary" else x
    expected = (weights[..., None] * numbers[indices]).sum(1)
    matrix = brainevent.FixedPostNumConn((jnp.asarray(data), jnp.asarray(indices)), shape=(rows, n), check=False)
    for lanes in (True, False):
        found = choice.result(lanes, matrix, operands[operand]())
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("lanes", [True, False])
def test_what_is_not_selected_is_not_multiplied(choice: Choice, lanes: bool, rng: np.random.Generator) -> None:
    """Infinite weights of silent neurons don't affect the result, and neither do padded entries, for any operand."""
    n, rows, width = 50, 37, 20
    indices = rng.integers(0, n, (rows, width)).astype(np.int32)
    data = np.where(indices == 7, np.inf, rng.normal(size=indices.shape)).astype(np.float32)
    x = rng.normal(size=n).astype(np.float32)
    x[7] = 0
    expected = (np.where(indices == 7, 0, data) * x[indices]).sum(1, dtype=np.float64)
    matrix = brainevent.FixedPostNumConn((jnp.asarray(data), jnp.asarray(indices)), shape=(rows, n))
    found = choice.result(lanes, matrix, brainevent.SparseFloat(jnp.asarray(x)))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert np.isfinite(choice.result(lanes, matrix, brainevent.BinaryArray(jnp.asarray(x != 0)))).all()
    found = choice.result(lanes, matrix, jnp.asarray(x))
    np.testing.assert_array_equal(np.isnan(found), (indices == 7).any(1))
    padded = np.where(rng.random(indices.shape) < 0.5, -1, indices)
    matrix = brainevent.FixedPostNumConn((jnp.full(1, np.inf), jnp.asarray(padded)), shape=(rows, n), check=False)
    silent = (padded < 0).all(1)
    np.testing.assert_array_equal(np.isnan(choice.result(lanes, matrix, jnp.zeros(n))), ~silent)


# -- just-in-time connectivity -----------------------------------------------------------------------------------------

MATRICES = {
    "scalar": lambda p, shape: brainevent.JITCScalarR((1.7, p, 5), shape=shape),
    "uniform": lambda p, shape: brainevent.JITCUniformR((-1.0, 2.5, p, 5), shape=shape),
    "normal": lambda p, shape: brainevent.JITCNormalR((0.3, 1.2, p, 5), shape=shape),
}

OPERANDS = ["float", "sparse_float", "binary"]

# One, two and three digits per gap; several blocks, and numbers of rows that don't fill the last vector.
CASES = [(0.3, (37, 5000)), (0.002, (50, 140_000)), (6e-4, (21, 300_000)), (1e-6, (200, 400_000)), (1.0, (17, 40))]


@pytest.mark.cover(strength=1, share=0.6)
@pytest.mark.parametrize(
    ("law", "prob", "shape", "operand"),
    [
        pytest.param(law, *case, OPERANDS[(i + j) % len(OPERANDS)], id=f"{law}-{case[0]}-{OPERANDS[(i + j) % 3]}")
        for i, law in enumerate(MATRICES)
        for j, case in enumerate(CASES)
    ],
)
def test_lines_at_once_are_the_same_lines(
    choice: Choice, law: str, prob: float, shape: tuple[int, int], operand: str, rng: np.random.Generator
) -> None:
    x = np.where(rng.random(shape[1]) < 0.5, rng.normal(size=shape[1]), 0).astype(np.float32)
    operands = {
        "float": lambda: jnp.asarray(x),
        "sparse_float": lambda: brainevent.SparseFloat(jnp.asarray(x)),
        "binary": lambda: brainevent.BinaryArray(jnp.asarray(x != 0)),
    }
    matrix = MATRICES[law](prob, shape)
    found = [choice.result(lanes, matrix, operands[operand]()) for lanes in (True, False)]
    assert np.count_nonzero(found[0]) > 0
    # Both use identical variates, and add connections in the same order.
    np.testing.assert_array_equal(*found)


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize(("prob", "shape"), CASES, ids=[str(prob) for prob, _ in CASES])
def test_gaps_in_vectors_are_the_same_gaps(
    choice: Choice, prob: float, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    """Products that walk along one row at a time: events from the left, and batches of numbers."""
    lines, length = shape
    matrix = MATRICES["scalar"](prob, shape)
    events = brainevent.BinaryArray(jnp.asarray(rng.random(lines) < 0.5))
    numbers = jnp.asarray(rng.normal(size=(length, 3)).astype(np.float32))
    for left, right in ((events, matrix), (matrix, numbers)):
        found = [choice.result(lanes, left, right) for lanes in (True, False)]
        assert np.count_nonzero(found[0]) > 0
        np.testing.assert_array_equal(*found)
