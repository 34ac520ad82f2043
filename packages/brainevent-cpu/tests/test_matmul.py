"""The kernels of products, compared with sums over entries in NumPy."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.covers import parametrize_with_cases

from brainevent_core.encodings import BINARY, BITPACKED, COMPACT, FLOAT, SPARSE_FLOAT, get_encoding
from brainevent_core.formats import CSR_FORMAT, DENSE_FORMAT, get_format
from brainevent_core.testing.pairwise import rows as table_rows
from brainevent_cpu.bridge import layout
from brainevent_cpu.bridge.handler import compile_handler
from brainevent_cpu.kernels.kernel_spec import KernelSpec
from brainevent_cpu.kernels.matmul import matmul, native_kernel, sddmm, supports_matmul, supports_sddmm

pytestmark = pytest.mark.usefixtures("little_optimisation")

FORMATS = ("csr", "fixed_num", "coo", "dense", "csr:csc_index", "fixed_num:csc_index")
TOLERANCES = {"float32": 2e-5, "float64": 1e-12, "float16": 2e-3, "bfloat16": 2e-2}
BATCH = 3


@dataclass(frozen=True)
class Case:
    """A kind of product, for which its own kernels are compiled."""

    format: str
    operand: str
    transpose: bool
    batched: bool
    homogeneous: bool
    dtype: str
    index: str

    def __str__(self) -> str:
        flags = ("transpose", "batched", "homogeneous")
        return "-".join((self.format, self.operand, *(f for f in flags if getattr(self, f)), self.dtype, self.index))

    @property
    def base(self) -> str:
        return self.format.removesuffix(":csc_index")

    @property
    def selects(self) -> bool:
        return self.operand != "float"


COLUMNS: dict[str, Any] = {
    "format": FORMATS,
    "operand": ("float", "sparse_float", "binary", "bitpacked", "compact"),
    "transpose": (False, True),
    "batched": (False, True),
    "homogeneous": (False, True),
    "dtype": ("float32", "float64", "float16", "bfloat16"),
    "index": ("int32", "uint16", "int64"),
}


def exists(row: dict[str, Any]) -> bool:
    if row.get("format") == "dense":
        return row.get("operand") != "float" and not row.get("homogeneous") and row.get("index", "int32") == "int32"
    return True


def cases(*, whole: bool, seed: int) -> Iterator[Case]:
    return (Case(**row) for row in table_rows(COLUMNS, whole=whole, allowed=exists, seed=seed))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize_with_cases(metafunc, cases, share=0.3)


# -- a random problem --------------------------------------------------------------------------------------------------


@dataclass
class Matrix:
    """The arrays of a matrix, and the row and column of each entry, -1 if out of range."""

    data: np.ndarray
    structure: tuple[np.ndarray, ...]
    row: np.ndarray
    col: np.ndarray
    shape: tuple[int, int]


def random_matrix(
    rng: np.random.Generator, case: Case, shape: tuple[int, int], width: int = 5, wild: float = 0
) -> Matrix:
    """A matrix with duplicates and empty rows, in which a share `wild` of indices and pointers is arbitrary."""
    m, n = shape
    reach = np.iinfo(case.index).max

    def indices(bound: int, size: Any) -> np.ndarray:
        low, high = np.iinfo(case.index).min, int(reach)
        inside = rng.integers(0, max(min(bound, reach + 1), 1), size)
        outside = rng.integers(low, high, size, endpoint=True, dtype=case.index)
        anything = (rng.random(size) < wild) | (bound == 0)
        return np.where(anything, outside, inside.astype(case.index)).astype(case.index)

    if case.base == "dense":
        structure: tuple[np.ndarray, ...] = ()
        per_entry: tuple[int, ...] = shape
        row, col = (a.ravel() for a in np.indices(shape))
    elif case.base == "coo":
        structure = (indices(m, m * width), indices(n, m * width))
        per_entry = (m * width,)
        row, col = structure
    elif case.base == "csr":
        lengths = rng.integers(0, 2 * width + 1, m)
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        nse = int(indptr[-1])
        if wild:
            scale = (10, 10 * nse + 1, 2**31 - 1)[rng.integers(3)]
            anything = rng.integers(-scale, scale, m + 1)
            indptr = np.where(rng.random(m + 1) < wild, anything, indptr).astype(np.int32)
        structure = (indices(n, nse), indptr)
        per_entry = (nse,)
        bounds = np.maximum.accumulate(np.clip(indptr.astype(np.int64), 0, nse))
        row = np.full(nse, -1)
        for i in range(m):
            row[bounds[i] : bounds[i + 1]] = i
        col = structure[0]
    else:
        structure = (indices(n, (m, width)),)
        per_entry = (m, width)
        row, col = np.repeat(np.arange(m), width), structure[0].ravel()
    row, col = (
        np.array([i if 0 <= i < bound else -1 for i in index.tolist()], int) for index, bound in ((row, m), (col, n))
    )
    if case.format.endswith(":csc_index"):
        structure += column_index(row, col, n)
    data = rng.standard_normal(1 if case.homogeneous else per_entry).astype(jnp.dtype(case.dtype))
    return Matrix(data, structure, row, col, shape)


def column_index(row: np.ndarray, col: np.ndarray, cols: int) -> tuple[np.ndarray, ...]:
    """Rows, pointers and weight indices of the entries sorted by column, with invalid entries at the end."""
    exists_ = (row >= 0) & (col >= 0)
    order = np.lexsort((np.arange(row.size), np.where(exists_, col, cols)))
    counts = np.bincount(col[exists_], minlength=cols)
    pointers = np.concatenate([[0], np.cumsum(counts)])
    return row[order].astype(np.int32), pointers.astype(np.int32), order.astype(np.int32)


def random_operand(
    rng: np.random.Generator, case: Case, length: int, rate: float = 0.3
) -> tuple[np.ndarray, np.ndarray]:
    """x in the encoding of the kernel, and the numbers that it represents."""
    shape = (length, BATCH) if case.batched else (length,)
    mask = rng.random(shape) < rate
    if case.operand in ("float", "sparse_float"):
        numbers = rng.standard_normal(shape).astype(jnp.dtype(case.dtype))
        if case.operand == "sparse_float":
            numbers = np.where(mask, numbers, -0.0).astype(numbers.dtype)
        return numbers, numbers.astype(np.float64)
    if case.operand == "binary":
        return (mask if rng.random() < 0.5 else mask * np.float32(-2.5)), mask.astype(np.float64)
    columns = mask.T if case.batched else mask[None]
    if case.operand == "bitpacked":
        padded = np.pad(columns, [(0, 0), (0, -length % 32)])
        words = (padded.reshape(len(columns), -1, 32) * (1 << np.arange(32, dtype=np.uint64))).sum(-1)
        encoded = words.astype(np.uint32)
    else:
        encoded = rng.integers(-9, length + 9, (len(columns), 1 + length + 2)).astype(np.int32)
        for line, column in zip(encoded, columns):
            found = rng.permutation(np.flatnonzero(column))
            line[0] = found.size
            line[1 : 1 + found.size] = found
    return np.ascontiguousarray(encoded.T) if case.batched else encoded[0], mask.astype(np.float64)


def model(case: Case, matrix: Matrix, numbers: np.ndarray) -> np.ndarray:
    """The product by its definition: a sum over valid entries, in double precision."""
    exists_ = (matrix.row >= 0) & (matrix.col >= 0)
    target, source = (matrix.col, matrix.row) if case.transpose else (matrix.row, matrix.col)
    weights = np.broadcast_to(matrix.data.ravel().astype(np.float64), matrix.row.size)[exists_]
    weights = weights.reshape(-1, *(1,) * (numbers.ndim - 1))
    out = np.zeros((matrix.shape[1 if case.transpose else 0], *numbers.shape[1:]))
    with np.errstate(invalid="ignore"):
        values = numbers[source[exists_]]
        terms = weights * values
        np.add.at(out, target[exists_], np.where(values != 0, terms, 0) if case.selects else terms)
    return out


jitted = jax.jit(matmul, static_argnames=("format", "shape", "transpose", "encoding"))
jitted_sddmm = jax.jit(sddmm, static_argnames=("format", "shape", "transpose", "encoding"))


def run(case: Case, function: Any, first: np.ndarray, matrix: Matrix, x: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        arrays = map(jnp.asarray, (first, *matrix.structure, x))
        params = {
            "format": get_format(case.format),
            "transpose": case.transpose,
            "encoding": get_encoding(case.operand),
        }
        (out,) = function(*arrays, shape=matrix.shape, **params)
        assert out.dtype == jnp.dtype(case.dtype)
        return np.asarray(out).astype(np.float64)


def check(case: Case, matrix: Matrix, x: np.ndarray, numbers: np.ndarray, atol: float = 0) -> np.ndarray:
    out, wanted = run(case, jitted, matrix.data, matrix, x), model(case, matrix, numbers)
    assert out.shape == wanted.shape
    tolerance = TOLERANCES[case.dtype]
    np.testing.assert_allclose(out, wanted, rtol=10 * tolerance, atol=max(10 * tolerance, atol))
    return out


def inner(case: Case, shape: tuple[int, int]) -> int:
    return shape[0] if case.transpose else shape[1]


# -- matmul ------------------------------------------------------------------------------------------------------------


def check_special_weights(case: Case, rng: np.random.Generator) -> None:
    """Products with events ignore infinite and NaN weights of silent neurons. Plain numbers are IEEE: 0 · ∞ is NaN."""
    shape = (50, 40)
    matrix = random_matrix(rng, case, shape)
    x, numbers = random_operand(rng, case, inner(case, shape))
    if not case.selects:
        x = np.where(rng.random(x.shape) < 0.3, 0, x).astype(x.dtype)
        numbers = x.astype(np.float64)
    matrix.data.flat[:: 1 if case.homogeneous else 3] = np.inf
    matrix.data.flat[1::7] = np.nan
    out = check(case, matrix, x, numbers)
    assert not np.isfinite(out).all()
    if case.selects:
        silent, zeros = random_operand(rng, case, inner(case, shape), rate=0)
        assert not check(case, matrix, silent, zeros).any()


def test_products(case: Case, rng: Any) -> None:
    """Small, empty and prime sizes, sizes that use several threads, and malformed structures."""
    for shape in ((0, 0), (0, 4), (4, 0), (1, 1), (7, 13), (97, 89)):
        check(case, random_matrix(rng, case, shape), *random_operand(rng, case, inner(case, shape)))
    for rate in (0, 0.01, 1):
        shape = (113, 127)
        check(case, random_matrix(rng, case, shape), *random_operand(rng, case, inner(case, shape), rate))

    shape = (1031, 113) if case.base == "dense" else (1031, 769)
    matrix = random_matrix(rng, case, shape, width=60)
    x, numbers = random_operand(rng, case, inner(case, shape))
    first = check(case, matrix, x, numbers, atol=30 * TOLERANCES[case.dtype])
    for _ in range(5):
        assert np.array_equal(run(case, jitted, matrix.data, matrix, x), first, equal_nan=True)

    for wild in (0.1, 1):
        # One row may then contain all entries. This reduces precision, but a missing or additional entry still shows.
        for shape, width in (((97, 89), 5), ((4, 700), 5), ((20, 70), 30)):
            matrix = random_matrix(rng, case, shape, width, wild)
            check(case, matrix, *random_operand(rng, case, inner(case, shape)), atol=30 * TOLERANCES[case.dtype])

    check_special_weights(case, rng)  # in the same test, because each process compiles the kernel


@pytest.mark.parametrize("dtype", ["bool", "int8", "float16", "float32"])
def test_what_is_an_event(dtype: str, rng: Any) -> None:
    """Nonzero entries of any sign and size are events, including NaN."""
    case = Case("csr", "binary", True, False, False, "float32", "int32")
    matrix = random_matrix(rng, case, (50, 40))
    x = np.where(rng.random(50) < 0.3, rng.integers(-3, 4, 50), 0).astype(dtype)
    if x.dtype.kind == "f":
        x[rng.random(50) < 0.2] = np.nan
    check(case, matrix, x, (x != 0).astype(np.float64))


@pytest.mark.parametrize("homogeneous", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_long_row_among_short_ones(dtype: str, homogeneous: bool, rng: Any) -> None:
    """Entries of rows are collected in a buffer before they are added; the long row is at different positions."""
    case = Case("csr", "float", True, False, homogeneous, dtype, "int32")
    for at in (0, 100, 199):
        lengths = rng.integers(0, 12, 200)
        lengths[at] = 3_000
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        col, row = rng.integers(0, 1_500, indptr[-1]).astype(np.int32), np.repeat(np.arange(200), lengths)
        data = rng.standard_normal(1 if homogeneous else col.size).astype(dtype)
        matrix = Matrix(data, (col, indptr), row, col, (200, 1_500))
        check(case, matrix, *random_operand(rng, case, 200))


@pytest.mark.parametrize("shape", [(41, 60_003), (60_003, 41)])
@pytest.mark.parametrize("transpose", [False, True])
def test_dense_larger_than_the_cache(transpose: bool, shape: tuple[int, int], rng: Any) -> None:
    """Rows are prefetched, and split into parts whose sums fit into the cache."""
    case = Case("dense", "binary", transpose, False, False, "float32", "int32")
    matrix = random_matrix(rng, case, shape)
    for rate in (0.01, 0.5):
        check(case, matrix, *random_operand(rng, case, inner(case, shape), rate), atol=30 * TOLERANCES[case.dtype])


@pytest.mark.parametrize("operand", ["binary", "bitpacked", "compact"])
def test_few_spikes_touch_only_their_rows(operand: str, rng: Any) -> None:
    """The event-driven scatter at firing rates of a simulation, with spikes at different alignments."""
    case = Case("csr", operand, True, False, False, "float32", "int32")
    for lines in (64, 203):
        matrix = random_matrix(rng, case, (lines, 61))
        for spikes in (0, 1, 2, 3, 8, lines):
            for _ in range(10):
                check(case, matrix, *random_operand(rng, case, lines, spikes / lines))


def test_compact_operands_can_be_malformed(rng: Any) -> None:
    """Counts above the capacity and below zero, indices out of range, and duplicates."""
    for transpose in (False, True):
        case = Case("csr", "compact", transpose, False, False, "float32", "int32")
        matrix = random_matrix(rng, case, (31, 33))
        length = inner(case, matrix.shape)
        for count in (-1, 0, 5, 12, 13, 2**31 - 1, -(2**31)):
            listed = rng.integers(-4, length + 4, 12).astype(np.int32)
            listed[3], listed[4] = 2**31 - 1, listed[5]
            numbers = np.zeros(length)
            for line in listed[: min(max(count, 0), 12)]:
                if 0 <= line < length:
                    numbers[line] = 1
            check(case, matrix, np.concatenate([[count], listed]).astype(np.int32), numbers)


# -- sddmm -----------------------------------------------------------------------------------------------------------


def test_sampled(case: Case, rng: Any) -> None:
    if case.base == "dense" or case.homogeneous:
        case = Case("csr", case.operand, case.transpose, case.batched, False, case.dtype, "int32")
    sizes = (((0, 0), 3, 0), ((1, 1), 3, 0), ((97, 89), 5, 0), ((1031, 769), 40, 0), ((40, 60), 5, 0.3))
    for shape, width, wild in sizes:
        matrix = random_matrix(rng, case, shape, width, wild)
        x, numbers = random_operand(rng, case, inner(case, shape))
        lines = shape[1 if case.transpose else 0]
        y = rng.standard_normal((lines, *numbers.shape[1:])).astype(jnp.dtype(case.dtype))
        out = run(case, jitted_sddmm, y, matrix, x)
        assert out.shape == matrix.data.shape
        target, source = (matrix.col, matrix.row) if case.transpose else (matrix.row, matrix.col)
        exists_ = (matrix.row >= 0) & (matrix.col >= 0)
        wanted = np.zeros(matrix.row.size)
        products = y.astype(np.float64)[target[exists_]] * numbers[source[exists_]]
        wanted[exists_] = products.sum(-1) if case.batched else products
        tolerance = 10 * TOLERANCES[case.dtype]
        np.testing.assert_allclose(out.ravel(), wanted, rtol=tolerance, atol=tolerance)


# -- supported calls ---------------------------------------------------------------------------------------------------


def test_supports() -> None:
    aval = jax.ShapeDtypeStruct
    params: dict[str, Any] = {"shape": (3, 4), "transpose": False, "encoding": BINARY}
    structure = aval((5,), jnp.int32), aval((4,), jnp.int32)
    x = aval((4,), jnp.bool_)
    for dtype in TOLERANCES:
        assert supports_matmul(aval((5,), jnp.dtype(dtype)), *structure, x, format=CSR_FORMAT, **params)
    assert not supports_matmul(aval((5,), jnp.float8_e5m2), *structure, x, format=CSR_FORMAT, **params)
    assert supports_matmul(aval((3, 4), jnp.float32), x, format=DENSE_FORMAT, **params)
    numbers = aval((4,), jnp.float32)
    params_of_numbers = params | {"encoding": FLOAT}
    assert not supports_matmul(aval((3, 4), jnp.float32), numbers, format=DENSE_FORMAT, **params_of_numbers)
    assert not supports_sddmm(aval((3,), jnp.float32), numbers, format=DENSE_FORMAT, **params)


def test_arrays_that_do_not_fit_are_refused() -> None:
    arrays = np.ones(1, np.float32), np.zeros(5, np.int32), np.zeros(4, np.int32)
    params: dict[str, Any] = {"format": CSR_FORMAT, "shape": (3, 4), "transpose": False, "encoding": BINARY}
    with pytest.raises(ValueError, match=r"\(4,\)"):
        matmul(*map(jnp.asarray, (*arrays, np.ones(3, bool))), **params)


# -- the handler itself, in guarded memory -----------------------------------------------------------------------------


class Guarded:
    """A copy of an array in the middle of a larger buffer, with a pattern around it."""

    MARGIN = 256

    def __init__(self, array: np.ndarray, pattern: int) -> None:
        self.buffer = np.full(array.nbytes + 2 * self.MARGIN, pattern, np.uint8)
        self.pattern = pattern
        self.view = self.buffer[self.MARGIN : self.MARGIN + array.nbytes].view(array.dtype).reshape(array.shape)
        self.view[...] = array
        self.address = self.buffer.ctypes.data + self.MARGIN
        self.original = self.buffer.copy()

    def margins_are_untouched(self) -> bool:
        inside = slice(self.MARGIN, self.buffer.size - self.MARGIN)
        return bool((np.delete(self.buffer, inside) == self.pattern).all())

    def is_untouched(self) -> bool:
        return bool((self.buffer == self.original).all())


def words(*pairs: tuple[int, int], size: int) -> Any:
    """A structure of 8-byte words, with values at the given byte offsets."""
    memory = (ctypes.c_int64 * (size // 8))()
    for offset, value in pairs:
        memory[offset // 8] = value
    return memory


def call_handler(handler: Any, inputs: list[Guarded], output: Guarded, attributes: list[int]) -> int:
    """Call a handler as XLA does, with an API table that is too short to contain the thread pool."""
    alive: list[Any] = []

    def address(memory: Any) -> int:
        alive.append(memory)
        return ctypes.addressof(memory)

    def pointers(addresses: list[int]) -> int:
        return address((ctypes.c_int64 * max(len(addresses), 1))(*addresses))

    def buffer(array: Guarded) -> int:
        dims = pointers(list(array.view.shape))
        return address(
            words(
                (layout.BUFFER_DATA, array.address),
                (layout.BUFFER_RANK, array.view.ndim),
                (layout.BUFFER_DIMS, dims),
                size=48,
            )
        )

    scalars = [address(words((layout.SCALAR_VALUE, address(ctypes.c_int64(value))), size=16)) for value in attributes]
    frame = words(
        (0, layout.FRAME_MIN_SIZE),
        (layout.FRAME_API, address(words((0, layout.API_MIN_SIZE_ERRORS), size=layout.API_MIN_SIZE_POOL))),
        (layout.FRAME_STAGE, layout.STAGE_EXECUTE),
        (layout.FRAME_ARGS + layout.LIST_ITEMS, pointers([buffer(array) for array in inputs])),
        (layout.FRAME_RETS + layout.LIST_ITEMS, pointers([buffer(output)])),
        (layout.FRAME_ATTRS + layout.ATTRS_ITEMS, pointers(scalars)),
        size=layout.FRAME_MIN_SIZE,
    )
    return int(handler.ctypes(ctypes.addressof(frame)))


def sound_pointers(indptr: np.ndarray, nse: int) -> np.ndarray:
    """The output of the kernel for pointers, on which the others rely."""
    spec = [(np.dtype(np.int32), 1)]
    handler = compile_handler(native_kernel(KernelSpec("pointers"), indptr.size), spec, spec, [np.dtype(np.int64)])
    given, out = Guarded(indptr, 0xFF), Guarded(np.zeros_like(indptr), 0xA5)
    assert call_handler(handler, [given], out, [nse]) == 0
    assert given.is_untouched()
    assert out.margins_are_untouched()
    np.testing.assert_array_equal(out.view, np.maximum.accumulate(np.clip(indptr, 0, nse)))
    return out.view.copy()


# Each takes seconds to compile, so these cover each family, index dtype, and encoding that is read from an array.
GUARDED: list[tuple[KernelSpec, str]] = [
    (KernelSpec("gather", "csr", "entries", BINARY), "int16"),
    (KernelSpec("gather", "fixed_num", "entries", FLOAT), "uint8"),
    (KernelSpec("scatter", "csr", "entries", BINARY, transpose=True), "uint32"),
    (KernelSpec("scatter", "fixed_num", "entries", COMPACT, transpose=True), "int8"),
    (KernelSpec("scatter", "csr", "entries", SPARSE_FLOAT, transpose=True), "int32"),
    (KernelSpec("scatter", "csr", "entries", FLOAT, transpose=True, short=True), "int16"),
    (KernelSpec("coordinates", "", "entries", BITPACKED), "int64"),
    (KernelSpec("coordinates", "", "entries", BINARY), "uint16"),
    (KernelSpec("indexed", "csr", "entries", BINARY), "int32"),
    (KernelSpec("gather", "csr", "entries", BINARY, lanes=True), "int16"),
    (KernelSpec("gather", "fixed_num", "entries", SPARSE_FLOAT, lanes=True), "uint32"),
    (KernelSpec("gather", "csr", "entries", BINARY, batched=True, lanes=True), "uint32"),
    (KernelSpec("sddmm", "csr", "entries", BINARY), "int32"),
]


@pytest.mark.cover(share=0.4)
@pytest.mark.parametrize(
    ("call", "dtype"), [pytest.param(*pair, id="-".join((*pair[0].words, pair[1]))) for pair in GUARDED]
)
def test_no_index_leaves_the_buffers(call: KernelSpec, dtype: str, rng: Any) -> None:
    """Arbitrary indices and pointers, in memory surrounded by NaN weights and spikes."""
    index = np.dtype(dtype)
    info = np.iinfo(index)
    unsigned = np.dtype(f"uint{8 * index.itemsize}")
    f64, i32, i64 = np.dtype(np.float64), np.dtype(np.int32), np.dtype(np.int64)
    u8, u32 = np.dtype(np.uint8), np.dtype(np.uint32)
    x_type = {FLOAT: f64, SPARSE_FLOAT: f64, BINARY: u8, BITPACKED: u32, COMPACT: i32}[call.encoding]
    # Compiled for one thread, or for several.
    kernel = native_kernel(call, int(rng.choice([0, 10**9])))
    edges = np.array([info.min, info.min + 1, info.max, info.max - 1, 0, 1, 2, info.max // 2], index)
    handler: Any = None
    # More columns than an 8-bit index reaches, so that a negative index that is read as unsigned would be in range.
    for m, n, nse in ((20, 300, 90), (11, 5, 44), (3, 4, 3), (50, 70_000, 100)):
        for malformed in (False, True):

            def wild(
                array: np.ndarray, share: float, choices: np.ndarray = edges, malformed: bool = malformed
            ) -> np.ndarray:
                chosen = malformed & (rng.random(array.size) < share)
                return np.where(chosen, rng.choice(choices, array.size), array)

            out_lines, in_lines = (n, m) if call.transpose else (m, n)
            indices = wild(rng.integers(0, min(n, info.max), nse), 0.4).astype(index)
            anything = np.array([-(2**31), 2**31 - 1, -1, nse + 1, 0, nse], np.int32)
            indptr = sound_pointers(wild(np.sort(rng.integers(0, nse + 1, m + 1)), 0.3, anything).astype(np.int32), nse)
            column_indptr = wild(np.sort(rng.integers(0, nse + 1, n + 1)), 0.3, anything).astype(np.int32)
            other = wild(rng.integers(0, min(m, info.max), nse), 0.4).astype(index)
            width = nse // m
            arrays = {
                "gather": [indices, indptr],
                "scatter": [indices, indptr, indices],
                "sddmm": [indices, indptr],
                "coordinates": [other, indices],
                "indexed": [
                    indices,
                    indptr,
                    other,
                    sound_pointers(column_indptr, nse),
                    wild(rng.integers(0, nse, nse), 0.4).astype(index),
                ],
            }[call.family]
            if call.layout == "fixed_num":
                indices = indices[: m * width]
                arrays = [indices] * len(arrays)
            mask = rng.random(in_lines) < 0.3
            if call.encoding in (FLOAT, SPARSE_FLOAT):
                x = rng.standard_normal(in_lines) * (mask | (call.encoding is FLOAT))
            elif call.encoding is BITPACKED:
                x = np.packbits(np.pad(mask, (0, -in_lines % 32)), bitorder="little").view(np.uint32)
            elif call.encoding is COMPACT:
                listed = wild(np.flatnonzero(mask), 0.4, anything)
                x = np.concatenate([[2**31 - 1 if malformed else listed.size], listed]).astype(np.int32)
            else:
                x = mask.view(np.uint8)
            per_entry = call.family == "sddmm"
            first = rng.standard_normal(m if per_entry else indices.size)
            pointer_positions = {"csr": (2, 4)}.get(call.layout, ())
            types = [f64, *(i32 if i in pointer_positions else unsigned for i in range(1, len(arrays) + 1)), x_type]
            if handler is None:
                handler = compile_handler(kernel, [(t, 1) for t in types], [(f64, 1)], [i64] * 7)
            # 0xFF is NaN as a weight, -1 as an index, and an event.
            inputs = [Guarded(np.ascontiguousarray(array), 0xFF) for array in (first, *arrays, x)]
            output = Guarded(np.full(indices.size if per_entry else out_lines, np.nan), 0xA5)
            limit = int(info.max) + 1
            bound, reach = min(n, limit), min(in_lines if call.family == "coordinates" else m, limit)
            if call.family == "coordinates":
                bound = min(m, limit)
            scalars = [1, bound, in_lines, out_lines, reach, x.size, width]
            assert call_handler(handler, inputs, output, scalars) == 0
            assert np.isfinite(output.view).all()
            assert output.margins_are_untouched()
            assert all(array.is_untouched() for array in inputs)
