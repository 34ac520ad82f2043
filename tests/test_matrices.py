"""The construction of matrices, and matrices as JAX values."""

import copy
import pickle
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent import COO, CSC, CSR, BinaryArray, DataRepresentation, Dense, FixedPostNumConn, FixedPreNumConn

pytestmark = pytest.mark.usefixtures("little_optimisation")

SPARSE = (CSR, CSC, COO, FixedPostNumConn, FixedPreNumConn)
INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


def random_dense(rng: np.random.Generator, shape: tuple[int, int] = (6, 9)) -> np.ndarray:
    return (rng.normal(size=shape) * (rng.random(shape) < 0.4)).astype(np.float32)


def parts(matrix: Any) -> tuple[Any, ...]:
    """Data and structure of a matrix, as its constructor accepts them."""
    return tuple(jax.tree_util.tree_leaves(matrix))


@pytest.mark.parametrize("cls", [*SPARSE, Dense])
def test_round_trip_and_transpose(cls: Any, rng: np.random.Generator) -> None:
    dense = random_dense(rng)
    matrix = cls.fromdense(dense)
    assert isinstance(matrix, DataRepresentation)
    assert isinstance(matrix, u.sparse.SparseMatrix)
    np.testing.assert_array_equal(matrix.todense(), dense)
    np.testing.assert_array_equal(matrix.T.todense(), dense.T)
    assert type(matrix.T.T) is cls
    assert (matrix.shape, matrix.T.shape, matrix.ndim, matrix.size) == ((6, 9), (9, 6), 2, 54)
    assert matrix.dtype == np.float32
    quantity = cls.fromdense(dense * u.nS)
    assert quantity.unit == u.nS
    np.testing.assert_array_equal(quantity.todense().to_decimal(u.nS), dense)
    assert cls.__name__ in repr(matrix)
    assert cls.__name__ in repr(jax.tree_util.tree_map(jnp.shape, matrix))
    for axis in (None, 0, 1):
        np.testing.assert_allclose(matrix.sum(axis), dense.sum(axis), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("cls", SPARSE)
def test_every_constructor_form(cls: Any, rng: np.random.Generator) -> None:
    dense = random_dense(rng)
    data, *structure = parts(cls.fromdense(dense))
    # Unused slots of rows with a fixed number of entries are out of range on purpose.
    options = {"shape": dense.shape, "check": False}
    for matrix in (cls((data, *structure), **options), cls(data, *structure, **options)):
        np.testing.assert_array_equal(matrix.todense(), dense)
    named = dict(zip(cls._format.structure, structure, strict=True))
    np.testing.assert_array_equal(cls(data, **named, **options).todense(), dense)
    pattern = cls((np.ones(data.shape, np.float32), *structure), **options).todense()
    for weight in (2, 2.0, np.float32(2), jnp.array([2.0]), 2.0 * u.mV, [2.0], np.array(2.0)):
        homogeneous = cls((weight, *structure), **options).todense()
        np.testing.assert_array_equal(getattr(homogeneous, "mantissa", homogeneous), 2 * np.asarray(pattern))


@pytest.mark.cover(strength=1)
@pytest.mark.parametrize("backend", ["numba", "reference"])
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("cls", SPARSE)
def test_every_index_dtype(cls: Any, dtype: str, backend: str, rng: np.random.Generator) -> None:
    dense = random_dense(rng)
    data, *structure = parts(cls.fromdense(dense))
    mixed = [np.asarray(structure[0]).astype(dtype), *map(np.asarray, structure[1:])]
    matrix = cls((data, *mixed), shape=dense.shape, check=False)
    spikes = rng.random(6) < 0.5
    with brainevent.use_backend(backend):
        np.testing.assert_allclose(BinaryArray(spikes) @ matrix, spikes @ dense, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(matrix @ np.ones(9, np.float32), dense.sum(1), rtol=1e-5, atol=1e-5)


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("backend", ["numba", "reference"])
@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (1, 1), (3, 4)])
@pytest.mark.parametrize("cls", [*SPARSE, Dense])
def test_empty(cls: Any, shape: tuple[int, int], backend: str) -> None:
    matrix = cls.fromdense(np.zeros(shape, np.float32))
    with brainevent.use_backend(backend):
        np.testing.assert_array_equal(np.ones(shape[0], np.float32) @ matrix, np.zeros(shape[1]))
        np.testing.assert_array_equal(matrix @ BinaryArray(np.ones((shape[1], 2))), np.zeros((shape[0], 2)))
        np.testing.assert_array_equal(BinaryArray(np.ones((0, shape[0]))) @ matrix, np.zeros((0, shape[1])))
    np.testing.assert_array_equal(matrix.todense(), np.zeros(shape))


