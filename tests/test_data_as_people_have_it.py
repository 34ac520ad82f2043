"""Data as in files and other packages: unsigned and big-endian IDs, very long axes, narrow integer weights.

``docs/faults.md`` lists the faults that were found, and the tests that keep them fixed.
"""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent import COO, CSC, CSR, BinaryArray, Dense, FixedPostNumConn, FixedPreNumConn, JITCScalarR
from brainevent_core.testing.numerics import x64

pytestmark = pytest.mark.usefixtures("little_optimisation")

SHAPE = (5, 4)
DENSE = np.array([[0, 1, 2, 0], [3, 0, 0, 4], [0, 0, 5, 0], [6, 7, 0, 0], [0, 8, 0, 9]], np.float32)

MATRICES: dict[str, Callable[[Any], Any]] = {
    cls.__name__: cls.fromdense for cls in (CSR, CSC, COO, FixedPostNumConn, FixedPreNumConn, Dense)
}
MATRICES["JITCScalarR"] = lambda dense: JITCScalarR(0.5, 0.6, 7, shape=SHAPE)

INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


@pytest.fixture
def wide() -> Iterator[None]:
    """JAX in 64-bit mode."""
    with x64(True):
        yield


# -- ids ---------------------------------------------------------------------------------------------------------------

#: Rows 3 and 0 (and -2, which is row 3), in various representations.
ROWS: dict[str, tuple[Any, Any]] = {
    **{
        f"{order}{dtype}": (np.array([3, 0], np.dtype(dtype).newbyteorder(order)), [3, 0])
        for dtype in INTEGERS
        for order in "<>"
    },
    "a list of uint64": ([np.uint64(3), np.uint64(0)], [3, 0]),
    "uint64 and int": ([np.uint64(3), 0, -2], [3, 0, -2]),
    "uint64 and int64": ([np.uint64(3), np.int64(-2)], [3, -2]),
    "nested": ([[np.uint64(3)], [-2]], [[3], [-2]]),
    "a uint64": (np.uint64(3), 3),
    "an array of one": (np.array(3, ">u8"), 3),
    "a slice of uint64": (slice(np.uint64(1), np.uint64(3)), slice(1, 3)),
}


@pytest.mark.cover(share=0.15)
@pytest.mark.parametrize("kind", MATRICES)
@pytest.mark.parametrize("ids", ROWS)
@pytest.mark.parametrize("x64_on", [False, True])
def test_ids_of_any_dtype_are_rows_and_columns(kind: str, ids: str, x64_on: bool) -> None:
    with x64(x64_on):
        given, plain = ROWS[ids]
        matrix = MATRICES[kind](DENSE)
        dense = np.asarray(matrix.todense())
        np.testing.assert_array_equal(matrix[given], dense[plain])
        np.testing.assert_array_equal(matrix[:, given], dense[:, plain])
        np.testing.assert_array_equal(matrix[given, 1], dense[plain, 1])
        np.testing.assert_array_equal(matrix[None, given], dense[None, plain])
        if kind in ("CSR", "CSC") and ids != "nested":
            np.testing.assert_array_equal(matrix.slice_rows(given).todense(), np.atleast_2d(dense[plain]))


def test_ids_beside_a_traced_one() -> None:
    matrix = CSR.fromdense(DENSE)
    with x64(True):
        found = jax.jit(lambda i: matrix[[i, np.uint64(3)]])(jnp.int64(-5))
    np.testing.assert_array_equal(found, DENSE[[0, 3]])


def test_large_ids_are_not_rounded() -> None:
    n = 2**24 + 5
    matrix = COO(np.float32([1, 2]), np.array([2**24, 2**24 + 1]), np.array([0, 0]), shape=(n, 1))
    for given in (np.uint64(2**24 + 1), [np.uint64(2**24 + 1), 0], np.array([2**24 + 1], np.uint64)):
        assert float(np.ravel(matrix[given])[0]) == 2.0
        assert float(np.ravel(matrix[given, 0])[0]) == 2.0


BEYOND = [2**64 - 1, 2**64 - 2, 2**63]


