"""The matrix interface beyond the table in ``test_operations.py``: errors, constructors and structures."""

import inspect
from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import brainevent
from brainevent import COO, CSC, CSR, BinaryArray, Dense, FixedPostNumConn, FixedPreNumConn

pytestmark = pytest.mark.usefixtures("little_optimisation")

SPARSE = (CSR, CSC, COO, FixedPostNumConn, FixedPreNumConn)
DENSE = np.array([[0, 1, 0, 2], [3, 0, 4, 0], [0, 0, 0, 5]], np.float32)
CSR_4 = CSR.fromdense(DENSE)
OTHER = CSR.fromdense(DENSE[::-1])


# -- errors ------------------------------------------------------------------------------------------------------------

ERRORS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "row too far": (lambda: CSR_4[3], IndexError, "3 is out of range for an axis of length 3"),
    "row too far back": (lambda: CSR_4[-4], IndexError, "-4 is out of range"),
    "column too far": (lambda: CSR_4[0, 4], IndexError, "4 is out of range for an axis of length 4"),
    "one of many": (lambda: CSR_4[[0, 7]], IndexError, "7 is out of range"),
    "dense row too far": (lambda: Dense(DENSE)[3], IndexError, "out of range"),
    "half a row": (lambda: CSR_4[0.5], IndexError, "whole numbers"),
    "index with a unit": (lambda: CSR_4[1 * u.mV], IndexError, "without a unit"),
    "three axes": (lambda: CSR_4[0, 0, 0], IndexError, "two axes"),
    "short mask": (lambda: CSR_4[np.array([True, False])], IndexError, r"shape \(3,\)"),
    "traced mask": (lambda: jax.jit(lambda m: CSR_4[m])(np.ones(3, bool)), IndexError, "concrete"),
    "sparse product": (lambda: CSR_4 @ CSR_4.T, NotImplementedError, "todense"),
    "sparse sum": (lambda: CSR_4 + OTHER, NotImplementedError, "same structure.*todense"),
    "sparse sum of formats": (lambda: CSR_4 + CSR_4.tocsc(), NotImplementedError, "CSR.*CSC"),
    "sparse sum in jit": (
        lambda: jax.jit(lambda a, b: a + b)(CSR_4, CSR_4),
        brainevent.UnsupportedOperationError,
        "with_data",
    ),
    "array of another shape": (lambda: CSR_4 * np.ones(3), ValueError, r"\(3,\) does not broadcast.*\(3, 4\)"),
    "sum with another shape": (lambda: CSR_4 + np.ones((3, 3)), ValueError, r"\(3, 3\) does not broadcast.*\(3, 4\)"),
    "comparison with another shape": (lambda: np.ones(3) < CSR_4, ValueError, r"\(3,\) does not broadcast"),
    "array of three axes": (lambda: CSR_4 * np.ones((1, 3, 4)), ValueError, "up to two axes"),
    "no number": (lambda: CSR_4 @ None, brainevent.DTypeError, "got None of type NoneType"),
    "no weights": (lambda: CSR("weights", [0], [0, 1], shape=(1, 1)), brainevent.DTypeError, "'weights' of type str"),
    "no shape": (lambda: CSR(1.0, [0], [0, 1]), ValueError, r"CSR needs shape=\(rows, columns\)"),
    "no shape of coordinates": (lambda: COO(1.0, [0], [0]), ValueError, "COO needs shape="),
    "half a synapse": (
        lambda: FixedPostNumConn(num_pre=3, num_post=3, conn_num=2.5, weight=1.0),
        ValueError,
        "whole numbers, got num_pre=3, num_post=3, conn_num=2.5",
    ),
    "power of an array": (lambda: CSR_4 ** np.ones(4), NotImplementedError, "positive"),
    "power of zero": (lambda: CSR_4**0, NotImplementedError, "positive"),
    "text": (lambda: CSR_4 * "a", TypeError, "CSR"),
    "deletion": (lambda: delattr(CSR_4, "data"), AttributeError, "immutable"),
    "deletion from events": (lambda: delattr(brainevent.BinaryArray([1]), "_array"), AttributeError, "immutable"),
    "lists of different lengths": (
        lambda: FixedPostNumConn(1.0, [[0], [1, 0]], shape=(2, 2)),
        brainevent.StructureError,
        "indices must be an array",
    ),
    "floats to sort": (
        lambda: jax.tree.map(lambda leaf: leaf * 1.0, COO.fromdense(DENSE)).sort_indices(),
        brainevent.DTypeError,
        r"row of a matrix \(COO\) must hold integers",
    ),
    "backend without a name": (lambda: brainevent.densemv_dt2t(np.ones(3), DENSE, backend=3), TypeError, "named by"),
    "array in other units": (lambda: CSR_4 + DENSE * u.mV, u.UnitMismatchError, ""),
    "other units of the same structure": (lambda: CSR_4 + CSR_4 * u.mV, u.UnitMismatchError, ""),
    "comparison of units": (lambda: CSR_4 * u.mV > 1.0, u.UnitMismatchError, ""),
    "diagonal in other units": (lambda: (CSR_4 * u.mV).diag_add(1.0), u.UnitMismatchError, ""),
    "diagonal of another length": (lambda: CSR_4.diag_add(np.ones(4)), ValueError, r"3 elements.*\(4,\)"),
    "oblong system": (lambda: CSR_4.solve(np.ones(3)), ValueError, "square"),
    "right-hand side of another length": (lambda: CSR.fromdense(np.eye(2)).solve(np.ones(3)), ValueError, r"\(3,\)"),
    "complex system": (
        lambda: CSR.fromdense(np.eye(2)).solve(np.ones(2, complex)),
        brainevent.DTypeError,
        "real numbers",
    ),
    "too few slots": (lambda: CSR_4.tocsc(nse=4), ValueError, "5 entries, more than nse=4"),
    "too few slots for nonzeros": (lambda: Dense(DENSE).tocsr(nse=4), ValueError, "5 nonzero"),
    "unknown slots": (lambda: jax.jit(lambda d: Dense(d).tocsr())(DENSE), ValueError, "nse="),
    "rows of a traced structure": (
        lambda: jax.jit(lambda a: a.slice_rows([0]).todense())(CSR_4),
        brainevent.MathError,
        "concrete",
    ),
    "trace of another length": (lambda: CSR_4.yw_to_w(np.ones(4), np.ones(5)), ValueError, r"y must have shape \(3,\)"),
    "trace without entries": (lambda: CSR_4.yw_to_w(np.ones(3), np.ones(4)), ValueError, r"w \(5,\)"),
    "weights of another shape": (lambda: CSR_4.apply(lambda data: data[1:]), ValueError, r"\(5,\), got \(4,\)"),
    "generated entries": (
        lambda: abs(brainevent.JITCNormalR(1.0, 0.5, 0.5, 0, shape=(3, 3))),
        NotImplementedError,
        r"just in time.*\.tocsr\(\).*\.todense\(\)",
    ),
    "misspelt keyword": (
        lambda: FixedPostNumConn(num_pre=3, num_post=3, conn_nun=2, weight=1.0),
        brainevent.MathError,
        "no conn_nun=; did you mean conn_num=",
    ),
    "misspelt law": (
        lambda: brainevent.JITCScalarR(weigth=1.0, prob=0.1, shape=(2, 2)),
        brainevent.MathError,
        "JITCScalarR takes weight, prob, seed.*no weigth=; did you mean weight=",
    ),
    "misspelt array": (
        lambda: CSR(1.0, indices=[0], intptr=[0, 1], shape=(1, 1)),
        brainevent.MathError,
        "no intptr=; did you mean indptr=",
    ),
    "keyword of another class": (
        lambda: Dense(DENSE, nse=3),
        brainevent.MathError,
        "Dense takes data, shape, split, and no nse=",
    ),
    "one array too many": (
        lambda: COO(1.0, [0], [0], [0], shape=(1, 1)),
        brainevent.MathError,
        "COO takes data, row, col, shape.*too many positional",
    ),
    "one array too few": (lambda: CSR(1.0, [0], shape=(1, 1)), brainevent.MathError, "takes .data, indices, indptr."),
    "a parameter given twice": (
        lambda: brainevent.JITCScalarR((1.0, 0.1, 0), 0.2, shape=(2, 2)),
        brainevent.MathError,
        "one by one or as one tuple",
    ),
    "no weights for indices": (
        lambda: FixedPostNumConn(indices=[[0]], shape=(1, 1)),
        brainevent.MathError,
        "needs weights",
    ),
    "batch of two sizes": (
        lambda: brainevent.densemm_dt2t(np.ones((2, 3)), np.ones((3, 3, 4))),
        ValueError,
        r"one size.*\(2,\).*\(3,\)",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error(name: str) -> None:
    call, kind, message = ERRORS[name]
    with pytest.raises(kind, match=f"(?s){message}"):
        call()


INDEX_READERS: dict[str, Callable[[Any], Any]] = {
    "todense": lambda m: m.todense(),
    "tocoo": lambda m: m.tocoo(nse=20),
    "tocsr": lambda m: m.tocsr(nse=20),
    "tocsc": lambda m: m.tocsc(nse=20),
    "row": lambda m: m[0],
    "array": lambda m: m * DENSE,
    "dt2t": lambda m: m.yw_to_w(np.ones(3), 1.0),
    "product": lambda m: m @ np.ones(4),
}


@pytest.mark.parametrize("name", INDEX_READERS)
def test_indices_that_became_floats(name: str) -> None:
    for cls in SPARSE:
        floats = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), cls.fromdense(DENSE))
        with pytest.raises(brainevent.DTypeError, match="must hold integers, got dtype float32"):
            INDEX_READERS[name](floats)
        if hasattr(floats, "with_csc_index"):
            with pytest.raises(brainevent.DTypeError, match="must hold integers"):
                floats.with_csc_index()


