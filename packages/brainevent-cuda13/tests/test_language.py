"""User-defined operators in Warp, on CPU, with the same code and the same bridge as on CUDA."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

wp = pytest.importorskip("warp", reason="kernels in Warp need brainevent[languages]")
language = pytest.importorskip("brainevent_cuda13.kernels.language", reason="they need brainevent[languages]")
warp_kernel = language.warp_kernel

wp.config.log_level = wp.LOG_WARNING


def like(*arrays: Any) -> Any:
    return arrays[0]


def halve_body(x, out):  # type: ignore[no-untyped-def]
    i, j = wp.tid()
    out[i, j] = x[i, j] / x.dtype(2)


def subtract_body(x, y, out):  # type: ignore[no-untyped-def]
    i = wp.tid()
    out[i] = x[i] - y[i]


def count_body(index, table, out):  # type: ignore[no-untyped-def]
    wp.atomic_add(out, index[wp.tid()], 1.0)


@wp.kernel
def generic_body(x: wp.array2d(dtype=Any), out: wp.array2d(dtype=Any)):  # type: ignore[no-untyped-def, valid-type]
    i, j = wp.tid()
    out[i, j] = x[i, j] / x.dtype(2)


@wp.kernel
def annotated_body(x: wp.array2d(dtype=float), out: wp.array2d[float]):  # type: ignore[no-untyped-def, valid-type]
    i, j = wp.tid()
    out[i, j] = x[i, j] / 2.0


def test_every_form_of_call(rng: np.random.Generator) -> None:
    x = rng.normal(size=(3, 4)).astype(np.float32)
    out = jax.ShapeDtypeStruct(x.shape, x.dtype)
    halve = warp_kernel(halve_body)
    for call in (
        warp_kernel(halve_body, outs=like),
        warp_kernel(outs=out)(halve_body),
        warp_kernel(halve_body, outs=out, dim=(3, 4)),
        warp_kernel(halve_body, outs=out, dim=lambda x: x.shape),
        warp_kernel(annotated_body, outs=like),
        warp_kernel(generic_body, outs=like),
        lambda x: halve(x, outs=out),
        lambda x: warp_kernel(halve_body, outs=jnp.zeros(5))(x, outs=out),
        lambda x: halve(x, outs=[out])[0],
    ):
        np.testing.assert_array_equal(call(x), x / 2)
        np.testing.assert_array_equal(jax.jit(call)(x), x / 2)
    assert halve(x[:0], outs=jax.ShapeDtypeStruct((0, 4), x.dtype)).shape == (0, 4)


def test_compiled_for_what_it_gets(rng: np.random.Generator) -> None:
    subtract = warp_kernel(subtract_body, outs=like)
    for dtype in (np.float16, np.int32, np.uint8):
        x, y = rng.integers(0, 9, (2, 5)).astype(dtype)
        result = subtract(x, y)
        np.testing.assert_array_equal(result, x - y)
        assert result.dtype == dtype
    with jax.enable_x64(True):
        assert subtract(np.ones(3), np.full(3, 1e-12))[0] == 1 - 1e-12
    assert subtract(3.0, 1.0) == 2
    assert subtract(3.0, 1.0).shape == ()


def test_several_outputs_vectors_and_constants(rng: np.random.Generator) -> None:
    scale = 3.0

    @warp_kernel
    def split(x: wp.array(dtype=wp.vec2), norm, point):  # type: ignore[no-untyped-def, valid-type]
        i = wp.tid()
        norm[i] = scale * wp.length(x[i])
        point[i] = wp.int32(x[i][0])

    x = rng.uniform(0, 9, (5, 2)).astype(np.float32)
    outs = [jax.ShapeDtypeStruct((5,), jnp.float32), jax.ShapeDtypeStruct((5,), jnp.int32)]
    norm, point = jax.jit(lambda x: split(x, outs=outs))(x)
    np.testing.assert_allclose(norm, 3 * np.linalg.norm(x, axis=1), rtol=1e-6)
    np.testing.assert_array_equal(point, x[:, 0].astype(int))


@pytest.mark.parametrize("method", ["sequential", "elementwise"])
def test_vmap(method: str, rng: np.random.Generator) -> None:
    subtract = warp_kernel(subtract_body, outs=like, vmap_method=method)
    x, y = rng.normal(size=(2, 3, 4)).astype(np.float32)
    np.testing.assert_array_equal(jax.vmap(subtract)(x, y), x - y)
    np.testing.assert_array_equal(jax.vmap(subtract, (1, None))(x.T, y[0]), x - y[0])
    both = jax.jit(jax.vmap(jax.vmap(subtract, (0, None)), (None, 0)))
    np.testing.assert_array_equal(both(x, y), x - y[:, None])
    np.testing.assert_array_equal(jax.vmap(subtract)(x[0], y[0]), x[0] - y[0])
    assert (both.lower(x, y).as_text().count("while") == 0) == (method == "elementwise")


def test_elementwise_with_what_all_elements_share(rng: np.random.Generator) -> None:
    @warp_kernel(outs=lambda index, table: jax.ShapeDtypeStruct(index.shape, table.dtype), vmap_method="elementwise")
    def look_up(index, table, out):  # type: ignore[no-untyped-def]
        out[wp.tid()] = table[index[wp.tid()]]

    for size in (3, 5):  # the second equals the number of indices
        table, index = rng.normal(size=size).astype(np.float32), rng.integers(0, size, (2, 5))
        np.testing.assert_array_equal(jax.vmap(look_up, (0, None))(index, table), table[index])
    with pytest.raises(ValueError, match=r"first axes of the same size, got \[3, 5\].*sequential"):
        jax.vmap(look_up)(index, jnp.ones((2, 3)))


def test_inputs_that_become_outputs() -> None:
    count = warp_kernel(
        count_body, outs=lambda index, table: table, dim=lambda index, table: index.shape, input_output_aliases={1: 0}
    )
    table, index = jnp.zeros(4), jnp.array([[1, 1, 3], [0, 1, 1]])
    out, _ = jax.lax.scan(lambda table, index: (count(index, table), None), table, index)
    np.testing.assert_array_equal(out, [1, 4, 0, 1])
    np.testing.assert_array_equal(table, np.zeros(4))
    np.testing.assert_array_equal(jax.vmap(count, (0, None))(index, table), [[0, 2, 0, 1], [1, 2, 0, 0]])


def test_outputs_in_place_keep_their_order(rng: np.random.Generator) -> None:
    def body(a, b, first, second, third):  # type: ignore[no-untyped-def]
        i = wp.tid()
        second[i] = a[i] + 1.0
        first[i] = b[i] * 2.0
        third[i] = 7.0

    kernel = warp_kernel(body, outs=lambda a, b: [b, a, a], input_output_aliases={0: 1, 1: 0})
    a, b = rng.normal(size=(2, 5)).astype(np.float32)
    first, second, third = jax.jit(kernel)(a, b)
    np.testing.assert_array_equal(first, b * 2)
    np.testing.assert_array_equal(second, a + 1)
    np.testing.assert_array_equal(third, np.full(5, 7))


def test_lowers_for_cuda_without_a_gpu() -> None:
    traced = jax.jit(warp_kernel(subtract_body, outs=like)).trace(jnp.ones(3), jnp.ones(3))
    assert "custom_call @subtract_body" in traced.lower(lowering_platforms=("cuda",)).as_text()


def test_types() -> None:
    assert language.jaxtype_to_warptype("bfloat16") is wp.bfloat16
    assert language.jaxtype_to_warptype(jnp.bool_) is wp.bool
    info = language.jaxinfo_to_warpinfo(jax.ShapeDtypeStruct((3, 4, 5), jnp.int16))
    assert (info.ndim, info.dtype) == (3, wp.int16)
    with pytest.raises(TypeError, match="no arrays of dtype complex64"):
        language.jaxtype_to_warptype(jnp.complex64)
    with pytest.raises(TypeError, match=r"at most 4 axes.*\(1, 2, 3, 4, 5\)"):
        language.jaxinfo_to_warpinfo(jax.ShapeDtypeStruct((1, 2, 3, 4, 5), jnp.int16))


def test_errors() -> None:
    x = jnp.ones((2, 3))
    annotated = warp_kernel(annotated_body, outs=like)
    refuses = warp_kernel(subtract_body, outs=like, vmap_method=None)

    @warp_kernel(outs=like)
    def number(x, factor: float, out):  # type: ignore[no-untyped-def]
        out[wp.tid()] = factor * x[wp.tid()]

    @warp_kernel(outs=like)
    def nonsense(x, out):  # type: ignore[no-untyped-def]
        out[wp.tid()] = x[wp.tid()].no_such_thing

    for call, kind, message in (
        (lambda: warp_kernel(halve_body)(x), TypeError, r"warp_kernel\(halve_body\) needs the shape.*outs="),
        (lambda: annotated(x, outs=[x, x]), TypeError, r"1 inputs, 2 outputs.*annotated_body\(x: .*, out: "),
        (lambda: annotated(x, x), TypeError, r"2 inputs, 1 outputs"),
        (lambda: annotated(x.astype(int)), TypeError, r"int32\[2,3\] for 'x'.*array of float32 with 2 axes"),
        (lambda: annotated(x, outs=x.astype(int)), TypeError, r"int32\[2,3\] for 'out'.*array of float32"),
        (lambda: annotated(x[0]), TypeError, r"float32\[3\] for 'x'.*2 axes"),
        (lambda: number(x[0], 3.0), TypeError, r"float32\[1\] for 'factor', which is no array"),
        (lambda: nonsense(x[0]), Exception, "no_such_thing"),
        (lambda: warp_kernel(halve_body, vmap_method="fast"), ValueError, "elementwise.*got 'fast'"),
        (lambda: warp_kernel(halve_body, dim=3, vmap_method="elementwise"), ValueError, "dim a function.*got 3"),
        (lambda: warp_kernel(3), TypeError, "takes a function.*int"),
        (
            lambda: warp_kernel(functools.partial(halve_body)),
            TypeError,
            "Python function or a warp.Kernel, got partial",
        ),
        (lambda: jax.vmap(refuses)(x, x), NotImplementedError, "has no vmap"),
    ):
        with pytest.raises(kind, match=message):
            call()
