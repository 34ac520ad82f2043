"""The kernels of products, on Warp's CPU device with the native launcher: compared with the reference and dense NumPy,
and with planted faults. None of these tests uses a GPU."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.warp_kernels import ALONE, entry_of, plan_of

import brainevent
from brainevent_core import info
from brainevent_core.encodings import BINARY, BITPACKED, FLOAT, SPARSE_FLOAT
from brainevent_core.errors import BackendWarning, KernelBuildError
from brainevent_core.plugins import get_registry, selection
from brainevent_core.testing import ConformanceSuite
from brainevent_core.testing.conformance.check import stand_in
from brainevent_cpu.testing import CallFrame
from brainevent_cuda13.kernels import compiled, images, matmul, warp_layout
from brainevent_cuda13.kernels.compiled import CompiledKernel, HostThreads
from brainevent_cuda13.kernels.launcher import Launch, Plan, Pointer, Zero, records
from brainevent_cuda13.kernels.launcher.call import driver_for, handler
from brainevent_cuda13.kernels.native.spec import KernelSpec
from brainevent_cuda13.kernels.operations import Fill, pointer_runs

pytest.importorskip("warp", reason="the kernels are compiled by Warp")

BACKEND = "warp-cuda13"


class TestConformance(ConformanceSuite):
    """A few cases; with --slow all of a pairwise cover, which `python -m brainevent.testing` runs as well."""

    backend, platform = BACKEND, "cpu"
    select = "^matmul-(csr|csr:csc_index|fixed_num|coo)-(binary_bool|bitpacked)-"

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if metafunc.config.getoption("--slow") or metafunc.config.getoption("--full"):
            type(self).select = "^matmul-"
        super().pytest_generate_tests(metafunc)


@pytest.fixture
def on_cpu() -> Iterator[None]:
    with stand_in(BACKEND, "cpu"), brainevent.use_backend(BACKEND):
        yield


def test_a_stand_in_leaves_nothing_behind() -> None:
    """Outside of the context, no kernel is registered for CPU."""

    def registered() -> list[str]:
        return [kernel.primitive for kernel in get_registry().kernels(platform="cpu") if kernel.backend == BACKEND]

    with stand_in(BACKEND, "cpu"), stand_in(BACKEND, "cpu"):
        generated = {"jitc_matmul", "jitc_to_coo", "jitc_to_dense"}
        assert {*generated, "matmul", "sddmm", "stdp_update", "deliver", "take_slot"} <= set(registered())
    assert registered() == []


# --- Threads in warps, and single threads -----------------------------------------------------------------------------


@pytest.fixture(params=["alone", "in warps"])
def threads(request: pytest.FixtureRequest) -> HostThreads:
    threads = compiled.host_threads() if request.param == "in warps" else ALONE
    if request.param == "in warps" and threads == ALONE:
        pytest.skip("this Warp has no blocks on CPU, whose threads take turns")
    return threads


def random_csr(rng: np.random.Generator, rows: int, columns: int, per_row: int) -> tuple[np.ndarray, ...]:
    counts = rng.integers(0, 2 * per_row, rows)
    pointer = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    indices = rng.integers(-1, columns + 1, pointer[-1])
    weights = rng.integers(-3, 4, pointer[-1]).astype(np.float32)
    dense = np.zeros((rows, columns), np.float32)
    row, inside = np.repeat(np.arange(rows), counts), (indices >= 0) & (indices < columns)
    np.add.at(dense, (row[inside], indices[inside]), weights[inside])
    return pointer, indices, weights, dense


FAR = 2**33  # exceeds int32, even when counted in units of 4 bytes


@pytest.mark.parametrize("share", [0, 1, 3, 5])
def test_gather_beyond_32_bits(share: int, threads: HostThreads, rng: np.random.Generator) -> None:
    """Indices of entries and of x exceed 2**33: the addresses of their arrays are shifted back by as much."""
    if share and threads == ALONE:
        pytest.skip("a thread that is alone sums whole rows")
    pointer, indices, weights, dense = random_csr(rng, 37, 41, 20)
    x = rng.random(41) < 0.4
    out = np.full(37, np.nan, np.float32)
    far_pointer, far_indices = pointer + FAR, np.where(indices < 0, -1, indices + FAR)
    maxima = np.zeros(2, np.int64)
    run = entry_of(KernelSpec("gather", "csr", index="int64", second="int64"), threads)
    run(
        37 << share,
        data=weights.ctypes.data - 4 * FAR,
        indices=far_indices.ctypes.data - 8 * FAR,
        pointer=far_pointer.ctypes.data,
        x=x.ctypes.data - FAR,
        out=out.ctypes.data,
        maxima=maxima.ctypes.data,
        nse=FAR + weights.size,
        lines=37,
        bound=FAR + 41,
        batch=1,
        share=share,
    )
    np.testing.assert_array_equal(out, dense @ x)


@pytest.mark.parametrize("share", [1, 5, 32])
def test_scatter_beyond_32_bits(share: int, threads: HostThreads, rng: np.random.Generator) -> None:
    if share > 1 and threads == ALONE:
        pytest.skip("a thread that is alone looks at one row")
    pointer, indices, weights, dense = random_csr(rng, 67, 41, 20)
    x = rng.random(67) < 0.4
    out = np.zeros(41, np.float32)
    far_pointer, far_indices = pointer + FAR, np.where(indices < 0, -1, indices + FAR)
    maxima = np.zeros(2, np.int64)
    run = entry_of(KernelSpec("scatter", "csr", index="int64", second="int64"), threads)
    run(
        -(-67 // share) * threads.lanes,
        data=weights.ctypes.data - 4 * FAR,
        indices=far_indices.ctypes.data - 8 * FAR,
        pointer=far_pointer.ctypes.data,
        x=x.ctypes.data,
        out=out.ctypes.data - 4 * FAR,
        maxima=maxima.ctypes.data,
        nse=FAR + weights.size,
        lines=67,
        bound=FAR + 41,
        batch=1,
        share=share,
    )
    np.testing.assert_array_equal(out, x @ dense)


def test_pointers_that_fall(threads: HostThreads, rng: np.random.Generator) -> None:
    """Many pointers, in several chunks. The start of a row is their running maximum, clipped to [0, nse]."""
    count, nse = 1000, 5000
    pointer = np.sort(rng.integers(0, nse, count))
    spec = KernelSpec("pointers", second="int64")
    for falling in (False, True):
        if falling:
            at = rng.integers(count, size=5)
            pointer[at] = rng.choice([-7, nse + 9, 2**40, 0], size=5)
            pointer[300] = 4000
            pointer[301] = 17
        maxima = np.zeros(1 + -(-count // 256), np.int64)
        words = {"pointer": pointer.ctypes.data, "maxima": maxima.ctypes.data, "nse": nse, "lines": count}
        entry_of(spec, threads)(count, **words)
        clipped = np.clip(pointer, 0, nse)
        assert maxima[0] == falling
        assert maxima[1:].tolist() == [clipped[i : i + 256].max() for i in range(0, count, 256)]


# --- Planted faults ---------------------------------------------------------------------------------------------------


def run_plan(plan: Plan, arrays: dict[str, np.ndarray], out: np.ndarray, sizes: tuple[int, ...]) -> None:
    """Execute a plan whose kernel has no row pointers, with an output buffer that isn't zero."""
    out[:] = 7
    key = records.enter(plan, driver_for("cpu"))
    frame = CallFrame(list(arrays.values()), [out], [np.int64(key), np.array(sizes, np.int64)])
    frame.call(handler())
    assert not frame.errors