@pytest.mark.parametrize("cls", [*SPARSE, Dense])
def test_matrices_are_jax_values(cls: Any, rng: np.random.Generator) -> None:
    first, second = random_dense(rng), random_dense(rng)
    nse = 6 * 9
    one, two = cls.fromdense(first, nse=nse), cls.fromdense(second, nse=nse)
    traces = []

    @jax.jit
    def step(matrix: Any, x: Any) -> Any:
        traces.append(None)
        return matrix.with_data(2 * matrix.data), x @ matrix

    x = np.ones(6, np.float32)
    for matrix, dense in ((one, first), (two, second)):
        doubled, product = step(matrix, x)
        assert type(doubled) is cls
        np.testing.assert_allclose(doubled.todense(), 2 * dense)
        np.testing.assert_allclose(product, dense.sum(0), rtol=1e-5, atol=1e-6)
    assert len(traces) == 1
    final, _ = jax.lax.scan(lambda m, _: (m.with_data(m.data + m.data), None), one, None, length=3)
    np.testing.assert_allclose(final.todense(), 8 * first)
    chosen = jax.lax.cond(jnp.array(False), lambda: one, lambda: two)
    np.testing.assert_array_equal(chosen.todense(), second)
    stacked = jax.tree_util.tree_map(lambda *leaves: jnp.stack(leaves), one, two)
    both = jax.vmap(lambda m: x @ m)(stacked)
    np.testing.assert_allclose(both, [first.sum(0), second.sum(0)], rtol=1e-5, atol=1e-6)
    assert one != two
    assert len({one, two, one}) == 2
    in_jit = jax.jit(lambda dense: cls.fromdense(dense, nse=nse).todense())(first)
    np.testing.assert_array_equal(in_jit, first)
    for given in (first, first.tolist(), jnp.asarray(first)):
        np.testing.assert_array_equal(jax.jit(lambda given=given: cls.fromdense(given).todense())(), first)
    sized = cls.fromdense(first).with_data(cls.fromdense(first).data)
    assert sized.transpose((1, 0)).shape == (9, 6)


def test_with_data_takes_over_dtype_and_unit(rng: np.random.Generator) -> None:
    matrix = CSR.fromdense(random_dense(rng))
    halved = matrix.with_data((matrix.data / 2).astype(jnp.float16) * u.mV)
    assert (halved.dtype, halved.unit) == (jnp.float16, u.mV)
    assert halved.indices is matrix.indices


@pytest.mark.parametrize("cls", SPARSE)
def test_with_data_takes_what_the_structure_can_hold(cls: Any, rng: np.random.Generator) -> None:
    """A homogeneous weight or one per entry, whatever the matrix had before."""
    dense = random_dense(rng)
    many = cls.fromdense(dense)
    pattern = np.asarray(many.with_data(jnp.ones_like(many.data)).todense())
    for one in (many.with_data(2.0), many.with_data([2.0]), many.with_data(np.full((1, 1), 2.0))):
        assert one.data.size == 1
        np.testing.assert_array_equal(one.todense(), 2 * pattern)
        np.testing.assert_array_equal(one.with_data(many.data).todense(), dense)
    np.testing.assert_array_equal(jax.jit(lambda m, w: m.with_data(w).todense())(one, many.data), dense)
    with pytest.raises(brainevent.MathError, match=r"one weight for all, or one per entry, of shape \("):
        one.with_data(np.ones(many.nse + 1))
    with pytest.raises(brainevent.MathError, match=r"Dense takes one per entry, of shape \(6, 9\)"):
        Dense(dense).with_data(2.0)


