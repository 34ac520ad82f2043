"""Conversions from and to SciPy, JAX's sparse matrices, edge lists with IDs, SONATA, and files, bit for bit."""

import json
import pickle
from pathlib import Path
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from jax.experimental.sparse import BCOO, BCSR

import brainevent
from brainevent import COO, CSC, CSR, Dense, FixedPostNumConn, FixedPreNumConn, JITCNormalR, JITCScalarC


def sparse(rng: np.random.Generator, kind: str, *, dtype: Any = np.float32) -> Any:
    """An unsorted matrix with duplicates, a stored zero and empty rows."""
    row, col = rng.integers(1, 9, 30), rng.integers(0, 7, 30)
    weights = rng.normal(size=30).astype(dtype)
    weights[3] = 0
    matrix = scipy.sparse.coo_array((weights, (row, col)), shape=(10, 7))
    if kind == "coo":
        return matrix
    line, other = (row, col) if kind == "csr" else (col, row)
    order = np.argsort(line, kind="stable")
    pointers = np.searchsorted(line[order], np.arange(matrix.shape[kind == "csc"] + 1))
    cls = {"csr": scipy.sparse.csr_array, "csc": scipy.sparse.csc_array}[kind]
    return cls((weights[order], other[order], pointers), shape=matrix.shape)


@pytest.mark.parametrize(("kind", "cls"), [("csr", CSR), ("csc", CSC), ("coo", COO)])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.bool_])
def test_scipy_round_trip(kind: str, cls: Any, dtype: Any, rng: np.random.Generator) -> None:
    given = sparse(rng, kind, dtype=dtype)
    matrix = brainevent.from_scipy(given)
    assert type(matrix) is cls
    assert matrix.nnz == given.nnz
    back = matrix.to_scipy()
    assert type(back) is type(given)
    assert back.dtype == given.dtype
    names = ("data", "row", "col") if kind == "coo" else ("data", "indices", "indptr")
    for name in names:
        np.testing.assert_array_equal(getattr(back, name), getattr(given, name))
    np.testing.assert_allclose(matrix.toarray(), given.toarray(), rtol=1e-6)


def test_scipy_of_other_kinds(rng: np.random.Generator) -> None:
    dense = np.where(rng.random((6, 4)) < 0.4, rng.normal(size=(6, 4)), 0).astype(np.float32)
    for kind in ("bsr", "dia", "lil", "dok"):
        for made in (scipy.sparse.csr_array(dense), scipy.sparse.csr_matrix(dense)):
            matrix = brainevent.from_scipy(made.asformat(kind))
            assert type(matrix) is CSR
            np.testing.assert_array_equal(matrix.todense(), dense)


def test_every_class_to_scipy_and_to_jax(rng: np.random.Generator) -> None:
    dense = np.where(rng.random((6, 4)) < 0.4, rng.normal(size=(6, 4)), 0).astype(np.float32)
    matrices: list[Any] = [cls.fromdense(dense) for cls in (CSR, CSC, COO, FixedPostNumConn, FixedPreNumConn, Dense)]
    matrices += [matrices[0].with_csc_index(), CSR.fromdense(dense, nse=20), JITCScalarC(0.5, 0.3, 1, shape=(6, 4))]
    matrices += [FixedPostNumConn(num_pre=6, num_post=4, conn_num=2, weight=0.5, seed=0)]
    for matrix in matrices:
        np.testing.assert_array_equal(matrix.to_scipy().toarray(), matrix.todense())
        np.testing.assert_array_equal(matrix.to_bcoo().todense(), matrix.todense())
    assert CSR.fromdense(dense, nse=20).to_scipy().nnz == np.count_nonzero(dense)


def test_jax_round_trip(rng: np.random.Generator) -> None:
    dense = np.where(rng.random((6, 4)) < 0.4, rng.normal(size=(6, 4)), 0).astype(np.float32)
    given = BCOO.fromdense(jnp.asarray(dense), nse=20)  # padded

    @jax.jit
    def there_and_back(given: Any) -> Any:
        matrix = brainevent.from_bcoo(given)
        return matrix.todense(), matrix.to_bcoo()

    found, back = there_and_back(given)
    np.testing.assert_array_equal(found, dense)
    np.testing.assert_array_equal(back.data, given.data)
    np.testing.assert_array_equal(back.indices, given.indices)
    rows = brainevent.from_bcsr(BCSR.fromdense(jnp.asarray(dense)))
    assert type(rows) is CSR
    np.testing.assert_array_equal(rows.todense(), dense)


