"""User-defined operators in Numba."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numba
import numpy as np
import pytest

from brainevent_core.errors import BackendWarning
from brainevent_cpu.language import numba_kernel


def like(*arrays: Any) -> Any:
    return arrays[0]


@numba_kernel(outs=like)
def halve(x, out):  # type: ignore[no-untyped-def]
    for i in range(x.size):
        out.flat[i] = x.flat[i] / 2


@numba_kernel
def divide(x, y, quotient, remainder):  # type: ignore[no-untyped-def]
    for i in range(x.size):
        quotient[i] = x[i] // y[i]
        remainder[i] = x[i] % y[i]


def test_every_form_of_call(rng: np.random.Generator) -> None:
    x = rng.normal(size=(3, 4)).astype(np.float32)
    out = jax.ShapeDtypeStruct(x.shape, x.dtype)

    def body(x, out):  # type: ignore[no-untyped-def]
        for i in range(x.size):
            out.flat[i] = x.flat[i] / 2

    for call in (
        halve,
        numba_kernel(body, outs=like),
        numba_kernel(body, outs=out),
        numba_kernel(outs=out)(body),
        numba_kernel(numba.njit(body), outs=out),
        lambda x: numba_kernel(body)(x, outs=out),
        lambda x: numba_kernel(body, outs=jnp.zeros(5))(x, outs=out),
        lambda x: numba_kernel(body)(x, outs=[out])[0],
    ):
        np.testing.assert_array_equal(call(x), x / 2)
        np.testing.assert_array_equal(jax.jit(call)(x), x / 2)


def test_several_outputs_of_several_dtypes(rng: np.random.Generator) -> None:
    x, y = rng.integers(0, 100, 7, np.int32), rng.integers(1, 9, 7, np.int32)
    outs = (jax.ShapeDtypeStruct((7,), jnp.float32), jax.ShapeDtypeStruct((7,), jnp.int32))
    quotient, remainder = divide(x, y, outs=outs)
    np.testing.assert_array_equal(quotient, x // y)
    np.testing.assert_array_equal(remainder, x % y)
    assert (quotient.dtype, remainder.dtype) == (jnp.float32, jnp.int32)


@pytest.mark.parametrize("method", ["sequential", "expand_dims", "broadcast_all"])
def test_vmap(method: str, rng: np.random.Generator) -> None:
    def body(x, y, out):  # type: ignore[no-untyped-def]
        out[...] = x - y

    subtract = numba_kernel(body, outs=like, vmap_method=method)
    x, y = rng.normal(size=(3, 5, 4)).astype(np.float32), rng.normal(size=(3, 4)).astype(np.float32)
    np.testing.assert_array_equal(jax.vmap(subtract)(x[:, 0], y), x[:, 0] - y)
    np.testing.assert_array_equal(jax.vmap(subtract, (1, None))(x[0].T, y[0]), x[0] - y[0])
    if method == "sequential":  # other methods compile for each number of axes
        both = jax.jit(jax.vmap(jax.vmap(subtract, (0, None))))(x, y)
        np.testing.assert_array_equal(both, x - y[:, None])


def test_inputs_that_become_outputs() -> None:
    def body(index, table, out):  # type: ignore[no-untyped-def]
        out[index[0]] += 1

    count = numba_kernel(body, outs=lambda index, table: table, input_output_aliases={1: 0})
    table = jnp.zeros(4)
    out = jax.lax.fori_loop(0, 7, lambda i, table: count((i % 3)[None], table), table)
    np.testing.assert_array_equal(out, [3, 2, 2, 0])
    np.testing.assert_array_equal(table, np.zeros(4))


def test_a_kernel_that_fails_says_its_name() -> None:
    @numba_kernel(outs=like)
    def raises_for_negative(x, out):  # type: ignore[no-untyped-def]
        if x[0] < 0:
            raise ValueError("negative")
        out[:] = x

    @numba_kernel(outs=lambda x: [x, x])
    def forgets_for_negative(x, first, second):  # type: ignore[no-untyped-def]
        first[:] = x
        if x[0] >= 0:
            second[:] = x

    for kernel, message in (
        (raises_for_negative, "raises_for_negative raised an exception"),
        (forgets_for_negative, "forgets_for_negative returned without writing"),
    ):
        np.testing.assert_array_equal(jnp.ravel(jnp.stack(jax.tree.leaves(kernel(jnp.ones(3)))))[:3], np.ones(3))
        with pytest.raises(jax.errors.JaxRuntimeError, match=message):
            jax.block_until_ready(jax.jit(kernel)(-jnp.ones(3)))


@pytest.mark.parametrize("value", [0xA5, 0x5A, 0])
def test_no_value_looks_unwritten(value: int) -> None:
    def body(x, out):  # type: ignore[no-untyped-def]
        for i in range(x.size):
            out.flat[i] = x.flat[i]

    copy = numba_kernel(body, outs=like)
    for shape in ((), (1,), (100,), (0,), (2, 50)):
        x = np.full(shape, value, np.uint8)
        np.testing.assert_array_equal(copy(x), x)


def test_loops_of_numba_stay_on_one_thread() -> None:
    @numba.njit(parallel=True)
    def parallel(x, out):  # type: ignore[no-untyped-def]
        for i in numba.prange(x.size):
            out[i] = 2 * x[i]

    x = jnp.arange(5.0)
    with pytest.warns(BackendWarning, match=r"parallel=True.*one thread"):
        np.testing.assert_array_equal(numba_kernel(parallel, outs=like)(x), 2 * x)


def test_errors() -> None:
    def body(x, out):  # type: ignore[no-untyped-def]
        out[:] = x

    refuses = numba_kernel(body, outs=like, vmap_method=None)
    for call, kind, message in (
        (lambda: numba_kernel(body)(jnp.ones(3)), TypeError, "numba_kernel\\(body\\) needs the shape.*outs="),
        (
            lambda: numba_kernel(body, outs=[jnp.ones(3)] * 2)(jnp.ones(3)),
            TypeError,
            r"1 inputs, 2 outputs.*body\(x, out\)",
        ),
        (lambda: numba_kernel(body, outs=3)(jnp.ones(3)), TypeError, "have a shape and a dtype.*got 3"),
        (lambda: numba_kernel(body, vmap_method="fast"), ValueError, "sequential.*got 'fast'"),
        (lambda: numba_kernel(3), TypeError, "takes a function.*int"),
        (lambda: jax.vmap(refuses)(jnp.ones((2, 3))), NotImplementedError, "has no vmap"),
        (lambda: numba_kernel(body, outs=like)(jnp.ones(3, jnp.bfloat16)), TypeError, "no arrays of dtype bfloat16"),
    ):
        with pytest.raises(kind, match=message):
            call()
