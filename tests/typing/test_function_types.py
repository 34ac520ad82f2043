"""The types that checkers infer for the functional interface: `hatch run types:check` reads this, pytest runs it."""

from typing import Any, assert_type

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainunit import Quantity
from jax import Array

import brainevent
from brainevent import BinaryArray

DATA = jnp.array([1.0, 2.0, 3.0])
INDICES, INDPTR = jnp.array([1, 0, 2]), np.array([0, 1, 3])
ROW, COL = [0, 1, 1], [1, 0, 2]
WEIGHTS, PARTNERS = jnp.ones((2, 1)), jnp.array([[1], [2]])
DENSE = np.ones((2, 3), np.float32)
X, X2 = jnp.ones(3), jnp.ones((3, 2))
SPIKES = BinaryArray(jnp.array([True, False, True]))
SHAPE = (2, 3)


@pytest.fixture(autouse=True)
def reference_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(brainevent.config.ENVIRONMENT_VARIABLE, brainevent.config.REFERENCE)


def test_products() -> None:
    assert_type(brainevent.csrmv(DATA, INDICES, INDPTR, X, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.csrmm(2.0, INDICES, INDPTR, X2, shape=[2, 3], transpose=False), Array | Quantity)
    assert_type(brainevent.binary_csrmv(DATA, INDICES, INDPTR, SPIKES, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.binary_csrmm(DATA, INDICES, INDPTR, X2, shape=SHAPE, backend=None), Array | Quantity)
    assert_type(brainevent.coomv(DATA, ROW, COL, [1.0, 2.0, 3.0], shape=SHAPE), Array | Quantity)
    assert_type(brainevent.coomm(DATA, ROW, COL, X2, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.binary_coomv(DATA, ROW, COL, SPIKES, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.binary_coomm(DATA, ROW, COL, X2, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.fcnmv(WEIGHTS, PARTNERS, X, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.fcnmm(WEIGHTS, PARTNERS, X2, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.binary_fcnmv(WEIGHTS, PARTNERS, SPIKES, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.binary_fcnmm(WEIGHTS, PARTNERS, X2, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.densemv(DENSE, X), Array | Quantity)
    assert_type(brainevent.densemm(DENSE, X2), Array | Quantity)
    assert_type(brainevent.binary_densemv(DENSE, SPIKES), Array | Quantity)
    assert_type(brainevent.binary_densemm(DENSE, X2), Array | Quantity)


def test_just_in_time_connectivity() -> None:
    key = jax.random.key(0)
    assert_type(brainevent.jits(1.5, 0.5, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.jitsmv(1.5, 0.5, X, 3, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.jitsmm(1.5, 0.5, X2, key, shape=SHAPE, corder=False), Array | Quantity)
    assert_type(brainevent.binary_jitsmv(1.5, 0.5, SPIKES, 3, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.binary_jitsmm(1.5, 0.5, X2, 3, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.jitn(1.5, 0.1, np.float32(0.5), 3, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.jitnmv(1.5, 0.1, 0.5, X, 3, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.jitnmm(1.5, 0.1, 0.5, X2, 3, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.binary_jitnmv(1.5, 0.1, 0.5, SPIKES, 3, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.binary_jitnmm(1.5, 0.1, 0.5, X2, 3, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.jitu(-1.0, 1.0, 0.5, 3, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.jitumv(-1.0, 1.0, 0.5, X, 3, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.jitumm(-1.0, 1.0, 0.5, X2, 3, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.binary_jitumv(-1.0, 1.0, 0.5, SPIKES, 3, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.binary_jitumm(-1.0, 1.0, 0.5, X2, 3, shape=SHAPE), Array | Quantity)


def test_entries() -> None:
    y, batch, data = jnp.ones(2), jnp.ones((4, 2)), jnp.ones((4, 3))
    assert_type(brainevent.csrmv_dt2t(y, DATA, INDICES, INDPTR, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.csrmm_dt2t(batch, data, INDICES, INDPTR, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.cscmv_dt2t(X, DATA, INDICES, INDPTR, shape=(3, 2)), Array | Quantity)
    assert_type(brainevent.cscmm_dt2t(data, data, INDICES, INDPTR, shape=(3, 2)), Array | Quantity)
    assert_type(brainevent.coomv_dt2t(y, DATA, ROW, COL, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.coomm_dt2t(batch, data, ROW, COL, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.fcnmv_dt2t(WEIGHTS, PARTNERS, y, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.fcnmm_dt2t(jnp.ones((4, 2, 1)), PARTNERS, batch, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.densemv_dt2t(y, DENSE), Array | Quantity)
    assert_type(brainevent.densemm_dt2t(batch, jnp.ones((4, 2, 3))), Array | Quantity)
    assert_type(brainevent.csr_sddmm(INDICES, INDPTR, y, X, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.coo_sddmm(ROW, COL, y, SPIKES, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.fcn_sddmm(PARTNERS, BinaryArray(y), X, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.csr_slice_rows(DATA, INDICES, INDPTR, [1], shape=SHAPE), Array | Quantity)
    assert_type(brainevent.csr_slice_rows(DATA, INDICES, INDPTR, slice(1), shape=SHAPE), Array | Quantity)


def test_plasticity() -> None:
    y, on = jnp.ones(2), np.array([True, False])
    assert_type(
        brainevent.update_csr_on_binary_pre(DATA, INDICES, INDPTR, on, X, 0.0, 3.0, shape=SHAPE), Array | Quantity
    )
    assert_type(
        brainevent.update_csr_on_binary_post(
            DATA, ROW, [0, 1, 2, 3], [0, 1, 2], y, SPIKES, shape=SHAPE, clip="updated"
        ),
        Array | Quantity,
    )
    assert_type(brainevent.update_csc_on_binary_pre(DATA, INDICES, INDPTR, SPIKES, y, shape=(3, 2)), Array | Quantity)
    assert_type(brainevent.update_csc_on_binary_post(DATA, INDICES, INDPTR, X, on, shape=(3, 2)), Array | Quantity)
    assert_type(brainevent.update_coo_on_binary_pre(DATA, ROW, COL, on, X), Array | Quantity)
    assert_type(brainevent.update_coo_on_binary_post(DATA, ROW, COL, y, SPIKES, shape=SHAPE), Array | Quantity)
    assert_type(brainevent.update_dense_on_binary_pre(DENSE, on, X), Array | Quantity)
    assert_type(brainevent.update_dense_on_binary_post(DENSE, y, SPIKES), Array | Quantity)
    assert_type(
        brainevent.update_fixed_post_conn_on_binary_pre(WEIGHTS, PARTNERS, on, X, shape=SHAPE), Array | Quantity
    )
    assert_type(
        brainevent.update_fixed_pre_conn_on_binary_post(WEIGHTS, PARTNERS, X, on, shape=(3, 2)), Array | Quantity
    )


def test_conversions_of_indices_keep_the_kind_of_arrays() -> None:
    row, col = np.array([0, 1, 1]), np.array([1, 0, 2])
    assert_type(brainevent.coo2csr(row, col, shape=SHAPE), tuple[np.ndarray, np.ndarray, np.ndarray])
    assert_type(
        brainevent.coo_to_csc_index(jnp.asarray(row), jnp.asarray(col), shape=SHAPE), tuple[Array, Array, Array]
    )
    indptr = np.array([0, 1, 3])
    assert_type(brainevent.csr_to_coo_index(indptr, col), tuple[np.ndarray, np.ndarray])
    assert_type(brainevent.csr_to_csc_index(indptr, col, shape=SHAPE), tuple[np.ndarray, np.ndarray, np.ndarray])
    assert_type(
        brainevent.csc_to_csr_index(jnp.asarray(indptr), jnp.asarray(col), shape=(3, 2)), tuple[Array, Array, Array]
    )


def test_derivatives_and_weights() -> None:
    matrix = brainevent.CSR(DATA, INDICES, INDPTR, shape=SHAPE)

    def loss(weights: brainevent.CSR, x: Array, *, scale: float = 1.0) -> Array:
        return scale * jnp.sum(jnp.asarray(weights @ x))

    def with_aux(weights: brainevent.CSR, x: Array) -> tuple[Array, str]:
        return loss(weights, x), "aux"

    assert_type(brainevent.grad(loss)(matrix, X, scale=2.0), Array | Quantity)
    assert_type(brainevent.value_and_grad(loss)(matrix, X), tuple[Array, Array | Quantity])
    value_and_gradient = brainevent.value_and_grad(with_aux, has_aux=True)(matrix, X)
    assert_type(value_and_gradient, tuple[tuple[Array, str], Array | Quantity])
    assert_type(brainevent.grad(with_aux, has_aux=True)(matrix, X), tuple[Array | Quantity, str])
    assert_type(brainevent.grad(loss, (0, 1))(matrix, X), Any)
    assert_type(brainevent.value_and_grad(loss, argnums=1)(matrix, X), tuple[Array, Any])
    assert_type(brainevent.weights(matrix), Array | Quantity)
    assert_type(brainevent.with_weights(matrix, DATA), brainevent.CSR)
    assert_type(brainevent.with_weights({"in": matrix}, {"in": DATA}), dict[str, brainevent.CSR])
