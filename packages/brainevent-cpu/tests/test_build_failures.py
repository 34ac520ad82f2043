"""Kernels that Numba can't compile, or that give wrong results: the reference runs instead, with a warning."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent_core import reference
from brainevent_core.encodings import BINARY, BITPACKED, COMPACT, FLOAT, SPARSE_FLOAT
from brainevent_core.errors import BackendWarning, KernelNotAvailableError
from brainevent_core.formats import COO_FORMAT, CSC_INDEX, CSR_FORMAT, DENSE_FORMAT, FIXED_NUM_FORMAT
from brainevent_core.plugins import get_registry, selection
from brainevent_cpu.bridge import call, handler
from brainevent_cpu.kernels import matmul, selftest


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Make compilation of scatters fail; the list contains the names of kernels that were tried."""
    tried: list[str] = []

    def compile_handler(kernel: Any, *specs: Any) -> Any:
        if "scatter" in kernel.name:
            tried.append(kernel.name)
            raise TypeError("get_call_type() got an unexpected\nkeyword argument")
        return real(kernel, *specs)

    real = handler.compile_handler
    monkeypatch.setattr(handler, "compile_handler", compile_handler)
    monkeypatch.setattr(call, "_failures", {})
    for key in [key for key in call._targets if "scatter" in key[0].name]:
        monkeypatch.delitem(call._targets, key)
    monkeypatch.setattr(selection, "_warned", set())
    jax.clear_caches()
    yield tried
    jax.clear_caches()


def test_the_reference_runs_with_one_warning(breaking: list[str], rng: np.random.Generator) -> None:
    dense = rng.normal(size=(20, 30)).astype(np.float32) * (rng.random((20, 30)) < 0.4)
    W, spikes = brainevent.CSR.fromdense(jnp.asarray(dense)), rng.random(20) < 0.5
    product = lambda s: brainevent.BinaryArray(s) @ W  # noqa: E731
    with get_registry().record() as lowered, pytest.warns(BackendWarning) as warned:
        np.testing.assert_allclose(jax.jit(product)(spikes), spikes @ dense, rtol=1e-5)
    (message,) = {str(one.message) for one in warned}
    for part in ("'matmul' in backend 'numba'", "scatter", "TypeError", "unexpected keyword argument", "reference"):
        assert part in message
    (chosen,) = [one for one in lowered if one.primitive == "matmul"]
    assert (chosen.backend, *chosen.declined[0][:1]) == ("reference", "numba")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no second warning, and no second attempt
        np.testing.assert_allclose(jax.jit(lambda s: 2 * product(s))(spikes), 2 * (spikes @ dense), rtol=1e-5)
    assert len(breaking) == 1


def test_the_next_backend_runs(breaking: list[str], rng: np.random.Generator) -> None:
    def kernel(data: Any, *rest: Any, **params: Any) -> Any:
        return 1000 * reference.matmul(data, *rest, **params)

    registry = get_registry()
    registry.register_kernel("matmul", "cpu", kernel, backend="second", priority=1, supports=lambda *_, **__: True)
    try:
        dense = rng.normal(size=(20, 30)).astype(np.float32)
        W, spikes = brainevent.CSR.fromdense(jnp.asarray(dense)), rng.random(20) < 0.5
        with pytest.warns(BackendWarning, match="scatter"):
            out = brainevent.BinaryArray(spikes) @ W
        np.testing.assert_allclose(out, 1000 * (spikes @ dense), rtol=1e-4)
    finally:
        registry.remove("matmul", backend="second")


def test_who_insists_gets_an_error(breaking: list[str], rng: np.random.Generator) -> None:
    W = brainevent.CSR.fromdense(jnp.asarray(rng.normal(size=(4, 5)), jnp.float32))
    with (
        pytest.warns(BackendWarning),
        brainevent.use_backend("numba", strict=True),
        pytest.raises(KernelNotAvailableError, match=r"no kernel of 'matmul'.*scatter.*unexpected keyword"),
    ):
        brainevent.BinaryArray(jnp.ones(4, bool)) @ W


# --- Wrong results ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transpose", [True, False])
@pytest.mark.parametrize("fault", ["wrong", "raises"])
def test_products_that_are_wrong(
    fault: str, transpose: bool, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    def run(*args: Any, **options: Any) -> Any:
        (out,) = real(*args, **options)
        if fault == "raises":
            raise AttributeError("no such function in this version of JAX")
        return [out.at[-1].add(1)]  # as if the end of a vector were not masked

    real = matmul._run
    monkeypatch.setattr(matmul, "_run", run)
    monkeypatch.setattr(selftest, "_found", {})
    monkeypatch.setattr(selection, "_warned", set())
    jax.clear_caches()
    dense = rng.normal(size=(20, 30)).astype(np.float32) * (rng.random((20, 30)) < 0.4)
    W, spikes = brainevent.CSR.fromdense(jnp.asarray(dense)), rng.random(30) < 0.5
    words = {"wrong": "gave wrong numbers", "raises": "failed .AttributeError: no such function"}[fault]
    with pytest.warns(BackendWarning, match=f"self-test.*a small {'scatter' if transpose else 'gather'}, {words}"):
        out = brainevent.BinaryArray(spikes) @ W.T if not transpose else brainevent.BinaryArray(spikes[:20]) @ W
    np.testing.assert_allclose(out, dense @ spikes if not transpose else spikes[:20] @ dense, rtol=1e-5)
    assert set(selftest._found) == {transpose}
    jax.clear_caches()


@pytest.mark.cover(share=0.5)
@pytest.mark.parametrize(
    "format",
    [
        DENSE_FORMAT,
        COO_FORMAT,
        *(one for base in (CSR_FORMAT, FIXED_NUM_FORMAT) for one in (base, base.with_component(CSC_INDEX))),
    ],
    ids=str,
)
@pytest.mark.parametrize("encoding", [FLOAT, SPARSE_FLOAT, BINARY, BITPACKED, COMPACT], ids=str)
@pytest.mark.parametrize("transpose", [True, False])
@pytest.mark.parametrize("columns", [None, 4])
@pytest.mark.parametrize(("indices", "dtype"), [("int32", "float32"), ("uint16", "float16"), ("int8", "bfloat16")])
@pytest.mark.usefixtures("little_optimisation")
def test_what_the_self_test_expects_is_what_the_reference_computes(
    format: Any, encoding: Any, transpose: bool, columns: int | None, indices: str, dtype: str, rng: np.random.Generator
) -> None:
    shape = (33, 41)
    structure = [jnp.asarray(array) for array in format.random_structure(rng, shape, 3, dtype=indices)]
    x = jnp.zeros((5,) if columns is None else (5, columns), encoding.dtype or (bool if encoding.event else dtype))
    static = {"format": format, "shape": shape, "transpose": transpose, "encoding": encoding}
    for homogeneous in {False, format is not DENSE_FORMAT}:
        case = selftest.small_case(jnp.zeros(1, dtype), [*structure, x], homogeneous=homogeneous, per_row=32, **static)
        assert case is not None
        arrays, expected = case
        assert all(given.dtype == like.dtype for given, like in zip(arrays[1:], [*structure, x], strict=True))
        out = jax.jit(lambda *arrays: reference.matmul(*arrays, **static))(*arrays)
        np.testing.assert_array_equal(np.asarray(out).astype(float), expected)
        assert len(np.unique(expected)) >= 8  # with homogeneous weights, the 33 sums have only about ten values