@pytest.mark.parametrize("fault", [None, "not zeroed", "swapped arguments", "too few threads", "wrong width"])
def test_faults_in_plans_are_caught(fault: str | None, rng: np.random.Generator) -> None:
    rows, columns, width = 40, 50, 6
    indices = rng.integers(0, columns, (rows, width)).astype(np.int32)
    weights = rng.integers(1, 4, (rows, width)).astype(np.float32)
    x = rng.random(rows) < 0.5
    spec = KernelSpec("scatter", "fixed_num")
    plan = plan_of(spec, Fill("out"))
    zero, launch = plan.operations
    assert isinstance(zero, Zero)
    assert isinstance(launch, Launch)
    if fault == "not zeroed":
        plan = dataclasses.replace(plan, operations=(launch,))
    elif fault == "swapped arguments":
        first, second, *rest = launch.arguments
        swapped = dataclasses.replace(launch, arguments=(second, first, *rest))
        plan = dataclasses.replace(plan, operations=(zero, swapped))
    lanes = compiled.host_threads().lanes
    threads = (rows // 2 if fault == "too few threads" else rows) * lanes
    sizes = (0, rows * width, rows, width - (fault == "wrong width"), columns, 0, 1, 1, 0, threads, 0)
    out = np.empty(columns, np.float32)
    arrays = {"data": weights.reshape(-1), "indices": indices.reshape(-1), "x": x}
    run_plan(plan, arrays, out, sizes)
    expected = np.zeros(columns, np.float32)
    np.add.at(expected, indices[x], weights[x])
    assert np.array_equal(out, expected) == (fault is None)


def test_a_backend_whose_self_test_fails_is_not_used(
    on_cpu: None, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    def wrong(*arguments: Any, **options: Any) -> Any:
        (out,) = real(*arguments, **options)
        return [out.at[-1].add(1)]

    real = matmul._product
    monkeypatch.setattr(matmul, "_product", wrong)
    monkeypatch.setattr(matmul, "_tested", {})
    monkeypatch.setattr(selection, "_warned", set())
    dense = rng.normal(size=(20, 30)).astype(np.float32) * (rng.random((20, 30)) < 0.4)
    W, spikes = brainevent.CSR.fromdense(jnp.asarray(dense)), jnp.asarray(rng.random(20) < 0.5)
    with pytest.warns(BackendWarning, match=r"self-test.*a small scatter, gave wrong numbers"):
        out = brainevent.BinaryArray(spikes) @ W
    np.testing.assert_allclose(out, np.asarray(spikes) @ dense, rtol=1e-5)
    jax.clear_caches()


def test_a_warp_of_another_layout_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    class Bounds(ctypes.Structure):
        _fields_ = (("shape", ctypes.c_int * 4), ("ndim", ctypes.c_int), ("size", ctypes.c_size_t))

    warp_layout.fault.cache_clear()
    assert warp_layout.fault() is None
    for found, what in ((Bounds, "its launch bounds have the fields"), (None, "it has no launch bounds")):
        warp_layout.fault.cache_clear()
        monkeypatch.setattr(warp_layout, "_bounds_type", lambda found=found: found)
        with pytest.raises(KernelBuildError, match=what):
            CompiledKernel(KernelSpec("coordinates", value="float64", batched=True, index="uint8")).host_entry()
    monkeypatch.undo()
    warp_layout.fault.cache_clear()


def test_what_no_kernel_is_written_for_is_refused() -> None:
    for wrong in ({"layout": "csc"}, {"strategy": "guess"}, {"value": "int32"}, {"index": "int4"}):
        with pytest.raises(NotImplementedError, match="No kernel is written for"):
            KernelSpec(**{"strategy": "gather", "layout": "csr", **wrong})


# --- Programs ---------------------------------------------------------------------------------------------------------


def lowered_for_cuda(function: Any, *arguments: Any) -> str:
    with brainevent.use_backend(BACKEND):
        return jax.jit(function).trace(*arguments).lower(lowering_platforms=("cuda",)).as_text()


@pytest.fixture
def for_cuda() -> Iterator[None]:
    """The kernels, registered for GPUs as the package does on a machine with a GPU."""
    from brainevent_cuda13.kernels import register

    registry = get_registry()
    with stand_in(BACKEND, "cpu"):  # so that the backend can be requested
        register(registry, backend=BACKEND)
        yield
        registry.withdraw(BACKEND, platform="cuda")


@pytest.mark.parametrize("batch", [(), (5,), (5, 3)])
def test_a_product_is_one_call(batch: tuple[int, ...], for_cuda: None, rng: np.random.Generator) -> None:
    """There is neither a loop nor a scatter of XLA, for any batch."""
    W = brainevent.CSR.fromdense(jnp.asarray(rng.normal(size=(20, 30)), jnp.float32))

    def product(data: Any, x: Any) -> Any:
        return brainevent.BinaryArray(x) @ W.with_data(data)

    for _ in batch:
        product = jax.vmap(product)
    text = lowered_for_cuda(product, jnp.ones((*batch, W.nse)), jnp.ones((*batch, 20), bool))
    assert text.count("stablehlo.custom_call") == 1
    assert "brainevent_cuda13_plans_launcher" in text
    assert "while" not in text
    assert "scatter" not in text


def test_the_same_program_has_the_same_text(for_cuda: None, rng: np.random.Generator) -> None:
    """The program contains no address and no counter, so that XLA's persistent cache finds it."""
    W = brainevent.CSR.fromdense(jnp.asarray(rng.normal(size=(20, 30)), jnp.float32))
    texts = []
    for _ in range(2):
        jax.clear_caches()
        texts.append(lowered_for_cuda(lambda x: brainevent.BinaryArray(x) @ W, jnp.ones(20, bool)))
    assert texts[0] == texts[1]


def test_what_is_left_to_xla_is_named_and_quiet(for_cuda: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Encodings and products without sparsity. Indexing rows uses no primitive, so no kernel is missing there."""
    monkeypatch.setattr(selection, "_warned", set())
    x, dense = jnp.ones(20), brainevent.Dense(jnp.ones((20, 30)))
    left = {
        "encode_events": [lambda x: brainevent.bitpack(x).value, lambda x: brainevent.CompactBinary(x).indices],
        "matmul": [lambda x: x @ dense],
        "sddmm": [lambda x: jax.grad(lambda data: jnp.sum(x @ brainevent.Dense(data)))(dense.data)],
    }
    for primitive, calls in left.items():
        for call in calls:  # warnings are errors
            with get_registry().record() as lowered:
                lowered_for_cuda(call, x)
            (by_design,) = {one.by_design for one in lowered if one.primitive == primitive}
            assert by_design is not None
            assert by_design.startswith(f"{BACKEND}: ")
            assert f"{primitive} on cuda: {by_design}" in info.render(info.gather())
    W = brainevent.CSR.fromdense(np.eye(20, dtype=np.float32))
    with get_registry().record() as lowered:
        lowered_for_cuda(lambda rows: W[rows], jnp.arange(3))
    assert not lowered
    product = jax.jit(lambda x: brainevent.BinaryArray(x) @ W)
    with pytest.warns(BackendWarning, match="'matmul' runs on the reference kernel on 'cuda'"):  # without a request
        product.trace(x).lower(lowering_platforms=("cuda",))


# --- Machine code for GPUs --------------------------------------------------------------------------------------------


def test_cubins_are_compiled_without_a_gpu_and_kept(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINEVENT_CACHE_DIR", str(tmp_path))
    kernel = CompiledKernel(KernelSpec("scatter", "fixed_num"))
    made = kernel.image(90)
    assert made.startswith(b"\x7fELF")
    assert kernel.symbol().encode() in made
    assert images.state().files == 1
    monkeypatch.setattr(images, "_compiled", lambda *_: pytest.fail("it is on disk"))
    assert kernel.image(90) == made
    other = dataclasses.replace(kernel, spec=KernelSpec("scatter", "fixed_num", index="int64"))
    assert other.digest != kernel.digest


SPECS = [
    KernelSpec("pointers"),
    *(
        KernelSpec(strategy, layout, value=value, encoding=encoding, batched=batched)
        for strategy, layout in (("gather", "csr"), ("scatter", "csr"), ("scatter", "fixed_num"), ("coordinates", ""))
        for value, encoding in (("float32", BINARY), ("float64", FLOAT), ("float16", BITPACKED))
        for batched in (False, True)
    ),
    KernelSpec("scatter", "dense", value="bfloat16", encoding=SPARSE_FLOAT),
    KernelSpec("gather", "dense", homogeneous=True),
    KernelSpec("scatter", "csr", permuted=True, index="int64", second="int64", perm="int64"),
]


@pytest.mark.slow
@pytest.mark.parametrize("architecture", images.ARCHITECTURES)
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_kind_of_kernel_compiles_for_every_architecture(spec: KernelSpec, architecture: int) -> None:
    assert CompiledKernel(spec).symbol().encode() in CompiledKernel(spec).image(architecture)


def test_a_kernel_that_cannot_be_compiled_is_a_build_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("BRAINEVENT_CACHE_DIR", str(tmp_path))
    with pytest.raises(KernelBuildError, match=r"couldn't compile be_pointers_int8 for sm_1[:]"):
        CompiledKernel(KernelSpec("pointers", second="int8")).image(1)


def test_pointers_in_plans() -> None:
    """A kernel with row pointers has another launch before it, and a zeroed buffer for it."""
    first, made, pointers = pointer_runs({"pointer": jnp.zeros(1000, jnp.int32)})
    assert (pointers, made["maxima"].shape) == (
        1000,
        (2 * (1 + 4),),
    )  # a word for whether pointers decrease, and one per chunk
    plan = plan_of(KernelSpec("gather", "csr"), *first, platform="cuda")
    zero, check, product = plan.operations
    assert isinstance(check, Launch)
    assert isinstance(product, Launch)
    maxima = len(plan.inputs) + 1
    assert zero == Zero(maxima)
    assert check.arguments[1] == Pointer(maxima)
    assert (check.block, product.block) == (256, 256)
    assert pointer_runs({"indices": jnp.zeros(1000, jnp.int32)}) == ([], {}, 0)


IN_THE_IMAGE = """
import sys
sys.modules["warp"] = None  # nothing imports it
from brainevent_cuda13.kernels import images
from brainevent_cuda13.kernels.compiled import CompiledKernel
from brainevent_cuda13.kernels.native.spec import KernelSpec
for architecture in (80, 90):
    assert CompiledKernel(KernelSpec("coordinates")).image(architecture).startswith(b"\\x7fELF")
print(images.state().files, images.state().fault)
"""


@pytest.mark.slow
def test_precompiling_for_a_gpu_elsewhere(tmp_path: Any) -> None:
    """The compiled kernels are those that a process with this GPU looks for, in a copy of the folder as well."""
    folder, copy = tmp_path / "built", tmp_path / "image"

    def run(*arguments: str, folder: Any) -> str:
        environment = {**os.environ, "BRAINEVENT_CACHE_DIR": str(folder)}
        command = [sys.executable, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    arguments = ["--backend", BACKEND, "--platform", "cuda", "--arch", "sm_80,90", "--select", "^COO: W @ spikes"]
    assert "2 new" in run("-m", "brainevent", "precompile", *arguments, "--for-all-users", folder=folder)
    shutil.copytree(folder, copy)
    shutil.rmtree(folder)
    assert run("-c", IN_THE_IMAGE, folder=copy) == "2 None\n"
