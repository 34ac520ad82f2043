"""``SparseFloat``: numbers whose zeros are skipped. Other properties of its products are in ``test_products.py``."""

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent import COO, CSC, CSR, BinaryArray, Dense, FixedPostNumConn, FixedPreNumConn, SparseFloat

MATRICES = (CSR, CSC, COO, FixedPostNumConn, FixedPreNumConn, Dense)
pytestmark = pytest.mark.usefixtures("little_optimisation")

BACKENDS = ("numba", "reference")

VALUES = np.array([0.0, 2.0, -3.0, 0.0, -0.0, 1e-30], np.float32)
ACTIVE = VALUES != 0


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("cls", MATRICES)
def test_zeros_select_nothing(cls: Any, rank: int, backend: str, rng: np.random.Generator) -> None:
    """Infinite and NaN weights of silent rows have no effect on products and their derivatives by the weights."""
    dense = rng.normal(size=(6, 4)).astype(np.float32)
    loud = dense.copy()
    loud[0], loud[3], loud[4] = np.inf, np.nan, -np.inf
    rows, columns = (VALUES, VALUES) if rank == 1 else (np.stack([VALUES, 2 * VALUES]), np.stack([VALUES, -VALUES], 1))
    with brainevent.use_backend(backend):
        matrix, mirrored = cls.fromdense(loud), cls.fromdense(loud.T)
        np.testing.assert_allclose(SparseFloat(rows) @ matrix, rows @ dense, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(mirrored @ SparseFloat(columns), dense.T @ columns, rtol=1e-5, atol=1e-6)
        if rank == 1:
            _, pull = jax.vjp(lambda data: SparseFloat(rows) @ matrix.with_data(data), matrix.data)
            (by_data,) = pull(jnp.full(4, jnp.inf))
            found = matrix.with_data(jnp.where(jnp.isnan(by_data), 7.0, by_data)).todense()
            np.testing.assert_array_equal(found != 0, np.broadcast_to(ACTIVE[:, None], (6, 4)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_nan_is_no_zero(backend: str) -> None:
    with brainevent.use_backend(backend):
        out = SparseFloat(jnp.array([jnp.nan, 0.0, 1.0])) @ CSR.fromdense(np.eye(3, dtype=np.float32))
    np.testing.assert_array_equal(out, [np.nan, 0.0, 1.0])


def test_dtypes_and_units_are_those_of_the_plain_product() -> None:
    weights = CSR.fromdense(np.ones((6, 2), np.float16) * u.nS)
    for values, dtype in ((VALUES, "float32"), (VALUES.astype(np.float16), "float16"), (ACTIVE, "float16")):
        assert (SparseFloat(values) @ weights.with_data(weights.data.mantissa)).dtype == dtype
    current = SparseFloat(VALUES * u.mV) @ weights
    assert current.unit.has_same_dim(u.pA)
    np.testing.assert_allclose(current.to_decimal(u.pA), [-1.0, -1.0], rtol=1e-3)
    assert not isinstance(SparseFloat(VALUES / u.nS) @ weights, u.Quantity)


def test_gradients_are_those_of_the_plain_product(rng: np.random.Generator) -> None:
    """With respect to every entry, including those that are zero; integers have none."""
    dense = rng.normal(size=(6, 4)).astype(np.float32)
    weights = CSC.fromdense(dense)

    def total(values: Any) -> Any:
        return jnp.sum((SparseFloat(values) @ weights) ** 2)

    np.testing.assert_allclose(jax.grad(total)(VALUES), 2 * dense @ (VALUES @ dense), rtol=1e-4)
    np.testing.assert_allclose(jax.hessian(total)(VALUES), 2 * dense @ dense.T, rtol=1e-4, atol=1e-4)
    transposed = jax.linear_transpose(lambda x: SparseFloat(x) @ weights, jnp.ones(6))(jnp.ones(4))
    np.testing.assert_allclose(transposed[0], dense.sum(1), rtol=1e-5)
    with pytest.raises(TypeError, match="int32"):
        jax.grad(total)(jnp.arange(6))


def test_beside_arrays_and_other_events() -> None:
    graded, dense = SparseFloat(VALUES), np.arange(12, dtype=np.float32).reshape(6, 2)
    for found in (graded @ dense, dense.T @ graded, jnp.asarray(dense.T) @ graded, Dense(dense).T @ graded):
        np.testing.assert_allclose(found, VALUES @ dense)
    assert float(BinaryArray(ACTIVE) @ graded) == float(graded @ BinaryArray(ACTIVE)) == -1.0
    assert float(graded @ SparseFloat(2 * ACTIVE)) == -2.0
    assert (SparseFloat(jnp.float16([1])) @ BinaryArray(jnp.ones(1))).dtype == jnp.float16
    assert brainevent.MaskedFloat is brainevent.WeightedArray is SparseFloat
    assert isinstance(graded.T, SparseFloat)
    assert SparseFloat(graded).value is graded.value
    np.testing.assert_array_equal(graded + 1, VALUES + 1)


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("cls", "from_left", "batch"),
    [("JITCScalarR", True, ()), ("JITCNormalR", False, (3,)), ("JITCUniformC", False, ())],
)
def test_generated_matrices(cls: str, from_left: bool, batch: tuple[int, ...], backend: str) -> None:
    parameters = (jnp.inf,) if cls == "JITCScalarR" else (1.0, 2.0)
    matrix = getattr(brainevent, cls)(*parameters, 0.3, 5, shape=(7, 9))
    finite = np.asarray(matrix.with_data(*(1.0 for _ in parameters)).todense())
    dense = finite if cls == "JITCScalarR" else np.asarray(matrix.todense())
    x = np.zeros((*batch, 7) if from_left else (9, *batch), np.float32)
    x.flat[:: max(2, x.size // 4)] = 2.0
    with brainevent.use_backend(backend):
        found = np.asarray(SparseFloat(x) @ matrix if from_left else matrix @ SparseFloat(x))
    expected = x @ dense if from_left else dense @ x
    if cls == "JITCScalarR":
        expected = np.where(expected != 0, np.inf, 0)  # not NaN from 0 · ∞
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