# -- constructors ------------------------------------------------------------------------------------------------------


def test_signatures_name_every_parameter() -> None:
    """The typed parameters that an IDE shows."""
    generated = ["prob", "seed", "shape", "corder", "num_pre", "num_post", "split"]
    numbers = ["num_pre", "num_post", "conn_num", "weight", "seed", "split"]
    for cls, names in {
        CSR: ["data", "indices", "indptr", "shape", "delay", "check", "split"],
        CSC: ["data", "indices", "indptr", "shape", "delay", "check", "split"],
        COO: ["data", "row", "col", "shape", "rows_sorted", "cols_sorted", "delay", "check", "split"],
        FixedPostNumConn: ["data", "indices", "shape", "delay", "check", *numbers],
        FixedPreNumConn: ["data", "indices", "shape", "delay", "check", *numbers],
        Dense: ["data", "shape", "split"],
        brainevent.JITCScalarC: ["weight", *generated],
        brainevent.JITCNormalR: ["loc", "scale", *generated],
        brainevent.JITCUniformC: ["low", "high", *generated],
    }.items():
        parameters = inspect.signature(cls).parameters
        assert list(parameters) == names
        assert all(parameter.annotation not in (Any, inspect.Parameter.empty) for parameter in parameters.values())


# -- beyond the table --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [CSR, FixedPreNumConn, Dense])
def test_traced_indices_outside_give_zeros(cls: Any) -> None:
    matrix = cls.fromdense(DENSE * u.mV)

    @jax.jit
    def pick(matrix: Any, i: Any, j: Any) -> Any:
        return matrix[i], matrix[:, j], matrix[i, j], matrix[jnp.stack([i, jnp.ones_like(i)])]

    for dtype in (np.int8, np.uint32):
        row, column, element, both = pick(matrix, dtype(100), dtype(100))
        np.testing.assert_array_equal(row.mantissa, np.zeros(4))
        np.testing.assert_array_equal(column.mantissa, np.zeros(3))
        assert element == 0 * u.mV
        np.testing.assert_array_equal(both.mantissa, [np.zeros(4), DENSE[1]])
    assert pick(matrix, -1, -1)[2] == 5 * u.mV