def test_with_data_keeps_transposes_and_column_indices(rng: np.random.Generator) -> None:
    """From a homogeneous weight to many and back, and to another unit: the structure is kept in any orientation."""
    rows, columns = rng.integers(4, size=12), rng.integers(6, size=12)
    for matrix in (
        CSR(2.0, columns, np.arange(0, 13, 3), shape=(4, 6)),
        CSC(2.0, rows, np.arange(0, 13, 2), shape=(4, 6)),
        FixedPostNumConn(2.0, columns.reshape(4, 3), shape=(4, 6)),
        FixedPreNumConn(2.0, rows.reshape(6, 2), shape=(4, 6)),
    ):
        for one in (matrix.T, matrix.with_csc_index(), matrix.T.with_csc_index()):
            spec = one.__matrix_spec__
            weights = rng.random(spec.format.weights_shape(spec.structure, spec.shape)).astype(np.float32)
            many = one.with_data(weights)
            again = many.with_data(3.0 * u.mV)
            np.testing.assert_allclose(again.todense().to_decimal(u.mV), 1.5 * one.todense(), rtol=1e-6)
            np.testing.assert_array_equal(again.with_data(weights).todense(), many.todense())
            assert jax.tree.structure(many) == jax.tree.structure(one)
            assert not np.array_equal(many.todense(), one.todense())


def test_a_name_that_says_what_it_is() -> None:
    from brainevent_core.matrices import Matrix, StoredMatrix

    assert DataRepresentation is Matrix
    assert all(issubclass(cls, StoredMatrix) for cls in (*SPARSE, Dense))
    assert not issubclass(brainevent.JITCMatrix, StoredMatrix)
    for cls in (Matrix, brainevent.JITCMatrix):
        with pytest.raises(brainevent.MathError, match="base class"):
            cls(1.0, shape=(1, 1))


@pytest.mark.parametrize(("cls", "lines", "partners"), [(FixedPostNumConn, 50, 30), (FixedPreNumConn, 30, 50)])
@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_random_connectivity_is_distinct_and_reproducible(cls: Any, lines: int, partners: int, fraction: float) -> None:
    count = round(fraction * partners)
    arguments = {"num_pre": 50, "num_post": 30, "conn_num": count, "weight": 0.5}
    conn = cls(**arguments, seed=7)
    assert conn.shape == (50, 30)
    assert conn.conn_num == count
    assert float(conn.sum()) == 0.5 * lines * count
    indices = np.asarray(conn.indices)
    assert indices.shape == (lines, count)
    assert all(len(set(line)) == count for line in indices.tolist())
    assert indices.size == 0 or (indices.min() >= 0 and indices.max() < partners)
    np.testing.assert_array_equal(cls(**arguments, seed=7).indices, indices)
    if 0 < count < partners:
        assert not np.array_equal(cls(**arguments, seed=8).indices, indices)
        assert not np.array_equal(cls(**arguments).indices, cls(**arguments).indices)
    assert (BinaryArray(np.ones(50)) @ conn).shape == (30,)


def test_random_connectivity_is_uniform() -> None:
    """Each of n partners is chosen with probability k/n: chi-square test of the counts, for three values of k."""
    scipy_stats = pytest.importorskip("scipy.stats")
    for count in (2, 10, 17):
        indices = FixedPostNumConn(num_pre=20000, num_post=20, conn_num=count, weight=1.0, seed=3).indices
        observed = np.bincount(np.ravel(indices), minlength=20)
        assert scipy_stats.chisquare(observed).pvalue > 1e-4
        pairs = np.zeros((20, 20))
        np.add.at(pairs, (indices[:, 0], indices[:, 1]), 1)  # sorted, so these are the two smallest
        assert pairs[np.tril_indices(20)].sum() == 0


def test_seeds_and_weights_of_random_connectivity() -> None:
    def build(**options: Any) -> Any:
        return FixedPostNumConn(**{"num_pre": 5, "num_post": 9, "conn_num": 3, "weight": 1.0, "seed": 0, **options})

    for seed in (-1, 2**63, 2**64 - 1, jax.random.key(3), jax.random.PRNGKey(3), np.uint32(5)):
        np.testing.assert_array_equal(build(seed=seed).indices, build(seed=seed).indices)
    np.testing.assert_array_equal(build(seed=jax.random.key(3)).indices, build(seed=jax.random.PRNGKey(3)).indices)
    drawn = build(weight=lambda key, shape: jax.random.uniform(key, shape) * u.mV)
    assert drawn.data.shape == (5, 3)
    assert drawn.unit == u.mV
    np.testing.assert_array_equal(drawn.data.mantissa, build(weight=jax.random.uniform).data)
    assert build(weight=2 * u.nS).unit == u.nS


