"""Every kernel that can use several threads, on simulated pools of a given size and with a given order of tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent import COO, CSR, BinaryArray, FixedPostNumConn, SparseFloat
from brainevent_cpu.bridge.thread_settings import shared_from
from brainevent_cpu.testing import ORDERS, PretendedClient

M, N = 53, 67


def csr(rng: np.random.Generator, width: int = 30) -> Any:
    lengths = rng.integers(0, 2 * width, M)
    indices = rng.integers(0, N, lengths.sum())
    return CSR((_numbers(rng, indices.size), indices, np.append(0, np.cumsum(lengths))), shape=(M, N))


def fixed(rng: np.random.Generator, width: int = 30) -> Any:
    return FixedPostNumConn((_numbers(rng, M, width), rng.integers(0, N, (M, width), np.int32)), shape=(M, N))


def coo(rng: np.random.Generator, in_order: bool = False) -> Any:
    rows = rng.integers(0, M, 1500)
    rows = np.sort(rows) if in_order else rows
    return COO((_numbers(rng, 1500), rows, rng.integers(0, N, 1500)), shape=(M, N))


def dense(rng: np.random.Generator) -> Any:
    return jnp.asarray(_numbers(rng, M, N))


def _numbers(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def generated(rng: np.random.Generator) -> Any:
    return brainevent.JITCNormalR((0.5, 1.0, 0.3, int(rng.integers(1000))), shape=(M, N))


def one_weight(rng: np.random.Generator) -> Any:
    return brainevent.JITCScalarR((0.5, 0.3, int(rng.integers(1000))), shape=(M, N))


def _mask(rng: np.random.Generator, *shape: int) -> jax.Array:
    return jnp.asarray(rng.random(shape) < 0.6)


def events(rng: np.random.Generator, *shape: int) -> Any:
    return BinaryArray(_mask(rng, *shape))


def listed(rng: np.random.Generator, *shape: int) -> Any:
    return brainevent.CompactBinary(_mask(rng, *shape))


def bits(rng: np.random.Generator, *shape: int) -> Any:
    return brainevent.bitpack(_mask(rng, *shape), axis=-1)


def graded(rng: np.random.Generator, *shape: int) -> Any:
    return SparseFloat(floats(rng, *shape) * _mask(rng, *shape))


def floats(rng: np.random.Generator, *shape: int) -> Any:
    return jnp.asarray(_numbers(rng, *shape))


def left(make: Any, operand: Any, *batch: int) -> Any:
    return lambda rng: (lambda x, A: x @ A, operand(rng, *batch, M), make(rng))


def right(make: Any, operand: Any, *batch: int) -> Any:
    return lambda rng: (lambda A, x: A @ x, make(rng), operand(rng, N, *batch))


def on_pre(make: Any, **clip: Any) -> Any:
    def update(A: Any, x: Any, trace: Any) -> Any:
        return A.update_on_pre(x, trace, -1.0, 1.0, **clip).data

    return lambda rng: (update, make(rng), _mask(rng, M), floats(rng, N))


def on_post(make: Any) -> Any:
    def update(A: Any, trace: Any, x: Any) -> Any:
        return A.update_on_post(trace, x, -1.0, 1.0).data

    return lambda rng: (update, make(rng), floats(rng, M), _mask(rng, N))


def gradient(make: Any) -> Any:
    """The gradient with respect to the weights, an `sddmm`."""

    def loss(data: Any, A: Any, x: Any) -> Any:
        return jnp.sum((A.with_data(data) @ x) ** 2)

    def run(A: Any, x: Any) -> Any:
        return jax.grad(loss)(A.data, A, x)

    return lambda rng: (run, make(rng), floats(rng, N))


def members(rng: np.random.Generator) -> Any:
    A = fixed(rng)
    weights = jnp.asarray(_numbers(rng, 6, *A.data.shape))
    return (lambda w, A, x: jax.vmap(lambda w: x @ A.with_data(w))(w)), weights, A, events(rng, M)


# A function and its arguments for each kernel: all families, and all ways in which they share work.
KERNELS: dict[str, Callable[[np.random.Generator], Any]] = {
    "scatter events": left(csr, events),
    "scatter listed events": left(fixed, listed),
    "scatter graded": left(csr, graded),
    "scatter floats": left(fixed, floats),
    "scatter short rows": left(lambda rng: csr(rng, 12), floats),
    "scatter batch of events": left(csr, events, 5),
    "scatter batch of bits": left(fixed, bits, 5),
    "scatter batch of floats": left(csr, floats, 5),
    "gather events": right(csr, events),
    "gather floats": right(fixed, floats),
    "gather batch of events": right(fixed, events, 5),
    "gather batch of floats": right(csr, floats, 5),
    "coordinates events": left(coo, events),
    "coordinates floats": right(coo, floats),
    "coordinates batch": right(coo, events, 5),
    "column index": right(lambda rng: csr(rng).with_csc_index(), events),
    "column index, batch": right(lambda rng: fixed(rng).with_csc_index(), events, 5),
    "dense rows": left(dense, events),
    "dense columns": right(dense, events),
    "dense batch": left(dense, lambda rng, *shape: SparseFloat(floats(rng, *shape) * (rng.random(shape) < 0.1)), 5),
    "sampled rows": gradient(csr),
    "sampled coordinates": gradient(coo),
    "generated scatter": left(generated, events),
    "generated gather": right(generated, floats),
    "generated batch": left(one_weight, floats, 5),
    "generated, dense": lambda rng: (lambda A: A.todense(), generated(rng)),
    "generated, listed": lambda rng: (lambda A: A.tocoo(nse=2000).data, generated(rng)),
    "update rows": on_pre(csr),
    "update rows, clip updated": on_pre(fixed, clip="updated"),
    "update columns by a scan": on_post(fixed),
    "update columns by their index": on_post(lambda rng: csr(rng).with_csc_index()),
    "update coordinates": on_pre(coo),
    "update coordinates in order": on_pre(lambda rng: coo(rng, True)),
    "update dense rows": lambda rng: (
        lambda A, x, trace: brainevent.update_dense_on_binary_pre(A, x, trace, -1.0, 1.0),
        dense(rng),
        _mask(rng, M),
        floats(rng, N),
    ),
    "update dense columns": lambda rng: (
        lambda A, trace, x: brainevent.update_dense_on_binary_post(A, trace, x, -1.0, 1.0),
        dense(rng),
        floats(rng, M),
        _mask(rng, N),
    ),
    "members": members,
}


@pytest.mark.usefixtures("little_optimisation")
@pytest.mark.cover(strength=1, share=0.35)
@pytest.mark.parametrize("name", KERNELS)
def test_every_kernel_on_any_pool(name: str, rng: np.random.Generator) -> None:
    """Results are the same for every order of tasks, bit for bit, and agree with one thread and with the reference."""
    function, *arguments = KERNELS[name](rng)
    program = jax.jit(lambda *arguments: function(*arguments))
    with brainevent.use_backend("reference"):
        wanted = program(*arguments)

    with PretendedClient() as client, brainevent.use_backend("numba", strict=True):

        def run(threads: int, order: str = ORDERS[0], entries: int = 8) -> tuple[np.ndarray, int]:
            client.threads, client.order = threads, order
            with shared_from(entries):
                result = np.asarray(program(*arguments))
            assert client.pools
            return result, client.started()

        # Compiled for several threads but run on one, and compiled for one because there is too little work.
        alone, started = run(1)
        little = np.asarray(jax.jit(lambda *arguments: function(*arguments))(*arguments))
        assert (started, client.started()) == (0, 0)
        np.testing.assert_array_equal(little, alone)
        np.testing.assert_allclose(alone, wanted, rtol=1e-4, atol=1e-4)
        for threads in (4, 64):
            first, started = run(threads)
            assert started > 0
            np.testing.assert_allclose(first, alone, rtol=1e-4, atol=1e-4)
            for order in ORDERS[1:]:
                found, started = run(threads, order)
                np.testing.assert_array_equal(found, first)
                assert started > 0
        assert run(64, entries=10**6)[1] == 0
