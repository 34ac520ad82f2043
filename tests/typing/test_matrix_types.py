"""The types that checkers infer for matrices and events. `hatch run types:check` reads this file, pytest runs it."""

from typing import assert_type

import jax.numpy as jnp
import numpy as np
import pytest
from brainunit import Quantity
from jax import Array

import brainevent
from brainevent import (
    COO,
    CSC,
    CSR,
    BinaryArray,
    BitPackedBinary,
    CompactBinary,
    Dense,
    FixedPostNumConn,
    FixedPreNumConn,
    JITCNormalC,
    JITCNormalR,
    JITCScalarC,
    JITCScalarR,
    JITCUniformC,
    JITCUniformR,
    SparseFloat,
    connect,
)
from brainevent_core.matrices import StoredMatrix

V = jnp.ones(3)
SPIKES = BinaryArray(jnp.array([True, False, True]))


@pytest.fixture(autouse=True)
def reference_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(brainevent.config.ENVIRONMENT_VARIABLE, brainevent.config.REFERENCE)


def test_csr() -> None:
    W = CSR(jnp.ones(3), [1, 0, 2], [0, 1, 2, 3], shape=(3, 3))
    assert_type(SPIKES @ W, Array | Quantity)
    assert_type(W @ SPIKES, Array | Quantity)
    assert_type(W @ V, Array | Quantity)
    assert_type(V @ W, Array | Quantity)
    assert_type(W.T, CSC)
    assert_type(W[0], Array | Quantity)
    assert_type(W[0:2], Array | Quantity)
    assert_type(W[0, 1], Array | Quantity)
    assert_type(W[[0, 1], np.array([1, 2])], Array | Quantity)
    assert_type(W.with_data(V), CSR)
    assert_type(W.data, Array | Quantity)
    assert_type(W.indices, Array)
    assert_type(W.indptr, Array)
    assert_type(W.todense(), Array | Quantity)
    assert_type(W.tocsr(), CSR)
    assert_type(W.tocsc(), CSC)
    assert_type(W.tocoo(), COO)
    assert_type(W * 2.0, CSR)
    assert_type(W.shape, tuple[int, int])
    assert_type(W.nse, int)
    assert_type(W.sum(axis=0), Array | Quantity)
    assert_type(W.yw_to_w(V, V), Array | Quantity)
    assert_type(W.update_on_pre(SPIKES, V, 0.0, 1.0), CSR)
    assert_type(W.with_csc_index(), CSR)
    assert_type(W.solve(V), Array | Quantity)
    assert_type(CSR.fromdense(jnp.eye(3)), CSR)
    assert_type(CSR((1.0, [1, 0, 2], [0, 1, 2, 3]), shape=(3, 3)), CSR)


def test_csc() -> None:
    W = CSC(jnp.ones(3), [1, 0, 2], [0, 1, 2, 3], shape=(3, 3))
    assert_type(SPIKES @ W, Array | Quantity)
    assert_type(W @ V, Array | Quantity)
    assert_type(W.T, CSR)
    assert_type(W[0], Array | Quantity)
    assert_type(W.with_data(V), CSC)
    assert_type(W.todense(), Array | Quantity)
    assert_type(W.tocsr(), CSR)
    assert_type(W.update_on_post(V, SPIKES), CSC)


def test_coo() -> None:
    W = COO(jnp.ones(3), [0, 1, 2], [1, 0, 2], shape=(3, 3))
    assert_type(SPIKES @ W, Array | Quantity)
    assert_type(W @ V, Array | Quantity)
    assert_type(W.T, COO)
    assert_type(W[0], Array | Quantity)
    assert_type(W.with_data(V), COO)
    assert_type(W.row, Array)
    assert_type(W.todense(), Array | Quantity)
    assert_type(W.tocsr(), CSR)
    assert_type(W.sort_indices(), COO)