@pytest.mark.parametrize(
    "given",
    [
        *(np.uint64(2**63), [np.uint64(2**63), -1], [2**70, 0], np.uint64(5)),
        # NumPy reads these as -1 and -2 when they index its own arrays.
        *(
            np.array(BEYOND, np.uint64),
            (slice(None), np.array(BEYOND[:1], np.uint64)),
            (0, np.array(BEYOND, np.uint64)),
        ),
    ],
)
def test_ids_that_nobody_has_are_out_of_range(given: Any) -> None:
    with pytest.raises(IndexError, match=r"out of range|whole numbers"):
        CSR.fromdense(DENSE)[given]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_structures_of_any_byte_order(dtype: str) -> None:
    swapped = np.dtype(dtype).newbyteorder(">")
    indices, indptr, row = (np.array(of, swapped) for of in ([1, 0, 2], [0, 1, 3], [0, 1, 1]))
    weights = np.array([1, 2, 3], ">f4")
    wanted = [[0, 1, 0], [2, 0, 3]]
    matrices = (
        CSR((weights, indices, indptr), shape=(2, 3)),
        COO((weights, row, indices), shape=(2, 3)),
        CSC((weights, indices, indptr), shape=(3, 2)).T,
        jax.jit(lambda: CSR((weights, indices, indptr), shape=(2, 3)))(),
        CSR((weights, [np.uint64(1), 0, 2], [0, np.uint64(1), 3]), shape=(2, 3)),
    )
    for matrix in matrices:
        np.testing.assert_array_equal(matrix.todense(), wanted)
    fixed = FixedPostNumConn(np.array([[1.0], [2.0]], ">f8"), indices[:2, None], shape=(2, 3))
    np.testing.assert_array_equal(fixed.todense(), [[0, 1, 0], [2, 0, 0]])
    for found in brainevent.coo2csr(row, indices, shape=(2, 3)):
        assert found.dtype.isnative


#: Functions that take numbers, given as arrays of shapes (4,), (5,) and (5, 4), in some dtype.
_A = CSR.fromdense(DENSE)
TAKE_NUMBERS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "weights": lambda four, five, both: CSR((four, [0, 1, 2, 3], [0, 4]), shape=(1, 4)).todense(),
    "weights in a unit": lambda four, five, both: CSR((four * u.mV, [0, 1, 2, 3], [0, 4]), shape=(1, 4)).todense(),
    "weights by row": lambda four, five, both: Dense([four, four]).data,
    "with_data": lambda four, five, both: CSR((1.0, [0, 1, 2, 3], [0, 4]), shape=(1, 4)).with_data(four).data,
    "fromdense": lambda four, five, both: COO.fromdense(both).todense(),
    "fromdense in a unit": lambda four, five, both: FixedPostNumConn.fromdense(both * u.mV).todense(),
    "a parameter": lambda four, five, both: JITCScalarR(four[1], 0.5, 0, shape=(3, 3)).todense(),
    "operand": lambda four, five, both: _A @ four,
    "operand on the left": lambda four, five, both: five @ _A,
    "operand in a unit": lambda four, five, both: _A @ (four * u.mV),
    "dense matrix": lambda four, five, both: BinaryArray(DENSE[:, 1]) @ both,
    "BinaryArray": lambda four, five, both: BinaryArray(five) @ _A,
    "SparseFloat": lambda four, five, both: brainevent.SparseFloat(five) @ _A,
    "bitpack": lambda four, five, both: brainevent.bitpack(five) @ _A,
    "CompactBinary": lambda four, five, both: brainevent.CompactBinary(five) @ _A,
    "with_value": lambda four, five, both: BinaryArray(DENSE[0]).with_value(five) @ _A,
    "spikes, trace and bounds": lambda four, five, both: _A.update_on_pre(five, four, four[0], four[3]).data,
    "trace of entries": lambda four, five, both: _A.yw_to_w(five, four[1]),
    "arithmetic": lambda four, five, both: (_A * both).todense() + (_A + both),
    "comparison": lambda four, five, both: both < _A,
    "solve": lambda four, five, both: CSR.fromdense(2 * np.eye(4, dtype=np.float32)).solve(four),
    "diag_add": lambda four, five, both: CSR.fromdense(2 * np.eye(4, dtype=np.float32)).diag_add(four).data,
    "csrmv": lambda four, five, both: brainevent.csrmv(four, [0, 1, 2, 3], [0, 4], four, shape=(1, 4)),
    "sddmm": lambda four, five, both: brainevent.coo_sddmm([0], [0], both, both.T, shape=(5, 5)),
}


