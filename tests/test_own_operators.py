"""Operators of one's own: kernels in Numba for a primitive of one's own, and how the language is reached."""

import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent import XLACustomKernel, defjvp
from brainevent_core.plugins import LANGUAGES

pytest.importorskip("brainevent_cpu", reason="kernels in Numba need brainevent-cpu")


def leaky(name: str) -> XLACustomKernel:
    """One step of a leaky integrator, with everything that a primitive can have."""
    op = XLACustomKernel(name)
    op.def_abstract_eval(lambda v, x, *, rate: jax.ShapeDtypeStruct(v.shape, v.dtype))
    op.def_reference(lambda v, x, *, rate: rate * v + x)
    defjvp(op, lambda dot, v, x, *, rate: rate * dot, lambda dot, v, x, *, rate: dot)

    def generate(*, rate: float, outs: Any) -> Any:
        @brainevent.numba_kernel(outs=outs, name=name)
        def body(v, x, out):  # type: ignore[no-untyped-def]
            for i in range(v.size):
                out.flat[i] = rate * v.flat[i] + x.flat[i]

        return body

    op.def_numba_kernel(generate)
    return op


def test_kernel_of_a_primitive_of_ones_own() -> None:
    op = leaky("tests.leaky")
    rng = np.random.default_rng()
    v, x = rng.normal(size=(2, 3, 5)).astype(np.float32)

    def step(v: Any, x: Any) -> Any:
        return op(v, x, rate=0.5)

    with brainevent.get_registry().record() as lowered:
        np.testing.assert_allclose(jax.jit(step)(v, x), 0.5 * v + x, rtol=1e-6)
    assert [selection.backend for selection in lowered] == ["numba"]
    np.testing.assert_allclose(jax.vmap(step)(v, x), 0.5 * v + x, rtol=1e-6)
    by_v, by_x = jax.grad(lambda v, x: jnp.sum(step(v, x) ** 2), argnums=(0, 1))(v, x)
    np.testing.assert_allclose(by_v, 0.5 * v + x, rtol=1e-5)
    np.testing.assert_allclose(by_x, 2 * (0.5 * v + x), rtol=1e-5)
    last, _ = jax.lax.scan(lambda v, x: (step(v, x), None), v[0], x)
    np.testing.assert_allclose(last, 0.125 * v[0] + 0.25 * x[0] + 0.5 * x[1] + x[2], rtol=1e-5)


def test_kernel_without_generator() -> None:
    @brainevent.numba_kernel
    def body(x, total, largest):  # type: ignore[no-untyped-def]
        total[0] = x.sum()
        largest[0] = x.max()

    op = XLACustomKernel("tests.summary")
    op.def_abstract_eval(lambda x, **_: [jax.ShapeDtypeStruct((1,), x.dtype)] * 2)
    op.def_numba_kernel(body)
    x = np.random.default_rng().random(9).astype(np.float32)
    total, largest = op(x)
    np.testing.assert_allclose((total[0], largest[0]), (x.sum(), x.max()), rtol=1e-6)
    with pytest.raises(brainevent.KernelCompilationError, match=r"static parameters rate.*generator"):
        op(x, rate=3)


def test_a_language_that_is_missing_names_what_to_install() -> None:
    program = """
import importlib_metadata
importlib_metadata.entry_points = lambda **_: importlib_metadata.EntryPoints(())
import brainevent
try:
    from brainevent import numba_kernel
except ImportError as error:
    print(error)
assert not hasattr(brainevent, "no_such_kernel")
"""
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert f"pip install '{LANGUAGES['numba_kernel']}'" in printed