def test_fixed_numbers() -> None:
    W = FixedPostNumConn(num_pre=3, num_post=3, conn_num=2, weight=0.5, seed=0)
    assert_type(SPIKES @ W, Array | Quantity)
    assert_type(W @ V, Array | Quantity)
    assert_type(W.T, FixedPreNumConn)
    assert_type(W.T.T, FixedPostNumConn)
    assert_type(W[0], Array | Quantity)
    assert_type(W.with_data(2.0), FixedPostNumConn)
    assert_type(W.indices, Array)
    assert_type(W.todense(), Array | Quantity)
    assert_type(W.tocsr(), CSR)
    by_post = FixedPreNumConn(2.0, [[0, 1], [1, 2], [0, 2]], shape=(3, 3))
    assert_type(SPIKES @ by_post, Array | Quantity)
    assert_type(by_post.T, FixedPostNumConn)
    assert_type(by_post[0], Array | Quantity)
    assert_type(by_post.with_data(1.0), FixedPreNumConn)
    assert_type(by_post.todense(), Array | Quantity)
    assert_type(by_post.tocsr(), CSR)


def test_connection_rules() -> None:
    W = connect.fixed_indegree(3, 3, 2, weight=connect.Normal(0.5, 0.1), seed=0, format="csc")
    assert_type(W, StoredMatrix)
    assert_type(SPIKES @ W, Array | Quantity)
    assert_type(W.tocsr(), CSR)
    assert_type(W.in_degrees(), Array)
    assert_type(W.out_degrees(), Array)
    kernel = connect.GaussianProfile(1.0)
    assert_type(connect.distance(np.ones((3, 2)), np.ones((3, 2)), kernel, radius=2.0), StoredMatrix)
    by_function = connect.pairwise_bernoulli(3, 3, 0.5, weight=lambda key, pre, post: 0.5 * pre, rows=(1, 3))
    assert_type(by_function, StoredMatrix)


def test_dense() -> None:
    W = Dense(np.ones((3, 3), np.float32))
    assert_type(SPIKES @ W, Array | Quantity)
    assert_type(W @ V, Array | Quantity)
    assert_type(W.T, Dense)
    assert_type(W[0], Array | Quantity)
    assert_type(W.with_data(jnp.eye(3)), Dense)
    assert_type(W.todense(), Array | Quantity)
    assert_type(W.tocsr(), CSR)


def test_just_in_time_connectivity() -> None:
    W = JITCScalarR(0.5, 0.5, 0, shape=(3, 3))
    assert_type(SPIKES @ W, Array | Quantity)
    assert_type(W @ V, Array | Quantity)
    assert_type(W.T, JITCScalarC)
    assert_type(W.T.T, JITCScalarR)
    assert_type(W[0], Array | Quantity)
    assert_type(W.with_data(2.0), JITCScalarR)
    assert_type(W.weight, Array | Quantity)
    assert_type(W.seed, Array)
    assert_type(W.prob, float)
    assert_type(W.todense(), Array | Quantity)
    assert_type(W.tocsr(), CSR)
    assert_type(JITCScalarR(num_pre=3, num_post=3, prob=0.5, weight=0.5, seed=0), JITCScalarR)
    assert_type(JITCNormalR(1.0, 0.1, 0.5, 0, shape=(3, 3)).T, JITCNormalC)
    assert_type(JITCUniformR(0.0, 1.0, 0.5, 0, shape=(3, 3)).T, JITCUniformC)
    assert_type(JITCUniformC(0.0, 1.0, 0.5, 0, shape=(3, 3)).low, Array | Quantity)
    assert_type(JITCNormalC(loc=1.0, scale=0.1, prob=0.5, shape=(3, 3)).scale, Array | Quantity)


def test_events() -> None:
    dense = jnp.ones((3, 3))
    assert_type(SPIKES @ dense, Array | Quantity)
    assert_type(dense @ SPIKES, Array | Quantity)
    assert_type(BitPackedBinary(V) @ dense, Array | Quantity)
    assert_type(CompactBinary(V) @ dense, Array | Quantity)
    assert_type(SparseFloat(V) @ dense, Array | Quantity)
    assert_type(brainevent.bitpack(V), BitPackedBinary)
    assert_type(brainevent.matmul(SPIKES, dense), Array | Quantity)
    assert_type(SPIKES.T, BinaryArray)
    assert_type(SPIKES.value, Array | Quantity)
    assert_type(SPIKES.with_value(V), BinaryArray)
    assert_type(SPIKES.shape, tuple[int, ...])
    assert_type(SPIKES[0], Array | Quantity)
    assert_type(V + SPIKES, Array | Quantity)
    assert_type(-SparseFloat(V), Array | Quantity)