@pytest.mark.cover(share=0.25)
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i4", "u2"])
@pytest.mark.parametrize("taker", TAKE_NUMBERS)
def test_numbers_of_any_byte_order(taker: str, dtype: str, rng: np.random.Generator) -> None:
    call = TAKE_NUMBERS[taker]
    native = [rng.integers(0, 5, size=shape).astype(dtype) for shape in ((4,), (5,), SHAPE)]
    wanted = call(*native)
    found = call(*(array.astype(array.dtype.newbyteorder(">")) for array in native))
    assert u.get_unit(found) == u.get_unit(wanted)
    np.testing.assert_array_equal(u.get_mantissa(found), u.get_mantissa(wanted))
    assert found.dtype == wanted.dtype


# -- long axes ---------------------------------------------------------------------------------------------------------

LONG = 2**40 + 5
LAST = LONG - 1
#: One entry is at the last index truncated to 32 bits, and two are at the last index itself.
COLUMNS = np.array([3, LAST, LAST % 2**32, LAST])


def long() -> COO:
    return COO(np.float32([1, 2, 3, 4]), np.array([0, 1, 1, 1]), COLUMNS, shape=(2, LONG))


#: Operations on a matrix with two long rows, and their results.
OF_LONG_ROWS: dict[str, tuple[Callable[[COO], Any], Any]] = {
    "columns": (lambda m: m.col, COLUMNS),
    "transpose": (lambda m: m.T.row, COLUMNS),
    "tocsr": (lambda m: m.tocsr().indices, COLUMNS),
    "tocsr inside jit": (lambda m: jax.jit(lambda m: m.tocsr().indices)(m), COLUMNS),
    "tocoo": (lambda m: m.tocsr().tocoo().col, COLUMNS),
    "with a capacity": (lambda m: m.tocsr(nse=5).indices, [*COLUMNS, LONG]),
    "an element": (lambda m: m[1, LAST], 6),
    "its neighbour modulo 2**32": (lambda m: m[1, LAST % 2**32], 3),
    "elements": (lambda m: m[[1, 0], np.array([LAST, 3], np.uint64)], [6, 1]),
    "a column": (lambda m: m[:, LAST], [0, 6]),
    "the last column": (lambda m: m[:, -1], [0, 6]),
    "columns by a list": (lambda m: m[:, [LAST, 3, 3]], [[0, 1, 1], [6, 0, 0]]),
    "a column with an axis": (lambda m: m[:, None, -1], [[0], [6]]),
    "a column of int32": (lambda m: m[:, np.int32(3)], [1, 0]),
    "a traced column": (lambda m: jax.jit(lambda j: m[:, j])(jnp.int32(3)), [1, 0]),
    "a row of the transpose": (lambda m: m.T[LAST], [0, 6]),
    "rows of the transpose": (lambda m: m.T[[3, -1]], [[1, 0], [0, 6]]),
    "a traced row": (lambda m: jax.jit(lambda i: m.T[i])(jnp.asarray(LAST)), [0, 6]),
    "the end of the rows": (lambda m: m.T[LAST - 1 :], [[0, 0], [0, 6]]),
    "sorted": (lambda m: m.sort_indices().col, np.array([3, LAST % 2**32, LAST, LAST])),
    "slice_rows": (lambda m: m.tocsr().slice_rows([1]).indices, COLUMNS[1:]),
    "diag_add": (lambda m: m.tocsr().diag_add(1.0).indices, [0, 3, 1, LAST % 2**32, LAST, LAST]),
    "product of entries": (lambda m: (m * m).data, [1, 36, 9, 0]),
    "sum": (lambda m: (m + m).data, [2, 4, 6, 8]),
    "traces": (lambda m: m.yw_to_w(np.float32([10, 100]), 1.0), [10, 100, 100, 100]),
}