# -- edges -----------------------------------------------------------------------------------------------------------

IDS: dict[str, Any] = {
    "above 2**53": np.array([2**53, 2**53 + 1, 2**62 + 1, 7], np.int64),
    "unsigned": np.array([2**64 - 1, 2**64 - 2, 0, 2**63], np.uint64),
    "negative": np.array([-(2**63), -1, 3, 2**63 - 1], np.int64),
    "strings": np.array(["v1", "lgn", "", "an id that is long"]),
    "objects": np.array(["v1", "lgn", "b", "a"], dtype=object),
    "list": [2**60 + 1, 2**60, 5, 2**53 + 1],
    "list beyond signed": [2**64 - 1, 1, 2, 2**53 + 1],
}


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("known", [False, True])
def test_edges_round_trip(kind: str, known: bool, rng: np.random.Generator) -> None:
    ids = IDS[kind]
    pre, post = (rng.integers(0, 4, 25) for _ in range(2))
    weights = rng.normal(size=25).astype(np.float32)
    given = [ids[i] for i in pre] if isinstance(ids, list) else ids[pre]
    numbers = np.arange(100, 104)
    edges = brainevent.from_edges(given, numbers[post], weights, pre_ids=ids if known else None)
    assert edges.ids.pre[np.asarray(edges.matrix.row)].tolist() == [ids[i] for i in pre]
    np.testing.assert_array_equal(edges.ids.post[np.asarray(edges.matrix.col)], numbers[post])
    np.testing.assert_array_equal(edges.matrix.data, weights)
    if known:
        np.testing.assert_array_equal(edges.matrix.row, pre)
    else:
        assert edges.ids.pre.tolist() == sorted({ids[i] for i in pre})


