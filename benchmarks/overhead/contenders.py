"""The cost of a kernel call inside a compiled loop, and of an eager product. See ``command.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.bench.program import Program

SHAPE = jax.ShapeDtypeStruct((8,), np.dtype("float32"))


def _loop(body: Callable[[Any], Any], *distributions: str) -> Program:
    """Dependent calls of ``body`` in one compiled loop."""
    x = jnp.zeros(SHAPE.shape, SHAPE.dtype)
    run = jax.jit(lambda x, calls: jax.lax.fori_loop(0, calls, lambda _, x: body(x), x))
    np.testing.assert_array_equal(run(x, 10), np.full(SHAPE.shape, 10))
    return Program(lambda calls: run(x, calls).block_until_ready(), distributions=("jax", *distributions))


def add_one(x: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = x[i] + 1


def ours() -> Program:
    import numba

    from brainevent_cpu.bridge import NativeKernel, native_call

    fill = numba.njit(add_one)

    def checked(x: Any, out: Any) -> int:
        fill(x, out)
        return 0  # kernels of the native bridge return a status

    kernel = NativeKernel("bench_add_one", lambda: checked)
    return _loop(lambda x: native_call(kernel, x, outs=[SHAPE])[0], "brainevent-cpu")


def own() -> Program:
    from brainevent_cpu.language import numba_kernel

    return _loop(numba_kernel(add_one, outs=SHAPE), "brainevent-cpu")


def scatter() -> Program:
    index = jnp.arange(SHAPE.shape[0])[::-1]
    return _loop(lambda x: x.at[index].add(1.0, unique_indices=True))


def pure_callback() -> Program:
    return _loop(lambda x: jax.pure_callback(lambda x: np.asarray(x) + np.float32(1), SHAPE, x))


def published() -> Program:
    import numba

    import brainevent

    theirs: Any = brainevent  # the published package, which type checkers don't see
    kernel = theirs.numba_kernel(numba.njit(add_one), outs=SHAPE)

    def call(x: Any) -> Any:
        out = kernel(x)
        return out[0] if isinstance(out, (tuple, list)) else out

    return _loop(call, "brainevent")


def eager_product() -> Program:
    import brainevent

    spikes = brainevent.BinaryArray(jnp.arange(10) % 5 == 0)
    matrix = brainevent.CSR.fromdense(np.eye(10, dtype=np.float32))
    return _eagerly(lambda: spikes @ matrix, "brainevent")


def eager_dot() -> Program:
    vector, matrix = jnp.ones(10), jnp.eye(10)
    return _eagerly(lambda: jnp.dot(vector, matrix))


def _eagerly(call: Callable[[], Any], *distributions: str) -> Program:
    def run(calls: int) -> None:
        for _ in range(calls):
            result = call()
        result.block_until_ready()

    return Program(run, distributions=("jax", *distributions))


def _sweep(kind: str, *, from_left: bool, mapped: bool, count: int = 8) -> Program:
    """One call computes products for ``count`` weight arrays of one structure: under ``vmap``, or one after another."""
    import brainevent

    neurons, synapses = 4_000, 80
    rng = np.random.default_rng(0)
    indices = jnp.asarray(rng.integers(0, neurons, (neurons, synapses)), jnp.int32)
    indptr = jnp.arange(neurons + 1, dtype=jnp.int32) * synapses
    spikes = brainevent.BinaryArray(jnp.asarray(rng.random(neurons) < 0.01))
    weights = jnp.asarray(rng.normal(size=(count, neurons, synapses)), jnp.float32)

    def product(weights: Any) -> Any:
        if kind == "csr":
            arrays = (weights.reshape(-1), indices.reshape(-1), indptr)
            matrix: Any = brainevent.CSR(arrays, shape=(neurons, neurons))
        else:
            matrix = brainevent.FixedPostNumConn((weights, indices), shape=(neurons, neurons))
        return spikes @ matrix if from_left else matrix @ spikes

    one, several = jax.jit(product), list(weights)
    if mapped:
        together = jax.jit(jax.vmap(product))
        return _eagerly(lambda: together(weights), "brainevent")
    return _eagerly(lambda: jax.block_until_ready([one(each) for each in several])[-1], "brainevent")


def mapped_csr_left() -> Program:
    return _sweep("csr", from_left=True, mapped=True)


def single_csr_left() -> Program:
    return _sweep("csr", from_left=True, mapped=False)


def mapped_csr_right() -> Program:
    return _sweep("csr", from_left=False, mapped=True)


def single_csr_right() -> Program:
    return _sweep("csr", from_left=False, mapped=False)


def mapped_fixed_left() -> Program:
    return _sweep("fixed_num", from_left=True, mapped=True)


def single_fixed_left() -> Program:
    return _sweep("fixed_num", from_left=True, mapped=False)
