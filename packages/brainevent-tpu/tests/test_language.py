"""User-defined operators in Pallas, interpreted on CPU, and lowered for TPU and CUDA without either."""

from __future__ import annotations

import contextlib
import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

language = pytest.importorskip("brainevent_tpu.language", reason="kernels in Pallas need brainevent[languages]")
pl = pytest.importorskip("jax.experimental.pallas")
pallas_kernel = language.pallas_kernel


def like(*arrays: Any) -> Any:
    return arrays[0]


def halve_body(x, out):  # type: ignore[no-untyped-def]
    out[...] = x[...] / 2


def subtract_body(x, y, out):  # type: ignore[no-untyped-def]
    out[...] = x[...] - y[...]


ROWS = pl.BlockSpec((1, 4), lambda i: (i, 0))


def test_every_form_of_call(rng: np.random.Generator) -> None:
    x = rng.normal(size=(3, 4)).astype(np.float32)
    out = jax.ShapeDtypeStruct(x.shape, x.dtype)
    halve = pallas_kernel(halve_body)
    for call in (
        pallas_kernel(halve_body, outs=like),
        pallas_kernel(outs=out)(halve_body),
        pallas_kernel(halve_body, outs=like, grid=3, in_specs=ROWS, out_specs=ROWS),
        pallas_kernel(halve_body, outs=like, grid=lambda x: x.shape[:1], in_specs=[ROWS], out_specs=[ROWS]),
        lambda x: halve(x, outs=out),
        lambda x: pallas_kernel(halve_body, outs=jnp.zeros(5), interpret=True)(x, outs=out),
        lambda x: halve(x, outs=[out])[0],
    ):
        np.testing.assert_array_equal(call(x), x / 2)
        np.testing.assert_array_equal(jax.jit(call)(x), x / 2)


def test_several_outputs_and_scratch(rng: np.random.Generator) -> None:
    from jax.experimental.pallas import tpu

    def body(x, total, largest, scratch):  # type: ignore[no-untyped-def]
        scratch[...] = x[...] * 2
        total[...] = jnp.sum(scratch[...], keepdims=True)
        largest[...] = jnp.max(scratch[...], keepdims=True)

    outs = [jax.ShapeDtypeStruct((1,), jnp.float32)] * 2
    x = rng.normal(size=8).astype(np.float32)
    total, largest = pallas_kernel(body, outs=outs, scratch_shapes=[tpu.VMEM((8,), jnp.float32)])(x)
    np.testing.assert_allclose(total[0], 2 * x.sum(), rtol=1e-5)
    np.testing.assert_array_equal(largest[0], 2 * x.max())


@pytest.mark.parametrize("method", ["grid", "sequential", "expand_dims", "broadcast_all"])
def test_vmap(method: str, rng: np.random.Generator) -> None:
    subtract = pallas_kernel(subtract_body, outs=like, vmap_method=method)
    x, y = rng.normal(size=(3, 5, 4)).astype(np.float32), rng.normal(size=(3, 4)).astype(np.float32)
    np.testing.assert_array_equal(jax.vmap(subtract)(x[:, 0], y), x[:, 0] - y)
    np.testing.assert_array_equal(jax.vmap(subtract, (1, None))(x[0].T, y[0]), x[0] - y[0])
    if method in ("grid", "sequential"):
        both = jax.jit(jax.vmap(jax.vmap(subtract, (0, None))))(x, y)
        np.testing.assert_array_equal(both, x - y[:, None])


def test_inputs_that_become_outputs(rng: np.random.Generator) -> None:
    def body(x, table, out):  # type: ignore[no-untyped-def]
        out[0] += x[0]

    add = pallas_kernel(body, outs=lambda x, table: table, input_output_aliases={1: 0})
    x, table = rng.normal(size=(3, 1)).astype(np.float32), jnp.ones(4)
    out, _ = jax.lax.scan(lambda table, x: (add(x, table), None), table, x)
    np.testing.assert_allclose(out, [1 + x.sum(), 1, 1, 1], rtol=1e-5)
    np.testing.assert_array_equal(table, np.ones(4))


def some_gpu() -> Any:
    """An abstract GPU: if there is none, JAX 0.12 needs to know for which GPU to compile."""
    platform = ["cuda"] if "platform" in inspect.signature(jax.sharding.AbstractDevice).parameters else []
    device = jax.sharding.AbstractDevice("NVIDIA H100 80GB HBM3", 132, *platform)
    return jax.sharding.use_abstract_mesh(jax.sharding.AbstractMesh((1,), ("x",), abstract_device=device))


@pytest.mark.filterwarnings("ignore:The Pallas Triton backend is deprecated:DeprecationWarning")  # by JAX 0.12
@pytest.mark.parametrize(
    ("platform", "call"), [("tpu", "@tpu_custom_call"), ("cuda", "@__gpu$xla.gpu.triton"), ("cpu", None)]
)
def test_lowers_for_a_platform_without_having_it(platform: str, call: str | None) -> None:
    halve, x = jax.vmap(pallas_kernel(halve_body, outs=like)), jax.ShapeDtypeStruct((1, 8, 128), jnp.float32)
    with some_gpu() if platform == "cuda" else contextlib.nullcontext():
        program = jax.jit(halve).trace(x).lower(lowering_platforms=(platform,)).as_text()
    assert (call in program) if call else ("custom_call" not in program)


def test_errors() -> None:
    x = jnp.ones(3)
    for call, kind, message in (
        (lambda: pallas_kernel(halve_body)(x), TypeError, r"pallas_kernel\(halve_body\) needs the shape.*outs="),
        (lambda: pallas_kernel(halve_body, outs=[x, x])(x), TypeError, r"1 inputs, 2 outputs.*halve_body\(x, out\)"),
        (lambda: pallas_kernel(halve_body, outs=like)(x, x), TypeError, "2 inputs, 1 outputs"),
        (
            lambda: pallas_kernel(halve_body, outs=like, scratch_shapes=[x])(x),
            TypeError,
            "1 inputs, 1 outputs and 1 of scratch",
        ),
        (lambda: pallas_kernel(halve_body, outs=3)(x), TypeError, "have a shape and a dtype.*got 3"),
        (lambda: pallas_kernel(halve_body, vmap_method="fast"), ValueError, "grid.*got 'fast'"),
        (lambda: pallas_kernel(3), TypeError, "takes a function.*int"),
        (
            lambda: jax.vmap(pallas_kernel(halve_body, outs=like, vmap_method=None))(x[None]),
            NotImplementedError,
            "has no vmap",
        ),
    ):
        with pytest.raises(kind, match=message):
            call()
