"""The kernels of `sddmm`, on Warp's CPU device with the native launcher: compared with dense NumPy and the reference.
None of these tests uses a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent_core.encodings import FLOAT, get_encoding
from brainevent_core.formats import get_format
from brainevent_core.plugins import get_registry
from brainevent_core.primitives import sddmm_p
from brainevent_core.testing import ConformanceSuite
from brainevent_core.testing.conformance.check import stand_in
from brainevent_cuda13.kernels.native.sddmm import SddmmSpec

pytest.importorskip("warp", reason="the kernels are compiled by Warp")

BACKEND = "warp-cuda13"


class TestConformance(ConformanceSuite):
    """A few cases; with --slow all of a pairwise cover, which `python -m brainevent.testing` runs as well."""

    backend, platform = BACKEND, "cpu"
    select = "^sddmm-(csr|coo)-bitpacked-"

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if metafunc.config.getoption("--slow") or metafunc.config.getoption("--full"):
            type(self).select = "^sddmm-"
        super().pytest_generate_tests(metafunc)


@pytest.fixture
def on_cpu() -> Iterator[None]:
    with stand_in(BACKEND, "cpu"), brainevent.use_backend(BACKEND):
        yield


@pytest.mark.parametrize(
    ("name", "columns", "kind"),
    [
        ("CSR", None, "binary"),
        ("CSR", 3, "float"),
        ("COO", 5, "binary"),
        ("FixedPostNumConn", None, "float"),
    ],
)
def test_gradients_by_weights(
    name: str, columns: int | None, kind: str, on_cpu: None, rng: np.random.Generator
) -> None:
    """The gradient of `sum(c · (x @ W))` is `x[row] · c[column]` for each entry, summed over a batch."""
    dense = np.where(rng.random((61, 53)) < 0.3, rng.integers(1, 9, (61, 53)), 0).astype(np.float32)
    W = getattr(brainevent, name).fromdense(jnp.asarray(dense))
    batch = () if columns is None else (columns,)
    spikes = rng.random((*batch, 61)) < 0.4
    x = spikes if kind == "binary" else np.where(spikes, rng.integers(1, 5, spikes.shape), 0).astype(np.float32)
    c = rng.integers(-4, 5, (*batch, 53)).astype(np.float32)

    def loss(data: Any) -> Any:
        return jnp.sum(c * ((brainevent.BinaryArray(x) if kind == "binary" else jnp.asarray(x)) @ W.with_data(data)))

    with get_registry().record() as lowered:
        found = W.with_data(jax.grad(loss)(W.data)).todense()
    assert {one.backend for one in lowered if one.primitive == "sddmm"} == {BACKEND}
    expected = np.atleast_2d(x).astype(np.float32).T @ np.atleast_2d(c)
    np.testing.assert_array_equal(found, np.where(dense != 0, expected, 0))


@pytest.mark.parametrize(("fmt", "transpose", "kind"), [
    ("csr", True, "binary"),
    ("csr", False, "float"),
    ("csr:csc_index", False, "binary"),
    ("csr:weight_indices", True, "float"),
])  # fmt: skip
def test_malformed_structures(fmt: str, transpose: bool, kind: str, on_cpu: None, rng: np.random.Generator) -> None:
    stored, shape, dtype = get_format(fmt), (13, 9), "float32" if transpose else "bfloat16"
    structure = [jnp.asarray(a) for a in stored.random_structure(rng, shape, 6, malformed=True, dtype="int32")]
    lines, others = shape if transpose else shape[::-1]
    x, y = jnp.asarray(rng.random(lines) < 0.6), jnp.asarray(rng.integers(-4, 5, others), dtype)
    x = x.astype(dtype) if kind == "float" else x
    static = {"format": stored, "shape": shape, "transpose": transpose, "encoding": get_encoding(kind)}
    found = sddmm_p(y, *structure, x, backend=BACKEND, **static)
    expected = sddmm_p(y, *structure, x, backend="reference", **static)
    np.testing.assert_array_equal(found.astype(float), expected.astype(float))


def test_what_no_kernel_is_written_for_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="No kernel is written for"):
        SddmmSpec("pointers")
    assert SddmmSpec("gather", "csr", encoding=FLOAT, shared=True, value="float16").out == "float32"
