"""Kernels that Numba can't compile here: the reference runs, with a warning."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent_core.errors import BackendWarning, KernelNotAvailableError
from brainevent_core.plugins import get_registry, selection
from brainevent_cpu.bridge import call, handler


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Scatters can't be compiled; the list has those that were tried."""
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
        from brainevent_core import reference

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