@pytest.mark.parametrize("asked", OF_LONG_ROWS)
@pytest.mark.usefixtures("wide")
def test_long_axes_keep_every_entry_apart(asked: str) -> None:
    ask, answer = OF_LONG_ROWS[asked]
    np.testing.assert_array_equal(ask(long()), answer)


@pytest.mark.usefixtures("wide")
def test_both_axes_long() -> None:
    n, at = 2**40, np.array([2**39, 0, 2**39])
    matrix = COO(np.float32([1, -2, 5]), at, at, shape=(n, n))
    np.testing.assert_array_equal(matrix[[2**39, 0, 1], [2**39, 0, 1]], [6, -2, 0])
    np.testing.assert_array_equal(abs(matrix).data, [6, 2, 0])


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.usefixtures("wide")
def test_narrow_ids_along_a_long_axis(dtype: str) -> None:
    row, col = np.array([0, 1], dtype), np.array([3, 1], dtype)
    for arrays in ((row, col), (jnp.asarray(row), jnp.asarray(col))):
        indptr, indices, order = brainevent.coo2csr(*arrays, shape=(2, LONG))
        for found, wanted in ((indptr, [0, 1, 2]), (indices, [3, 1]), (order, [0, 1])):
            np.testing.assert_array_equal(found, wanted)
    fixed = FixedPostNumConn(1.0, col[:, None], shape=(2, LONG))
    np.testing.assert_array_equal(fixed[:, [1, 3]], [[0, 1], [1, 0]])


@pytest.mark.usefixtures("wide")
def test_ids_of_uint32_beyond_int32() -> None:
    col = np.array([3, 2**32 - 1], np.uint32)
    for given in (col, jnp.asarray(col)):
        np.testing.assert_array_equal(brainevent.coo2csr(np.array([0, 1]), given, shape=(2, 2**32))[1], col)
        np.testing.assert_array_equal(brainevent.csr_to_coo_index(np.array([0, 1, 2]), given)[1], col)


@pytest.mark.usefixtures("wide")
def test_partners_are_drawn_along_a_long_axis() -> None:
    conn = FixedPostNumConn(num_pre=20, num_post=LONG, conn_num=5, weight=1.0, seed=0)
    drawn = np.asarray(conn.indices)
    assert drawn.min() >= 0
    assert 2**39 < drawn.max() < LONG
    np.testing.assert_array_equal(conn.tocsr().indices, drawn.ravel())


#: Calls with a shape, or with IDs that exist only on a long axis.
TAKE_SHAPES: dict[str, Callable[[], Any]] = {
    "COO": lambda: COO(np.float32([1, 2]), np.array([0, 1]), np.array([3, LAST]), shape=(2, LONG)),
    "COO that would merge two": lambda: COO(np.float32([1, 2]), [0, 0], [2**40, 2**32 + 5], shape=(1, LONG)),
    "one more than 32 bits": lambda: COO(1.0, [0], [2**31 - 1], shape=(1, 2**31)),
    "CSR": lambda: CSR(1.0, [3], [0, 1], shape=(1, LONG)),
    "CSC": lambda: CSC(1.0, [3], [0, 1], shape=(LONG, 1)),
    "FixedPostNumConn": lambda: FixedPostNumConn(1.0, [[3]], shape=(1, LONG)),
    "FixedPreNumConn": lambda: FixedPreNumConn(1.0, [[3]], shape=(LONG, 1)),
    "drawn": lambda: FixedPostNumConn(num_pre=1, num_post=LONG, conn_num=1, weight=1.0),
    "traced": lambda: jax.jit(lambda i: COO(1.0, i, i, shape=(2, LONG)).tocsr().indices)(jnp.ones(1, int)),
    "coo2csr": lambda: brainevent.coo2csr(np.int16([0]), np.int16([3]), shape=(2, LONG)),
    "coo_to_csc_index": lambda: brainevent.coo_to_csc_index(np.array([LAST]), np.array([0]), shape=(LONG, 1)),
    "csr_to_coo_index": lambda: brainevent.csr_to_coo_index(np.array([0, 1]), np.array([LAST])),
    "coomv": lambda: brainevent.coomv(1.0, [0], [3], np.ones(1), shape=(1, LONG)),
    "slots": lambda: CSR(1.0, np.broadcast_to(np.int8(0), 3 * 10**9), [0, 5], shape=(1, 5), check=False),
}