class Column:
    """A column of a table, which NumPy can convert."""

    def __init__(self, values: Any) -> None:
        self._values = np.asarray(values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self._values


def test_columns_of_tables_and_weights() -> None:
    edges = brainevent.from_edges(Column([5, 3, 5]), Column(["b", "a", "a"]), Column([1.0, 2.0, 4.0]))
    np.testing.assert_array_equal(edges.matrix.todense(), [[2.0, 0.0], [4.0, 1.0]])
    assert brainevent.from_edges([1, 2], [1, 2]).matrix.data == 1
    assert brainevent.from_edges([1, 2], [1, 2], [0.5, 1.0] * u.mV).matrix.unit == u.mV
    late = brainevent.from_edges(["b", "a"], [1, 1], delay=brainevent.steps([0.3, 1.5] * u.ms, 0.1 * u.ms)).matrix
    np.testing.assert_array_equal(late.tocsr().delay, [15, 3])  # row "a" comes first
    within = brainevent.from_edges([9], [7], pre_ids=[7, 8, 9], post_ids=[7, 8, 9])
    assert within.matrix.shape == (3, 3)
    assert within.matrix[2, 0] == 1
    assert brainevent.from_edges([], [], pre_ids=[1], post_ids=[1, 2]).matrix.shape == (1, 2)
    # with different signedness, and too large for floats to distinguish
    mixed = brainevent.from_edges(np.array([2**53 + 1], np.uint64), [0], pre_ids=np.array([2**53, 2**53 + 1]))
    assert mixed.matrix.row.tolist() == [1]


S = scipy.sparse.csr_array(np.eye(2))

#: call: the class of the error, and a pattern for the message.
ERRORS: dict[str, tuple[Any, type[Exception], str]] = {
    "floats": (lambda: brainevent.from_edges([1.0], [1]), brainevent.DTypeError, r"2\*\*53 apart: read them as integ"),
    "a mixture": (
        lambda: brainevent.from_edges(np.array([1, "a"], object), [1, 1]),
        brainevent.DTypeError,
        "all of one kind",
    ),
    "delays": (
        lambda: brainevent.from_edges([1, 2, 2], [1, 2, 3], delay=[1, 2]),
        brainevent.MathError,
        "delay is one nu",
    ),
    "no delay": (
        lambda: brainevent.from_edges([1, 2], [1, 2], delay=[1, 0]),
        brainevent.StructureError,
        "delay holds 0",
    ),
    "too large": (lambda: brainevent.from_edges([2**70], [1]), brainevent.DTypeError, "64 bits"),
    "lengths": (lambda: brainevent.from_edges([1, 2], [1]), brainevent.MathError, "got 2 and 1"),
    "weights": (
        lambda: brainevent.from_edges([1, 2], [1, 2], [1.0] * 3),
        brainevent.MathError,
        r"2 edges; got shape \(3,\)",
    ),
    "an unknown id": (
        lambda: brainevent.from_edges([1, 5], [1, 1], pre_ids=[1, 2]),
        brainevent.StructureError,
        r"pre has the id .*5.* at position 1, and pre_ids has not",
    ),
    "an id twice": (
        lambda: brainevent.from_edges([1], [1], post_ids=[1, 2, 1]),
        brainevent.StructureError,
        "post_ids has the id .*1.* twice",
    ),
    "numbers and names": (
        lambda: brainevent.from_edges([1], [1], pre_ids=["1"]),
        brainevent.DTypeError,
        "all integers, or all strings",
    ),
    "no SciPy": (lambda: brainevent.from_scipy(np.eye(2)), brainevent.DTypeError, "got ndarray"),
    "no BCOO": (lambda: brainevent.from_bcoo(S), brainevent.DTypeError, r"sparse\.BCOO, got csr_array"),
    "a batch": (
        lambda: brainevent.from_bcoo(BCOO.fromdense(jnp.ones((2, 2, 2)), n_batch=1)),
        brainevent.MathError,
        "n_batch=1",
    ),
    "a unit to SciPy": (lambda: (brainevent.from_scipy(S) * u.mV).to_scipy(), brainevent.DTypeError, "matrix / unit"),
    "half precision": (
        lambda: brainevent.from_scipy(S).astype(jnp.bfloat16).to_scipy(),
        brainevent.DTypeError,
        r"no bfloat16: use `\.astype\(\"float32\"\)`",
    ),
    "traced": (
        lambda: jax.jit(lambda w: brainevent.from_scipy(S).with_data(w).to_scipy())(jnp.ones(2)),
        brainevent.MathError,
        "Inside jit",
    ),
    "not saved": (lambda: brainevent.save("x", np.eye(2)), brainevent.DTypeError, "got ndarray"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("call", ERRORS)
def test_error_leads_on(call: str) -> None:
    make, kind, message = ERRORS[call]
    with pytest.raises(kind, match=f"(?s){message}"):
        make()


# -- SONATA ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def sonata(tmp_path: Path, rng: np.random.Generator) -> tuple[Path, Any]:
    """An edge file with two groups of edges, in mixed order."""
    h5py = pytest.importorskip("h5py")
    count = 40
    group = rng.integers(0, 2, count)
    index = np.where(group == 0, np.cumsum(group == 0), np.cumsum(group == 1)) - 1
    written = {
        "source": rng.integers(2**53, 2**53 + 20, count).astype(np.uint64),
        "target": rng.integers(0, 30, count).astype(np.uint64),
        "weight": rng.normal(size=count).astype(np.float32),
        "delay": rng.uniform(0.2, 3.0, count).astype(np.float32),
    }
    path = tmp_path / "edges.h5"
    with h5py.File(path, "w") as file:
        edges = file.create_group("edges/lgn_to_v1")
        edges["source_node_id"], edges["target_node_id"] = written["source"], written["target"]
        edges["edge_group_id"], edges["edge_group_index"] = group, index
        edges["edge_type_id"] = np.zeros(count, int)
        for key in (0, 1):
            edges[f"{key}/syn_weight"] = written["weight"][group == key]
            edges[f"{key}/delay"] = written["delay"][group == key]
        file["edges/bare/source_node_id"], file["edges/bare/target_node_id"] = [1, 2], [3, 4]
    return path, written


def test_sonata(sonata: Any) -> None:
    path, written = sonata
    edges = brainevent.from_sonata(path, "lgn_to_v1", post_ids=np.arange(30))
    np.testing.assert_array_equal(edges.ids.pre[np.asarray(edges.matrix.row)], written["source"])
    np.testing.assert_array_equal(edges.matrix.col, written["target"])
    np.testing.assert_array_equal(edges.matrix.data, written["weight"])
    other = brainevent.from_sonata(str(path), "lgn_to_v1", weight="delay")
    np.testing.assert_array_equal(other.matrix.data, written["delay"])
    assert edges.matrix.delay is None
    late = brainevent.from_sonata(path, "lgn_to_v1", dt=0.1 * u.ms).matrix
    np.testing.assert_array_equal(late.delay, np.rint(written["delay"].astype(np.float64) / 0.1))
    with pytest.raises(brainevent.StructureError, match="no dataset 'delay'"):
        brainevent.from_sonata(path, "bare", dt=0.1 * u.ms)
    assert brainevent.from_sonata(path, "bare").matrix.data == 1
    assert brainevent.from_sonata(path, "bare", weight=0.5 * u.mV).matrix.unit == u.mV
    with pytest.raises(brainevent.StructureError, match=r"no edge population 'v1', but .*lgn_to_v1"):
        brainevent.from_sonata(path, "v1")
    with pytest.raises(brainevent.StructureError, match="have no dataset 'strength'"):
        brainevent.from_sonata(path, "lgn_to_v1", weight="strength")


def test_sonata_without_h5py_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ImportError, match=r"pip install 'brainevent\[sonata\]'"):
        brainevent.from_sonata("edges.h5", "any")


# -- files -----------------------------------------------------------------------------------------------------------

DENSE = np.array([[0, 1.5, 0], [2.5, 0, -3]], np.float32)

SAVED: dict[str, Any] = {
    **{cls.__name__: cls.fromdense(DENSE) for cls in (CSR, CSC, COO, FixedPostNumConn, FixedPreNumConn, Dense)},
    "with an index": FixedPreNumConn.fromdense(DENSE).with_csc_index(),
    "in a unit": CSR.fromdense(DENSE) * u.mV,
    "bfloat16": CSC.fromdense(DENSE).astype(jnp.bfloat16),
    "one weight": CSR((0.5, np.array([1, 0]), np.array([0, 1, 2])), shape=(2, 3)),
    "padded": CSR.fromdense(DENSE, nse=7),
    "sorted": COO.fromdense(DENSE).sort_indices(),
    "generated": JITCNormalR(1.0 * u.nS, 0.1 * u.nS, 0.5, 3, shape=(2, 3)),
}


@pytest.mark.parametrize("name", SAVED)
@pytest.mark.parametrize("way", ["save", "pickle"])
def test_file_round_trip(name: str, way: str, tmp_path: Path) -> None:
    matrix, path = SAVED[name], tmp_path / "matrix.npz"
    if way == "save":
        brainevent.save(path, matrix)
        read = brainevent.load(path)
    else:
        read = pickle.loads(pickle.dumps(matrix))
    assert jax.tree.structure(read) == jax.tree.structure(matrix)
    for found, expected in zip(jax.tree.leaves(read), jax.tree.leaves(matrix), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    assert repr(read) == repr(matrix)


def test_files_say_what_they_are(tmp_path: Path) -> None:
    """The file layout is guaranteed: arrays by name, and a header in JSON, without pickle."""
    brainevent.save(tmp_path / "m.npz", CSR.fromdense(DENSE) * u.mV)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    assert set(arrays) == {"brainevent", "data", "indices", "indptr"}
    header = json.loads(str(arrays["brainevent"]))
    assert header["version"] == 1
    assert header["class"] == "CSR"
    assert header["static"] == [[2, 3], {"format": "csr"}]
    header["version"] = 2
    np.savez(tmp_path / "later.npz", **{**arrays, "brainevent": np.array(json.dumps(header))})
    with pytest.raises(brainevent.StructureError, match=r"later brainevent.*Update brainevent"):
        brainevent.load(tmp_path / "later.npz")
    np.savez(tmp_path / "others.npz", weights=DENSE)
    with pytest.raises(brainevent.StructureError, match=r"no file of brainevent\.save: it has weights"):
        brainevent.load(tmp_path / "others.npz")
    header |= {"version": 1, "class": "Matrix9"}
    np.savez(tmp_path / "unknown.npz", **{**arrays, "brainevent": np.array(json.dumps(header))})
    with pytest.raises(brainevent.StructureError, match="'Matrix9', which brainevent has not"):
        brainevent.load(tmp_path / "unknown.npz")