@pytest.mark.parametrize("cls", [CSR, Dense])
def test_numpy_indexing(cls: Any) -> None:
    """An index gives the same result as for an array."""
    matrix = cls.fromdense(DENSE)
    indices: list[Any] = [np.int8(-1), slice(None, 0, -1), slice(1, 1), (), (..., 1), np.array([True, False, True])]
    indices += [np.array([[0, 1], [2, 1]]), (slice(1), 1), np.ix_([0, 2], [3, 1]), (slice(0, 2), [1, -1]), (1, [0, 1])]
    for index in indices:
        found, expected = matrix[index], DENSE[np.asarray(index) if isinstance(index, list) else index]
        np.testing.assert_array_equal(found, expected, err_msg=str(index))
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
    assert matrix[[]].shape == (0, 4)
    assert len(list(matrix)) == 3


@pytest.mark.parametrize("cls", [CSC, FixedPostNumConn])
def test_arrays_on_the_left_and_events(cls: Any) -> None:
    matrix = cls.fromdense(DENSE)
    for left in (DENSE, jnp.asarray(DENSE), np.float32(2), 2, DENSE * u.mV):
        plain = getattr(left, "mantissa", left)
        product = (left * matrix).todense()
        np.testing.assert_array_equal(getattr(product, "mantissa", product), plain * DENSE)
    np.testing.assert_array_equal(DENSE - matrix, 0 * DENSE)
    np.testing.assert_array_equal(1 - matrix, 1 - DENSE)
    np.testing.assert_array_equal((matrix * BinaryArray(np.arange(4))).todense(), DENSE * np.arange(4))
    assert (matrix * u.mV).unit == u.mV
    np.testing.assert_array_equal(matrix < DENSE, np.zeros_like(DENSE, bool))
    np.testing.assert_allclose(Dense(DENSE.T) @ matrix, DENSE.T @ DENSE)
    np.testing.assert_allclose(matrix @ Dense(DENSE.T), DENSE @ DENSE.T)
    np.testing.assert_array_equal(matrix + Dense(DENSE), 2 * DENSE)
    assert matrix.astype(jnp.float16).dtype == jnp.float16