@pytest.mark.parametrize("taker", TAKE_SHAPES)
def test_long_axes_need_64_bits(taker: str) -> None:
    with pytest.raises(brainevent.MathError, match=r'jax.config.update\("jax_enable_x64", True\)'):
        TAKE_SHAPES[taker]()


def test_matrix_that_was_made_with_64_bits_needs_them_later() -> None:
    with x64(True):
        matrix = long()
    for ask in (lambda: matrix.tocsr(), lambda: matrix[:, 0], lambda: matrix[1, 2], lambda: abs(matrix)):
        with pytest.raises(brainevent.MathError, match="jax_enable_x64"):
            ask()


def test_longest_axis_of_32_bits() -> None:
    n = 2**31 - 1
    matrix = COO(np.float32([1, 2]), np.array([0, 0]), np.array([n - 1, 0], np.uint64), shape=(1, n))
    np.testing.assert_array_equal(matrix[[0, 0, 0], [n - 1, 0, 1]], [1, 2, 0])
    with pytest.raises(brainevent.StructureError, match=str(n)):
        COO(1.0, [0], [n], shape=(1, n))


@pytest.mark.parametrize("x64_on", [False, True])
@pytest.mark.parametrize("shape", [(2**31 - 2**17 + 1, 3), (3, 2**32), (LONG, 3)])
def test_generated_matrices_end_where_their_stream_does(shape: tuple[int, int], x64_on: bool) -> None:
    with x64(x64_on), pytest.raises(brainevent.MathError, match="at most 2147352576 rows and columns"):
        JITCScalarR(1.0, 0.1, 0, shape=shape)


def test_pointers_that_cannot_count_the_slots() -> None:
    slots = jax.ShapeDtypeStruct((3 * 10**9,), np.int32)

    def make(dtype: Any) -> Any:
        return jax.eval_shape(lambda i, p: CSR(1.0, i, p, shape=(1, 5)), slots, jax.ShapeDtypeStruct((2,), dtype))

    with x64(True):
        assert make(np.int64).nse == 3 * 10**9
        with pytest.raises(brainevent.MathError, match="indptr must have dtype int64 to count 3000000000"):
            make(np.int32)


@pytest.mark.parametrize("index", [0, 5, (0, [5]), (0, slice(3, 9)), (9, 1), (slice(None), None, 0), (1, None, [5])])
def test_no_index_makes_an_array_of_all_columns_on_the_host(index: Any) -> None:
    n = 2**21
    matrix = CSR(np.float32([1, 2]), np.array([5, n - 1]), np.array([0, 1, 2]), shape=(2, n))
    with suppress(IndexError):
        matrix[index]  # compiles, which takes memory once
    tracemalloc.start()
    with suppress(IndexError):
        matrix[index]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < n


# -- duplicates --------------------------------------------------------------------------------------------------------

VIEWS: dict[str, Callable[[Any], Any]] = {
    "todense": lambda m: m.todense()[0, 1],
    "a row": lambda m: m[0][1],
    "rows": lambda m: m[[1, 0]][1, 1],
    "a column": lambda m: m[:, 1][0],
    "an element": lambda m: m[0, 1],
    "a transpose": lambda m: m.T.todense()[1, 0],
    "its row": lambda m: m.T[1, 0],
    "a product": lambda m: (m @ np.float32([0, 1, 0]))[0],
    "a product with events": lambda m: (BinaryArray(np.array([True, False])) @ m)[1],
    "the sum": lambda m: m.sum(),
    "plus zero": lambda m: (m + 0)[0, 1],
    "halves": lambda m: (m - m * 0.5).todense()[0, 1] * 2,
    "twice": lambda m: (m + m).todense()[0, 1] / 2,
    "times two": lambda m: (m * 2).todense()[0, 1] / 2,
    "negated": lambda m: -((-m).todense()[0, 1]),
    "absolute": lambda m: abs(m)[0, 1],
    "the root of its square": lambda m: 2 * np.sqrt(float(((m * 0.5) * (m * 0.5))[0, 1])),
    "diag_add": lambda m: m.tocsr().diag_add(1).todense()[0, 1],
    "a traced matrix": lambda m: jax.jit(lambda m: m.todense())(m)[0, 1],
    "in a unit": lambda m: u.get_mantissa((m * u.mV).todense()[0, 1]),
}


