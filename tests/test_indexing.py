"""Every index that NumPy accepts for an array with two axes, on each matrix class, compared with NumPy."""

from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import numpy as np
import pytest

import brainevent

pytestmark = pytest.mark.usefixtures("little_optimisation")

SHAPE = (5, 4)
ROWS, COLUMNS = SHAPE

MATRICES: dict[str, Callable[[np.ndarray], Any]] = {
    **{
        cls.__name__: cls.fromdense
        for cls in (
            brainevent.CSR,
            brainevent.CSC,
            brainevent.COO,
            brainevent.FixedPostNumConn,
            brainevent.FixedPreNumConn,
            brainevent.Dense,
        )
    },
    "CSR with an index": lambda dense: brainevent.CSR.fromdense(dense).with_csc_index(),
    **{
        cls.__name__: lambda dense, cls=cls: cls(0.5, 0.6, 7, shape=SHAPE)
        for cls in (brainevent.JITCScalarR, brainevent.JITCScalarC)
    },
    **{
        cls.__name__: lambda dense, cls=cls: cls(0.5, 2.0, 0.6, 7, shape=SHAPE)
        for cls in (brainevent.JITCNormalR, brainevent.JITCNormalC, brainevent.JITCUniformR, brainevent.JITCUniformC)
    },
}

#: Indices along an axis of length n. Invalid ones are also invalid for NumPy.
ALONG_AN_AXIS: list[Callable[[int], Any]] = [
    lambda n: 0,
    lambda n: -n,
    lambda n: n,
    lambda n: np.int8(-1),
    lambda n: np.uint64(n - 1),
    lambda n: np.array(1),
    lambda n: slice(None),
    lambda n: slice(1, None, 2),
    lambda n: slice(None, 0, -1),
    lambda n: slice(n, 1),
    lambda n: slice(-2, 99),
    lambda n: [0, -1, 0],
    lambda n: [],
    lambda n: [n],
    lambda n: np.array([n - 1, 0, 1], np.uint64),
    lambda n: np.array([1, 0, 0], np.uint8),
    lambda n: np.array([[0, 1, 1], [-1, 0, 1]]),
    lambda n: np.array([[1], [0]]),
    lambda n: np.zeros((2, 0), int),
    lambda n: np.arange(n) % 2 == 0,
    lambda n: np.zeros(n, bool),
    lambda n: (np.arange(n) > 1).tolist(),
    lambda n: np.ones(n + 1, bool),
    lambda n: True,
    lambda n: np.False_,
    lambda n: None,
    lambda n: 1.0,
    lambda n: np.array([0.0, 1.0]),
    lambda n: "0",
]

#: Indices of the whole matrix.
WHOLE: list[Any] = [
    (),
    ...,
    (..., 1),
    (1, ...),
    (..., None, 1),
    (None, 1, None, [0, 1]),
    ([0, 1], None, [1, 1]),
    (0, ..., 0),
    (..., ...),
    (0, 0, 0),
    (slice(None), slice(None), None),
    np.arange(ROWS * COLUMNS).reshape(SHAPE) % 3 == 0,
    np.zeros(SHAPE, bool),
    np.ones((ROWS, COLUMNS + 1), bool),
    (np.ones(SHAPE, bool), 0),
    (np.ones(SHAPE, bool), None),
    np.ix_([0, 2], [3, 1]),
    (np.arange(ROWS)[:, None] > 2, 0),
]


def indices() -> list[Any]:
    both = [(one(ROWS), other(COLUMNS)) for one in ALONG_AN_AXIS for other in ALONG_AN_AXIS]
    return [*(one(ROWS) for one in ALONG_AN_AXIS), *both, *WHOLE]


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("name", MATRICES)
def test_concrete(name: str, rng: np.random.Generator, full: bool) -> None:
    dense = np.where(rng.random(SHAPE) < 0.6, rng.normal(size=SHAPE), 0).astype(np.float32)
    matrix = MATRICES[name](dense)
    dense = np.asarray(matrix.todense())
    chosen = indices()
    # Each class gets some of them, because most of the time is spent on compiling for many shapes.
    part = chosen if full else [chosen[i] for i in rng.permutation(len(chosen))[:90]] + WHOLE
    for index in part:
        try:
            expected = dense[index]
        except (IndexError, TypeError, ValueError, DeprecationWarning) as error:  # older versions warn
            kind = IndexError if isinstance(error, IndexError) else type(error)
            with pytest.raises(kind):
                matrix[index]
            continue
        found = matrix[index]
        assert found.shape == expected.shape, index
        np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=repr(index))


TRACED: dict[str, tuple[Callable[[Any, Any], Any], tuple[Any, Any]]] = {
    "row": (lambda i, j: i, (3, 0)),
    "rows": (lambda i, j: i, (np.array([[1, -1], [0, 4]]), 0)),
    "columns": (lambda i, j: (slice(None), j), (0, np.array([1, -4]))),
    "element": (lambda i, j: (i, j), (-2, 3)),
    "pairs": (lambda i, j: (i, j), (np.array([1, 2, -1]), np.array([[3], [0]]))),
    "row and a slice": (lambda i, j: (i, slice(None, None, -1)), (2, 0)),
    "slice and columns": (lambda i, j: (slice(1, 3), j), (0, np.array([3, 3, 0]))),
    "list": (lambda i, j: [i, 0, j], (2, 1)),
    "new axis": (lambda i, j: (i, None, j), (np.array([1, 2]), np.array([3, 0]))),
    "concrete and traced": (lambda i, j: ([0, 1], None, j), (0, np.array([3, 0]))),
}


@pytest.mark.cover(share=0.6)
@pytest.mark.parametrize("name", ["CSR", "FixedPreNumConn", "Dense", "JITCNormalR", "JITCScalarC"])
def test_traced(name: str, rng: np.random.Generator) -> None:
    matrix = MATRICES[name](np.where(rng.random(SHAPE) < 0.6, rng.normal(size=SHAPE), 0).astype(np.float32))
    dense = np.asarray(matrix.todense())

    @jax.jit
    def pick(matrix: Any, given: Any) -> Any:
        return {key: matrix[make(*given[key])] for key, (make, _) in TRACED.items()}

    found = pick(matrix, {key: given for key, (_, given) in TRACED.items()})
    for key, (make, given) in TRACED.items():
        expected = dense[make(*given)]
        assert found[key].shape == expected.shape, key
        np.testing.assert_allclose(found[key], expected, rtol=1e-6, err_msg=key)
    outside = jax.jit(lambda m, i: (m[i], m[:, i], m[i, 0], m[0, i], m[i, i]))
    for i in (7, -6, np.uint8(200)):
        for zeros in outside(matrix, i):
            assert not np.any(zeros), i
    for wrong in (lambda mask: matrix[mask], lambda mask: matrix[0, mask]):
        with pytest.raises(IndexError, match="concrete"):
            jax.jit(wrong)(np.zeros(ROWS, bool))


def test_units_stay(rng: np.random.Generator) -> None:
    dense = rng.normal(size=SHAPE).astype(np.float32)
    for name in ("CSR", "Dense"):
        matrix = MATRICES[name](dense * u.mV)
        for index in (0, (1, 2), [0, 1], (None, 1), dense > 0, (slice(None), 3)):
            assert matrix[index].unit == u.mV
            np.testing.assert_allclose(matrix[index].mantissa, dense[index], rtol=1e-6)