def test_same_structure_is_recognised() -> None:
    """Structures are equal if they are the same or equal concrete arrays; a column index makes no difference."""
    again = CSR((CSR_4.data, np.asarray(CSR_4.indices), np.asarray(CSR_4.indptr)), shape=CSR_4.shape)
    for other in (CSR_4, again, CSR_4.with_csc_index(), CSR_4.with_data(CSR_4.data * 2)):
        total = CSR_4 + other
        assert type(total) is CSR
        np.testing.assert_array_equal(total.todense(), DENSE + other.todense())
    inside = jax.jit(lambda a: (a + a.with_data(2 * a.data)).todense())(CSR_4)
    np.testing.assert_array_equal(inside, 3 * DENSE)
    homogeneous = CSR(2.0, CSR_4.indices, CSR_4.indptr, shape=CSR_4.shape)
    np.testing.assert_array_equal((CSR_4 * homogeneous).todense(), 2 * DENSE)
    assert abs(-homogeneous).data.size == 1
    assert CSR_4.tocsr() is CSR_4


@pytest.mark.parametrize("cls", [CSR, CSC])
def test_diagonal_and_solve(cls: Any) -> None:
    full = cls.fromdense(np.array([[1.0, 2.0], [0.0, 3.0]])).with_csc_index()
    more = full.diag_add(np.array([1, 2]))
    assert more.indices is full.indices  # no entry was missing
    assert more.has_csc_index
    np.testing.assert_array_equal(more.todense(), [[2, 2], [0, 5]])
    added = cls.fromdense(np.array([[0.0, 2.0], [0.0, 3.0]])).with_csc_index().diag_add(1.0)
    assert (added.nse, added.has_csc_index) == (3, True)
    traced = jax.jit(lambda a: a.diag_add(1.0))(full)
    np.testing.assert_array_equal(traced.todense(), [[2, 2], [0, 4]])
    np.testing.assert_allclose(added.solve(np.ones(2)), np.linalg.solve([[1, 2], [0, 4]], np.ones(2)), rtol=1e-6)
    # Neither an exception in a callback nor garbage, whatever the other systems of the batch are.
    singular = jax.vmap(lambda w: full.with_data(w).solve(jnp.ones(2)))(jnp.stack([full.data, 0 * full.data]))
    assert np.isfinite(singular[0]).all()
    assert np.isnan(singular[1]).all()
    assert np.isnan(full.with_data(full.data * np.nan).solve(np.ones(2))).all()
    outside = cls(jnp.ones(3), np.array([0, 7, -1]), np.array([0, 2, 3]), shape=(2, 2), check=False).diag_add(1.0)
    np.testing.assert_allclose(outside.solve(np.ones(2)), [0.5, 1.0])
    assert cls.fromdense(np.zeros((0, 0))).solve(np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("cls", [*SPARSE, Dense])
def test_boolean_weights(cls: Any) -> None:
    """Duplicates are summed like booleans in NumPy: True if any is True."""
    dense = DENSE != 0
    matrix = cls(dense) if cls is Dense else cls.fromdense(dense)
    for found, expected in (
        (matrix.todense(), dense),
        (matrix.tocoo().todense(), dense),
        (matrix[1], dense[1]),
        (matrix[[0, 2]], dense[[0, 2]]),
        (matrix[:, [3, 0]], dense[:, [3, 0]]),
        (matrix[0, 1], dense[0, 1]),
        (matrix + 1, dense + 1),
        (matrix > 0, dense > 0),
    ):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == (jnp.int32 if expected.dtype == int else bool)
    twice = COO([True, True, False], [0, 0, 1], [1, 1, 0], shape=(2, 2))
    np.testing.assert_array_equal(twice.todense(), [[False, True], [False, False]])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_number_on_the_diagonal_has_no_dtype(dtype: str) -> None:
    for matrix in (CSR_4, CSC.fromdense(DENSE).with_csc_index(), CSR.fromdense(DENSE + np.eye(3, 4, dtype="f"))):
        assert matrix.astype(dtype).diag_add(1.0).dtype == dtype
        assert matrix.astype(dtype).diag_add(jnp.float32(1)).dtype == "float32"


def test_sorted_coordinates() -> None:
    matrix = COO([1.0, 2.0, 3.0, 4.0], np.array([2, 0, 2, 0]), np.array([1, 3, 0, 3]), shape=(3, 4))
    for result in (matrix.sort_indices(), jax.jit(lambda m: m.sort_indices())(matrix)):
        assert result.rows_sorted
        np.testing.assert_array_equal(result.data, [2, 4, 3, 1])
        np.testing.assert_array_equal(result.row, [0, 0, 2, 2])
        np.testing.assert_array_equal(result.col, [3, 3, 0, 1])


@pytest.mark.cover(strength=1)
@pytest.mark.parametrize("cls", [*SPARSE, Dense])
@pytest.mark.parametrize("kind", [float, np.float64, np.float32, np.int64, complex, np.complex64, np.array])
def test_numbers_of_every_kind(kind: Callable[..., Any], cls: Any) -> None:
    matrix, two = cls.fromdense(DENSE), kind(2)
    for found, expected in ((matrix * two, 2 * DENSE), (two * matrix, 2 * DENSE), (matrix / two, DENSE / 2)):
        assert type(found) is cls
        np.testing.assert_array_equal(found.todense(), expected)


def test_one_number_of_any_rank_is_one_for_all() -> None:
    for shape in ((), (1,), (1, 1)):
        matrix = FixedPostNumConn((np.full(shape, 2.0) * u.mV, [[0, 1], [1, 1]]), shape=(2, 2))
        np.testing.assert_array_equal(matrix.todense().mantissa, [[2, 2], [0, 4]])
        assert matrix.data.shape in ((), (1,))
    one_synapse = FixedPostNumConn(np.full((1, 1), 2.0), [[0]], shape=(1, 1))
    assert one_synapse.data.shape == (1, 1)
    np.testing.assert_array_equal(one_synapse.update_on_pre(np.array([True]), np.array([1.0])).data, [[3.0]])


def test_functions_on_arrays() -> None:
    y, x = np.arange(3.0, dtype=np.float32), np.arange(4.0, dtype=np.float32)
    coo, csc = CSR_4.tocoo(), CSR_4.tocsc()
    rows, columns = np.nonzero(DENSE)
    shape = {"shape": (3, 4)}
    csr_arrays, csc_arrays = (CSR_4.indices, CSR_4.indptr), (csc.indices, csc.indptr)
    np.testing.assert_array_equal(brainevent.csrmv_dt2t(y, CSR_4.data, *csr_arrays, **shape), CSR_4.data * y[rows])
    np.testing.assert_array_equal(
        brainevent.csrmv_dt2t(x, CSR_4.data, *csr_arrays, **shape, transpose=True), CSR_4.data * x[columns]
    )
    np.testing.assert_array_equal(brainevent.coomv_dt2t(y, 1.0, coo.row, coo.col, **shape), y[rows])
    np.testing.assert_array_equal(brainevent.cscmv_dt2t(y, 1.0, *csc_arrays, **shape), y[np.asarray(csc.indices)])
    np.testing.assert_array_equal(brainevent.densemv_dt2t(x, DENSE, transpose=True), DENSE * x)
    indices = np.array([[0, 1], [3, 2], [1, 1]])
    np.testing.assert_array_equal(
        brainevent.fcnmv_dt2t(np.ones((3, 2)), indices, x, **shape, transpose=True), x[indices]
    )
    ws, ys = np.stack([CSR_4.data, 2 * CSR_4.data]), np.stack([y, 3 * y])
    np.testing.assert_array_equal(brainevent.csrmm_dt2t(ys * u.mV, ws, *csr_arrays, **shape).mantissa, ws * ys[:, rows])
    np.testing.assert_array_equal(brainevent.fcnmm_dt2t(np.ones((2, 3, 2)), indices, ys, **shape)[1, :, 0], 3 * y)
    named = brainevent.fcnmm_dt2t(y=ys, indices=indices, weights=np.ones((2, 3, 2)), **shape, backend="reference")
    np.testing.assert_array_equal(named[1, :, 0], 3 * y)


@pytest.mark.parametrize("backend", [None, "numba", "reference"])
def test_csr_slice_rows(backend: str | None) -> None:
    arrays = CSR_4.data * u.mV, CSR_4.indices, CSR_4.indptr
    found = brainevent.csr_slice_rows(*arrays, [2, 0, -2], shape=(3, 4), backend=backend)
    np.testing.assert_array_equal(found.mantissa, DENSE[[2, 0, 1]])
    traced = jax.jit(lambda at: brainevent.csr_slice_rows(*arrays, at, shape=(3, 4), backend=backend))(np.array([5, 1]))
    np.testing.assert_array_equal(traced.mantissa, [np.zeros(4), DENSE[1]])
    for at in (slice(1, None), np.array([False, True, True])):
        some = brainevent.csr_slice_rows(*arrays, at, shape=(3, 4), backend=backend)
        np.testing.assert_array_equal(some.mantissa, DENSE[1:])


def test_traced_numbers_in_a_list() -> None:
    np.testing.assert_array_equal(jax.jit(lambda i: CSR_4[[i, 0]])(2), DENSE[[2, 0]])


# -- random structures -------------------------------------------------------------------------------------------------

# Few sizes, so that programs are compiled for few shapes.
SIZES, COUNTS = (0, 1, 3), (0, 1, 4)


@st.composite
def structures(draw: Any) -> tuple[type, tuple[np.ndarray, ...], tuple[int, int], list[tuple[int, int, int]]]:
    """A class, its arrays, a shape, and (row, column, slot) of each valid entry: with empty rows and matrices,
    duplicates, a single row, in any order, and with indices out of range."""
    shape = (draw(st.sampled_from(SIZES)), draw(st.sampled_from(SIZES)))
    cls = draw(st.sampled_from(SPARSE))
    transposed = cls in (CSC, FixedPreNumConn)
    lines, _width = shape[::-1] if transposed else shape
    index = st.integers(-1, 3)
    if cls in (FixedPostNumConn, FixedPreNumConn):
        per_line = draw(st.sampled_from((0, 2)))
        other = np.array(draw(st.lists(index, min_size=lines * per_line, max_size=lines * per_line)), np.int32)
        line = np.repeat(np.arange(lines), per_line)
        arrays: tuple[np.ndarray, ...] = (other.reshape(lines, per_line),)
    else:
        count = draw(st.sampled_from(COUNTS))
        other = np.array(draw(st.lists(index, min_size=count, max_size=count)), np.int32)
        line = np.array(draw(st.lists(index, min_size=count, max_size=count)), np.int32)
        if cls is COO:
            arrays = (line, other)
        else:
            line = np.sort(np.clip(line, 0, max(lines - 1, 0)))
            arrays = (other, np.searchsorted(line, np.arange(lines + 1)).astype(np.int32))
            line = line if lines else np.full(count, -1)
    pairs = zip(other, line) if transposed else zip(line, other)
    entries = [(int(r), int(c), k) for k, (r, c) in enumerate(pairs) if 0 <= r < shape[0] and 0 <= c < shape[1]]
    return cls, arrays, shape, entries


@settings(deadline=None, max_examples=12, suppress_health_check=list(HealthCheck))
@given(structures())
def test_any_structure(case: Any) -> None:
    check_structure(*case)


@pytest.mark.full
@settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))
@given(structures())
def test_any_structure_of_many(case: Any) -> None:
    check_structure(*case)