@pytest.mark.cover(share=0.3)
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "float16"])
@pytest.mark.parametrize("kind", ["tocoo", "tocsr", "tocsc"])
def test_duplicates_have_one_value_in_every_view(view: str, dtype: str, kind: str) -> None:
    each = {"int8": 100, "uint8": 200, "int16": 30000, "uint16": 60000}.get(dtype, 100)
    matrix = getattr(COO(np.array([each, each], dtype), [0, 0], [1, 1], shape=(2, 3)), kind)()
    assert matrix.dtype == dtype
    assert float(VIEWS[view](matrix)) == 2 * each


# -- quantities and options of JAX -------------------------------------------------------------------------------------


def test_a_unit_on_the_left_of_a_matrix() -> None:
    matrix, spikes = CSR.fromdense(DENSE), BinaryArray(np.array([1, 0, 1, 0, 1]))
    held = u.mV * matrix
    wanted = spikes @ (matrix * u.mV)
    for found in (
        spikes @ held,
        brainevent.matmul(spikes, held),
        brainevent.matmul(np.float32([1, 0, 1, 0, 1]), held),
        brainevent.bitpack(spikes) @ held,
    ):
        assert found.unit == u.mV
        np.testing.assert_allclose(found.mantissa, wanted.mantissa)
    total = matrix * u.mV + held
    assert isinstance(total, CSR)
    np.testing.assert_array_equal(total.todense().mantissa, 2 * DENSE)
    with pytest.raises(brainevent.DTypeError, match=r"holds a CSR.*`matrix \* unit`"):
        BinaryArray(held)


# Six native kernels are compiled for each class, so each run tests only some of the classes.
@pytest.mark.cover(share=0.3)
@pytest.mark.parametrize("backend", ["reference", "numba"])
@pytest.mark.parametrize("kind", [name for name in MATRICES if name != "FixedPreNumConn"])
def test_without_rank_promotion(kind: str, backend: str) -> None:
    """JAX can be configured to broadcast only between arrays of the same rank."""
    matrix = MATRICES[kind](DENSE)
    dense = np.asarray(matrix.todense())
    spikes = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    with jax.numpy_rank_promotion("raise"), brainevent.use_backend(backend):
        for events in (BinaryArray, brainevent.bitpack, brainevent.CompactBinary):
            np.testing.assert_allclose(matrix @ events(spikes[:, 0]), dense @ spikes[:, 0], rtol=1e-6)
            batch = events(spikes) if events is BinaryArray else events(spikes, axis=0)
            np.testing.assert_allclose(matrix @ batch, dense @ spikes, rtol=1e-6)
            found = jax.vmap(lambda x, events=events: matrix @ events(x))(spikes.T)
            np.testing.assert_allclose(found, (dense @ spikes).T, rtol=1e-6)


@pytest.mark.parametrize("kind", [name for name in MATRICES if name != "JITCScalarR"])
def test_abstract_matrices_have_a_transpose(kind: str) -> None:
    for unit in (None, u.mV):
        data = DENSE if unit is None else DENSE * unit
        abstract = jax.eval_shape(lambda data=data: MATRICES[kind](data))
        assert abstract.T.shape == SHAPE[::-1]
        assert abstract.T.T.shape == SHAPE
        assert abstract.T.unit == unit
        assert jax.tree.structure(abstract.T) == jax.tree.structure(MATRICES[kind](data).T)


@pytest.mark.parametrize("shape", [(2100, 2100), (2000, 2200)])
def test_many_elements_of_a_dense_matrix(shape: tuple[int, int]) -> None:
    elements = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
    row, col = np.arange(2000), np.arange(2000)[::-1]
    np.testing.assert_array_equal(Dense(elements)[row, col], elements[row, col])
