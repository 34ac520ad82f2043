"""The kernels that update weights in place, on Warp's CPU device with the native launcher: compared with the reference
and dense NumPy. None of these tests uses a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.compiled_programs import weight_sized_copies
from tests.warp_kernels import ALONE, entry_of

import brainevent
from brainevent_core.encodings import BINARY
from brainevent_core.formats import get_format
from brainevent_core.plugins import get_registry
from brainevent_core.primitives import stdp_update_p
from brainevent_core.testing import ConformanceSuite
from brainevent_core.testing.conformance.check import stand_in
from brainevent_core.testing.numerics import x64
from brainevent_cuda13.kernels import compiled
from brainevent_cuda13.kernels.native.plasticity import UpdateSpec

pytest.importorskip("warp", reason="the kernels are compiled by Warp")

BACKEND = "warp-cuda13"


class TestConformance(ConformanceSuite):
    """A few cases; with --slow all of a pairwise cover, which `python -m brainevent.testing` runs as well."""

    backend, platform = BACKEND, "cpu"
    select = "^stdp_update-(csr|coo)-bitpacked-"

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if metafunc.config.getoption("--slow") or metafunc.config.getoption("--full"):
            type(self).select = "^stdp_update-"
        super().pytest_generate_tests(metafunc)


@pytest.fixture
def on_cpu() -> Iterator[None]:
    with stand_in(BACKEND, "cpu"), brainevent.use_backend(BACKEND):
        yield


N, M = 61, 53
MATRICES: dict[str, Any] = {
    name: getattr(brainevent, name) for name in ("CSR", "CSC", "COO", "FixedPostNumConn", "FixedPreNumConn", "Dense")
}


def random_matrix(name: str, rng: np.random.Generator, dtype: str = "float32") -> Any:
    """A matrix with integer weights, so that rounding hides no error."""
    dense = np.where(rng.random((N, M)) < 0.3, rng.integers(1, 9, (N, M)), 0).astype(dtype)
    matrix = MATRICES[name.removesuffix("+index")].fromdense(jnp.asarray(dense))
    return matrix.with_csc_index() if name.endswith("+index") else matrix


@pytest.mark.parametrize(
    ("name", "dtype", "clip"),
    [
        ("CSR", "float32", "updated"),
        ("CSR+index", "bfloat16", "all"),
        ("CSC", "float16", "updated"),
        ("COO", "float64", "all"),
        ("FixedPostNumConn", "float32", "all"),
        ("FixedPreNumConn", "float32", "updated"),
        ("Dense", "float16", "updated"),
    ],
)
def test_events_of_either_side(name: str, dtype: str, clip: str, on_cpu: None, rng: np.random.Generator) -> None:
    with x64(dtype == "float64"):
        matrix = random_matrix(name, rng, dtype)
        dense = np.asarray(matrix.todense()).astype(float)
        exists = (dense != 0) | (name == "Dense")
        pre, post = rng.random(N) < 0.3, rng.random(M) < 0.3
        of_pre, of_post = rng.integers(-5, 6, N), rng.integers(-5, 6, M)
        sides = [(pre[:, None], of_post[None, :]), (post[None, :], of_pre[:, None])]
        found = [
            matrix.update_on_pre(pre, of_post.astype(dtype), -1, 6, clip=clip),
            matrix.update_on_post(of_pre.astype(dtype), post, -1, 6, clip=clip),
        ]
        for (events, trace), new in zip(sides, found, strict=True):
            expected = dense + np.where(events, trace, 0)
            expected = np.where(events | (clip == "all"), np.clip(expected, -1, 6), expected)
            got = np.asarray(new.todense()).astype(float)
            np.testing.assert_array_equal(got, np.where(exists, expected, 0))


@pytest.mark.parametrize("clip", ["all", "updated"])
def test_a_bound_for_each_weight(clip: str, on_cpu: None, rng: np.random.Generator) -> None:
    matrix = random_matrix("CSR", rng)
    lower, upper = rng.integers(-3, 3, (N, 1)).astype(np.float32), rng.integers(3, 6, matrix.nse).astype(np.float32)
    pre, trace = rng.random(N) < 0.3, rng.normal(size=M).astype(np.float32)
    with get_registry().record() as lowered:
        found = matrix.update_on_pre(pre, trace, lower, upper, clip=clip).data
    assert [one.backend for one in lowered if one.primitive == "stdp_update"] == [BACKEND]
    with brainevent.use_backend("reference"):
        expected = matrix.update_on_pre(pre, trace, lower, upper, clip=clip).data
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("bound", ["lower", "upper", "neither"])
def test_nan(bound: str, on_cpu: None, rng: np.random.Generator) -> None:
    """NaN in a weight or in a bound results in NaN, as with `jnp.clip`."""
    matrix = random_matrix("CSR", rng)
    weights = jnp.asarray(np.where(rng.random(matrix.nse) < 0.3, np.nan, np.asarray(matrix.data)))
    matrix, pre = matrix.with_data(weights), rng.random(N) < 0.5
    bounds = (np.nan if bound == "lower" else 1.0, np.nan if bound == "upper" else 3.0)
    found = matrix.update_on_pre(pre, 1.0, *bounds, clip="updated").data
    with brainevent.use_backend("reference"):
        np.testing.assert_array_equal(found, matrix.update_on_pre(pre, 1.0, *bounds, clip="updated").data)


@pytest.mark.parametrize(("fmt", "transpose"), [("csr", True), ("csr", False), ("coo", True), ("csr:csc_index", False)])
def test_malformed_structures(fmt: str, transpose: bool, on_cpu: None, rng: np.random.Generator) -> None:
    """Any structure has the same meaning as in the reference, and nothing outside of buffers is accessed."""
    stored, shape = get_format(fmt), (13, 9)
    structure = [jnp.asarray(a) for a in stored.random_structure(rng, shape, 6, malformed=True, dtype="int32")]
    data = jnp.asarray(rng.integers(1, 9, stored.weights_shape(structure, shape)), jnp.float32)
    lines, others = shape if transpose else shape[::-1]
    x, trace = jnp.asarray(rng.random(lines) < 0.6), jnp.asarray(rng.integers(-4, 5, others), jnp.float32)
    static = {"format": stored, "shape": shape, "transpose": transpose, "encoding": BINARY, "clip": "updated"}
    operands = (data, *structure, x, trace, jnp.float32(0), jnp.float32(6))
    found = stdp_update_p(*operands, backend=BACKEND, **static)
    np.testing.assert_array_equal(found, stdp_update_p(*operands, backend="reference", **static))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("clip", ["all", "updated"])
def test_weights_that_entries_share(dtype: str, clip: str, on_cpu: None, rng: np.random.Generator) -> None:
    """All entries add to a shared weight before it is clipped. A weight index out of range means no entry."""
    stored, shape = get_format("csr:weight_indices"), (13, 9)
    drawn = stored.random_structure(rng, shape, 6, malformed=False, dtype="int32")
    nse = drawn[0].size
    structure = [jnp.asarray(a) for a in drawn]
    structure[stored.names.index("weight_indices")] = jnp.asarray(rng.integers(-1, nse // 2 + 1, nse), jnp.int32)
    data = jnp.asarray(rng.integers(1, 9, nse), dtype)
    x, trace = jnp.asarray(rng.random(13) < 0.6), jnp.asarray(rng.integers(-4, 5, 9), dtype)
    static = {"format": stored, "shape": shape, "transpose": True, "encoding": BINARY, "clip": clip}
    operands = (data, *structure, x, trace, jnp.asarray(0, dtype), jnp.asarray(6, dtype))
    found = stdp_update_p(*operands, backend=BACKEND, **static)
    expected = stdp_update_p(*operands, backend="reference", **static)
    np.testing.assert_array_equal(found.astype(float), expected.astype(float))


# --- In place ---------------------------------------------------------------------------------------------------------


def test_donated_weights_are_overwritten(on_cpu: None, rng: np.random.Generator) -> None:
    """The output is the donated buffer, also for two members of a batch."""
    matrix = random_matrix("CSR", rng)
    spikes, trace = jnp.asarray(rng.random(N) < 0.5), jnp.ones(M)

    def update(data: Any) -> Any:
        return matrix.with_data(data).update_on_pre(spikes, trace, 0.0, 4.0, clip="all").data

    for run, weights in ((update, jnp.array(matrix.data)), (jax.vmap(update), jnp.stack([matrix.data, matrix.data]))):
        address = weights.unsafe_buffer_pointer()
        new = jax.jit(run, donate_argnums=0)(weights)
        assert new.unsafe_buffer_pointer() == address
        assert weights.is_deleted()
        np.testing.assert_array_equal(new.reshape(-1, matrix.nse)[-1], update(matrix.data))


@pytest.mark.parametrize("name", ["CSR+index", "COO", "FixedPostNumConn", "Dense"])
def test_a_loop_changes_weights_in_place(name: str, on_cpu: None, rng: np.random.Generator) -> None:
    """After a product that reads the weights and determines their update, no step creates an array of their size."""
    matrix = random_matrix(name, rng)
    spikes = rng.random((4, N)) < 0.2, rng.random((4, M)) < 0.2

    def run(weights: Any, spikes: Any) -> Any:
        def turn(weights: Any, spikes: Any) -> Any:
            now, (pre, post) = matrix.with_data(weights), spikes
            current = brainevent.BinaryArray(pre) @ now
            new = now.update_on_pre(pre, 0.125 * current, 0.0, 7.0, clip="updated")
            new = new.update_on_post(jnp.linspace(0, 1, N), post, 0.0, 7.0, clip="all")
            return new.data, current

        return jax.lax.scan(turn, weights, spikes)

    program = jax.jit(run, donate_argnums=0).lower(matrix.data, spikes).compile()
    assert not weight_sized_copies(program.as_text(), matrix.data.size)
    new, currents = program(jnp.array(matrix.data), spikes)
    with brainevent.use_backend("reference"):
        expected, expected_currents = jax.jit(run)(matrix.data, spikes)
    np.testing.assert_allclose(new, expected, rtol=1e-5)
    np.testing.assert_allclose(currents, expected_currents, rtol=1e-5)


# --- Kernels ----------------------------------------------------------------------------------------------------------

FAR = 2**33  # exceeds int32, even when counted in units of 4 bytes


@pytest.mark.parametrize("parts", [0, 2])
def test_rows_beyond_32_bits(parts: int, rng: np.random.Generator) -> None:
    """Indices of entries exceed 2**33: the addresses of their arrays are shifted back by as much."""
    threads = compiled.host_threads()
    counts = rng.integers(0, 150, 21)
    pointer = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    nse = int(pointer[-1])
    indices, weights = rng.integers(-1, 42, nse), rng.integers(-3, 4, nse).astype(np.float32)
    x, trace = rng.random(21) < 0.5, rng.integers(-3, 4, 41).astype(np.float32)
    inside = (indices >= 0) & (indices < 41) & np.repeat(x, counts)
    expected = np.where(inside, np.clip(weights + trace[np.clip(indices, 0, 40)], -2, 3), weights)
    words = {
        "pointer": pointer + FAR,
        "indices": np.where(indices < 0, -1, indices),
        "out": weights,
        "x": x,
        "trace": trace,
        "lower": np.full(1, -2, np.float32),
        "upper": np.full(1, 3, np.float32),
        "maxima": np.zeros(2, np.int64),
    }
    addresses = {name: array.ctypes.data for name, array in words.items()}
    addresses["indices"] -= 8 * FAR
    addresses["out"] -= 4 * FAR
    spec = UpdateSpec("scatter", "csr", index="int64", second="int64")
    warps = 21 << parts
    entry_of(spec, threads)(warps * threads.lanes, **addresses, nse=FAR + nse, lines=21, bound=41, share=1, parts=parts)
    np.testing.assert_array_equal(weights, expected)


def test_threads_alone(rng: np.random.Generator) -> None:
    """Single threads, as with a version of Warp without blocks on CPU."""
    out = rng.integers(-9, 10, 100).astype(np.float32)
    expected = np.clip(out, -2, 3)
    low, high = np.full(1, -2, np.float32), np.full(1, 3, np.float32)
    run = entry_of(UpdateSpec("weights", action="clip"), ALONE)
    run(100, lower=low.ctypes.data, upper=high.ctypes.data, out=out.ctypes.data, nse=100)
    np.testing.assert_array_equal(out, expected)


def test_what_no_kernel_is_written_for_is_refused() -> None:
    for wrong in ({"action": "guess"}, {"strategy": "pointers"}):
        with pytest.raises(NotImplementedError, match="No kernel is written for"):
            UpdateSpec(**{"strategy": "scatter", "layout": "csr", **wrong})