@jax.jit
def _everything(matrix: Any, y: Any) -> Any:
    """A single program for each class and shape."""
    last = matrix.shape[0] - 1
    return (
        [other.todense() for other in (matrix, matrix.tocoo(), matrix.tocsr(), matrix.tocsc(), abs(matrix))],
        (matrix * matrix).todense(),
        matrix[[last, 0, last]] if last >= 0 else matrix[[]],
        matrix[:, jnp.int32(1)] if matrix.shape[1] > 1 else matrix[:, :0],
        matrix.yw_to_w(y, matrix.data),
        matrix.diag_add(1.0).todense() if isinstance(matrix, (CSR, CSC)) else None,
    )


def check_structure(cls: Any, arrays: Any, shape: tuple[int, int], entries: list[tuple[int, int, int]]) -> None:
    weights = np.arange(1, arrays[0].size + 1, dtype=np.float32).reshape(arrays[0].shape) * (-1) ** arrays[0].size
    dense, traces = np.zeros(shape, np.float32), np.zeros(weights.size)
    y = np.arange(2, 2 + shape[0], dtype=np.float32)
    for r, c, k in entries:
        dense[r, c] += weights.ravel()[k]
        traces[k] = weights.ravel()[k] * y[r]
    matrix = cls((jnp.asarray(weights), *arrays), shape=shape, check=False)
    same, squared, rows, column, trace, diagonal = _everything(matrix, y)
    for one, expected in zip(same, [dense] * 4 + [np.abs(dense)], strict=True):
        np.testing.assert_array_equal(one, expected)
    np.testing.assert_array_equal(squared, dense**2)
    np.testing.assert_array_equal(rows, dense[[-1, 0, -1]] if shape[0] else dense)
    np.testing.assert_array_equal(column, dense[:, 1] if shape[1] > 1 else dense[:, :0])
    np.testing.assert_array_equal(np.ravel(trace), traces)
    if diagonal is not None:
        np.testing.assert_array_equal(diagonal, dense + np.eye(*shape))
