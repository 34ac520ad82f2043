"""The kernels of ring buffers for delays, on Warp's CPU device with the native launcher: compared with NumPy and the
reference, and in place. None of these tests uses a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled_programs import weight_sized_copies

import brainevent
from brainevent_core.encodings import get_encoding
from brainevent_core.formats import get_format
from brainevent_core.primitives import deliver_p, take_slot_p
from brainevent_core.testing import ConformanceSuite
from brainevent_core.testing.conformance.check import stand_in
from brainevent_cuda13.kernels.native.delays import DeliverySpec

pytest.importorskip("warp", reason="the kernels are compiled by Warp")

BACKEND = "warp-cuda13"


class TestConformance(ConformanceSuite):
    """A few cases; with --slow all of a pairwise cover, which `python -m brainevent.testing` runs as well."""

    backend, platform = BACKEND, "cpu"
    select = "^(deliver-csr:delay-bitpacked|take_slot-float16-13x7)-"

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if metafunc.config.getoption("--slow") or metafunc.config.getoption("--full"):
            type(self).select = "^(deliver|take_slot)-"
        super().pytest_generate_tests(metafunc)


@pytest.fixture
def on_cpu() -> Iterator[None]:
    with stand_in(BACKEND, "cpu"), brainevent.use_backend(BACKEND):
        yield


N, M, SLOTS = 31, 23, 6


@pytest.mark.parametrize("extent", ["entry", "row", "column", "all"])
def test_what_arrives_when(extent: str, on_cpu: None, rng: np.random.Generator) -> None:
    """Compared with a loop over entries in NumPy. Delays of 0, and delays beyond the ring, don't arrive."""
    dense = np.where(rng.random((N, M)) < 0.4, rng.integers(1, 9, (N, M)), 0).astype(np.float32)
    row, col = np.nonzero(dense)
    length = {"entry": row.shape, "row": (N, 1), "column": (1, M), "all": (1,)}[extent]
    delay = rng.integers(0, SLOTS + 2, length).astype(np.int32)
    of_entry = np.broadcast_to(delay if delay.ndim == 2 else 0, (N, M))[row, col] if delay.ndim == 2 else delay
    of_entry = np.broadcast_to(of_entry, row.shape)
    spikes, ring = rng.random(N) < 0.5, rng.integers(-3, 4, (SLOTS, M)).astype(np.float32)
    stored = get_format("coo:delay")
    static = {"format": stored, "shape": (N, M), "transpose": True, "encoding": get_encoding("binary")}
    structure = row.astype(np.int32), col.astype(np.int32), delay
    for step in (-1, 4, 2**31 - 1):
        expected = ring.copy()
        for i, j, later in zip(row, col, of_entry.tolist(), strict=True):
            if spikes[i] and 1 <= later < SLOTS:
                expected[(step + later) % SLOTS, j] += dense[i, j]
        found = deliver_p(jnp.asarray(ring), jnp.asarray(dense[row, col]), *structure, np.int32(step), spikes, **static)
        np.testing.assert_array_equal(found, expected)
        left, now = take_slot_p(found, np.int32(step))
        np.testing.assert_array_equal(now, expected[step % SLOTS])
        expected[step % SLOTS] = 0
        np.testing.assert_array_equal(left, expected)


@pytest.mark.parametrize(("fmt", "transpose", "kind"), [
    ("csr:delay", True, "binary"),
    ("csr:delay", False, "float"),
    ("csr:csc_index:delay", False, "binary"),
    ("fixed_num:delay", True, "sparse_float"),
])  # fmt: skip
def test_malformed_structures(fmt: str, transpose: bool, kind: str, on_cpu: None, rng: np.random.Generator) -> None:
    stored, shape = get_format(fmt), (13, 9)
    structure = [jnp.asarray(a) for a in stored.random_structure(rng, shape, 6, malformed=True, dtype="int32")]
    lines, others = shape if transpose else shape[::-1]
    size = stored.weights_shape(structure, shape) if transpose else (1,)
    data = jnp.asarray(rng.integers(1, 9, size), jnp.bfloat16)
    x = jnp.asarray(rng.random(lines) < 0.6)
    x = x.astype(data.dtype) if "float" in kind else x
    ring = jnp.asarray(rng.integers(-3, 4, (SLOTS, others)), jnp.float32)
    static = {"format": stored, "shape": shape, "transpose": transpose, "encoding": get_encoding(kind)}
    operands = (ring, data, *structure, jnp.int32(rng.integers(-9, 9)), x)
    found = deliver_p(*operands, backend=BACKEND, **static)
    np.testing.assert_array_equal(found, deliver_p(*operands, backend="reference", **static))


def test_a_loop_changes_the_ring_in_place(on_cpu: None, rng: np.random.Generator) -> None:
    dense = np.where(rng.random((N, M)) < 0.4, rng.integers(1, 9, (N, M)), 0).astype(np.float32)
    W = brainevent.CSR.fromdense(jnp.asarray(dense)).with_delay(3)
    spikes = jnp.asarray(rng.random((5, N)) < 0.4)  # so few steps that their stacked output is smaller than the ring

    def run(ring: Any, spikes: Any) -> Any:
        def turn(ring: Any, spikes: Any) -> Any:
            now, ring = ring.pop()
            return ring.add(brainevent.BinaryArray(spikes), W), now

        return jax.lax.scan(turn, ring, spikes)

    ring = brainevent.DelayRing(SLOTS, M)
    program = jax.jit(run, donate_argnums=0).lower(ring, spikes).compile()
    assert not weight_sized_copies(program.as_text(), SLOTS * M)
    _, now = program(ring, spikes)
    products = np.asarray(spikes, np.float32) @ dense
    # Delays of events that are added after `pop` are counted from the next step.
    np.testing.assert_array_equal(now[4:], products[:-4])
    np.testing.assert_array_equal(now[:4], 0)


def test_what_no_kernel_is_written_for_is_refused() -> None:
    for wrong in ({"extent": "guess"}, {"strategy": "pointers"}, {"delay": "int4"}):
        with pytest.raises(NotImplementedError, match="No kernel is written for"):
            DeliverySpec(**{"strategy": "scatter", "layout": "csr", **wrong})