def test_validation_is_remembered_per_array(monkeypatch: pytest.MonkeyPatch) -> None:
    from brainevent_core.matrices import arguments

    indices, indptr = jnp.array([0, 1], jnp.int32), jnp.array([0, 1, 2], jnp.int32)
    CSR(1.0, indices, indptr, shape=(2, 2))
    remembered = len(arguments._checked)
    CSR(2.0, indices, indptr, shape=(2, 2))
    assert len(arguments._checked) == remembered
    with pytest.raises(brainevent.StructureError):
        CSR(2.0, indices, indptr, shape=(2, 1))
    del indices, indptr
    assert len(arguments._checked) < remembered


INDEXABLE = (CSR, CSC, FixedPostNumConn, FixedPreNumConn)


@pytest.mark.parametrize("columns", [1, 2**16 - 1, 2**16, 70_000])
def test_column_index_of_many_columns(columns: int, rng: np.random.Generator) -> None:
    """Sorted by column and then by storage order, for columns of at most 16 bits, one sorting pass, and of more."""
    col = rng.integers(columns, size=3000)
    col[::2] = rng.choice(col, size=1500)
    conn = FixedPostNumConn((1.0, col.reshape(300, 10)), shape=(300, columns)).with_csc_index()
    rows, indptr, slots = conn.__matrix_spec__.structure[-3:]
    order = np.lexsort((np.arange(3000), col))
    np.testing.assert_array_equal(slots, order)
    np.testing.assert_array_equal(rows, order // 10)
    np.testing.assert_array_equal(indptr, np.searchsorted(np.sort(col), np.arange(columns + 1)))
    assert {array.dtype for array in (rows, indptr, slots)} == {np.dtype(np.int32)}


@pytest.mark.parametrize("cls", INDEXABLE)
def test_column_index_is_carried_along(cls: Any, rng: np.random.Generator) -> None:
    dense = random_dense(rng)
    plain = cls.fromdense(dense)
    matrix = plain.with_csc_index()
    assert not plain.has_csc_index
    assert matrix.with_csc_index() is matrix
    assert matrix.data is plain.data
    assert matrix.indices is plain.indices
    assert "csc_index" in repr(matrix)
    assert "csc_index" not in repr(plain)
    index = matrix.__matrix_spec__.structure[-3:]
    stacked = jax.tree_util.tree_map(lambda leaf: jnp.stack([leaf, leaf]), matrix)
    closed_over = []
    jax.jit(lambda: closed_over.append(plain.with_csc_index()))()
    for other in (
        plain.build_weight_indices(),
        closed_over[0],
        matrix.T.T,
        matrix.with_data(matrix.data * 1.0),
        pickle.loads(pickle.dumps(matrix)),
        copy.copy(matrix),
        jax.jit(lambda m: m)(matrix),
        jax.jit(lambda m: m.with_csc_index())(plain),
        jax.jit(lambda m: m.T.with_data(2 * m.data))(matrix).T.with_data(matrix.data),
        jax.lax.scan(lambda m, _: (m.with_data(-m.data), None), matrix, None, length=2)[0],
        jax.tree_util.tree_map(lambda leaf: leaf[1], jax.vmap(lambda m: m)(stacked)),
    ):
        assert type(other) is cls
        assert other.has_csc_index
        np.testing.assert_array_equal(other.todense(), dense)
        assert other.nse == plain.nse
        for found, expected in zip(other.__matrix_spec__.structure[-3:], index, strict=True):
            np.testing.assert_array_equal(found, expected)
    assert matrix.T.has_csc_index
    assert matrix.T.__matrix_spec__.structure[-1] is index[-1]
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(matrix)]
    assert paths[-3:] == [".csc_indices", ".csc_indptr", ".csc_perm"]


@pytest.mark.parametrize("cls", INDEXABLE)
def test_column_index_that_does_not_fit_is_refused(cls: Any, rng: np.random.Generator) -> None:
    matrix = cls.fromdense(random_dense(rng)).with_csc_index()
    leaves, tree = jax.tree_util.tree_flatten(matrix)
    for i, name in ((-3, "csc_indices"), (-2, "csc_indptr"), (-1, "csc_perm")):
        shorter = list(leaves)
        shorter[i] = shorter[i][1:]
        with pytest.raises(brainevent.MathError, match=f"{name} must have shape.*with_csc_index"):
            np.ones(6, np.float32) @ jax.tree_util.tree_unflatten(tree, shorter)
