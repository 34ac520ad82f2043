"""The kernels of generated connectivity, on Warp's CPU device with the native launcher: compared with the reference,
and with planted faults. None of these tests uses a GPU."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.warp_kernels import plan_of

import brainevent
from brainevent_core.encodings import BINARY, BITPACKED, COMPACT, FLOAT, SPARSE_FLOAT, Encoding
from brainevent_core.errors import BackendWarning, MathError
from brainevent_core.jitc import LAWS, NORMAL, SCALAR, UNIFORM, ConnectionRule, Law, block_keys, block_size, gap_tables
from brainevent_core.plugins import get_registry, selection
from brainevent_core.primitives.jitc import jitc_matmul_p, jitc_to_coo_p, jitc_to_dense_p
from brainevent_core.testing import ConformanceSuite
from brainevent_core.testing.conformance.check import stand_in
from brainevent_core.testing.conformance.comparison import difference
from brainevent_core.testing.conformance.operands import numbers
from brainevent_core.testing.numerics import x64
from brainevent_cpu.testing import CallFrame
from brainevent_cuda13.kernels import compiled, images, jitc
from brainevent_cuda13.kernels.compiled import CompiledKernel
from brainevent_cuda13.kernels.launcher import Launch, Plan, Zero, records
from brainevent_cuda13.kernels.launcher.call import driver_for, handler
from brainevent_cuda13.kernels.native.jitc.spec import JitcSpec
from brainevent_cuda13.kernels.native.jitc.words import function
from brainevent_cuda13.kernels.operations import Fill

pytest.importorskip("warp", reason="the kernels are compiled by Warp")

BACKEND = "warp-cuda13"


class TestConformance(ConformanceSuite):
    """A few cases; with --slow all of a pairwise cover, which `python -m brainevent.testing` runs as well."""

    backend, platform = BACKEND, "cpu"
    select = "^jitc_matmul-normal-bitpacked-"

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if metafunc.config.getoption("--slow") or metafunc.config.getoption("--full"):
            type(self).select = "^jitc_"
        super().pytest_generate_tests(metafunc)


@pytest.fixture
def on_cpu() -> Iterator[None]:
    with stand_in(BACKEND, "cpu"), brainevent.use_backend(BACKEND):
        yield


def both(function: Any, *arrays: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The results of a function with our kernels, which must be selected, and with the reference."""
    results = []
    with stand_in(BACKEND, "cpu"):
        for backend in (BACKEND, "reference"):
            jax.clear_caches()
            with brainevent.use_backend(backend), get_registry().record() as selections:
                results.append([np.asarray(one) for one in jax.tree.leaves(jax.jit(function)(*arrays))])
            assert {one.backend for one in selections} == {backend}
    return results[0], results[1]


# A probability for each kind of table (number and base of the digits of a gap); rows span several blocks.
LENGTHS = {0.3: 5000, 0.002: 140_000, 1e-4: 140_000, 2e-6: 200_000}


@pytest.mark.cover(share=0.15)
@pytest.mark.parametrize("rows", [3, 40], ids=lambda rows: f"{rows}rows")
@pytest.mark.parametrize("batch", [None, 5, 40], ids=lambda batch: f"batch{batch}")
@pytest.mark.parametrize("transpose", [False, True], ids=["gather", "scatter"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("encoding", [BINARY, BITPACKED, COMPACT, SPARSE_FLOAT, FLOAT], ids=str)
@pytest.mark.parametrize("prob", LENGTHS)
@pytest.mark.parametrize("law", LAWS.values(), ids=str)
def test_products(
    law: Law,
    prob: float,
    encoding: Encoding,
    dtype: str,
    transpose: bool,
    batch: int | None,
    rows: int,
    rng: np.random.Generator,
) -> None:
    """With few rows, several groups of lanes share a row. Some lanes have no column in the last part of a batch."""
    shape = rows, LENGTHS[prob]
    inner = shape[0] if transpose else shape[1]
    mask = rng.random((inner, *([batch] if batch else []))) < 0.4
    assert encoding.draw is not None
    with x64(dtype == "float64"):
        kind = "bool" if encoding is BINARY else dtype
        x = jnp.asarray(encoding.draw(rng, mask, True, kind))
        data = jnp.asarray(numbers((len(law.parameters),), dtype, rng))
        seed, offset = rng.integers(2**32, size=2, dtype=np.uint32), rng.integers(2**31, size=1).astype(np.uint32)
        params = {"rule": ConnectionRule(law, prob), "shape": shape, "transpose": transpose, "encoding": encoding}
        found, expected = both(lambda *operands: jitc_matmul_p(*operands, **params), data, seed, offset, x)
    assert difference(found, expected, "float32" if law is NORMAL and dtype == "float64" else dtype) is None


@pytest.mark.cover(share=0.25, strength=1)
@pytest.mark.parametrize("prob", LENGTHS)
def test_connectivity_bit_for_bit(prob: float, rng: np.random.Generator) -> None:
    """Single events must find the rows and columns of the dense matrix; windows and lists must equal the reference."""
    shape = 3, LENGTHS[prob]
    rule = ConnectionRule(SCALAR, prob)
    seed, offset = rng.integers(2**32, size=2, dtype=np.uint32), rng.integers(2**32, size=1, dtype=np.uint32)
    nse = int(prob * shape[0] * shape[1] * 1.5) + 8

    def written(seed: Any, offset: Any) -> Any:
        window = jnp.append(offset, jnp.uint32(12_345))
        return (
            jitc_to_dense_p(seed, jnp.append(offset, jnp.uint32(0)), rule=rule, shape=shape),
            jitc_to_dense_p(seed, window, rule=rule, shape=shape),
            jitc_to_coo_p(seed, offset, rule=rule, shape=shape, nse=nse),
            jitc_to_coo_p(seed, offset, rule=rule, shape=shape, nse=nse // 3),
            jitc_to_coo_p(seed, offset, rule=rule, shape=shape, nse=0),
        )

    found, expected = both(written, seed, offset)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    connected = expected[0]
    at = rng.choice(np.flatnonzero(connected.any(axis=0)), 2) if connected.any() else np.array([0, 1])

    with stand_in(BACKEND, "cpu"), brainevent.use_backend(BACKEND):
        static = {"rule": rule, "shape": shape, "encoding": BINARY}
        one = jnp.ones(1, jnp.float32)
        row_of = jitc_matmul_p(one, seed, offset, jnp.eye(3, dtype=bool), transpose=True, **static)
        column_of = jitc_matmul_p(
            one, seed, offset, jnp.zeros((shape[1], 2), bool).at[at, jnp.arange(2)].set(True), transpose=False, **static
        )
    np.testing.assert_array_equal(np.asarray(row_of).T, connected)
    np.testing.assert_array_equal(column_of, connected[:, at])


@pytest.mark.parametrize("transpose", [False, True])
def test_empty_shapes(transpose: bool, on_cpu: None) -> None:
    """Empty matrices and an empty batch, which the conformance kit doesn't have, in a single program."""

    def products() -> list[Any]:
        network = jnp.ones(1), jnp.zeros(2, jnp.uint32), jnp.zeros(1, jnp.uint32)
        params = {"rule": ConnectionRule(SCALAR, 1.0), "transpose": transpose, "encoding": BINARY}
        return [
            jitc_matmul_p(*network, jnp.ones((inner, batch), bool), shape=shape, **params)
            for (_, inner), batch, shape in cases
        ]

    sizes = [((3, 2), 0), ((0, 3), 2), ((3, 0), 2), ((0, 0), 2), ((1, 1), 2)]
    cases = [(size, batch, size[::-1] if transpose else size) for size, batch in sizes]
    for out, ((outer, inner), batch, _) in zip(jax.jit(products)(), cases, strict=True):
        np.testing.assert_array_equal(out, np.full((outer, batch), inner))


@pytest.mark.parametrize("wrong", ["x", "seed", "offset", "data"])
def test_operands_that_do_not_fit_are_refused(wrong: str, on_cpu: None) -> None:
    operands = {
        "data": jnp.ones(1),
        "seed": jnp.zeros(2, jnp.uint32),
        "offset": jnp.zeros(1, jnp.uint32),
        "x": jnp.ones(7, bool),
    }
    operands[wrong] = jnp.tile(operands[wrong], 3)
    rule = ConnectionRule(SCALAR, 0.1)
    with pytest.raises(MathError, match="shape"):
        jitc_matmul_p(*operands.values(), rule=rule, shape=(5, 7), transpose=False, encoding=BINARY)


# --- Planted faults ---------------------------------------------------------------------------------------------------


FAULTS = [None, "not zeroed", "swapped words", "another block", "too few threads", "too few turns"]


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_in_plans_are_caught(fault: str | None, rng: np.random.Generator) -> None:
    rule, shape = ConnectionRule(SCALAR, 0.3), (20, 5000)
    x = rng.random(shape[0]) < 0.7
    seed, offset = rng.integers(2**32, size=2, dtype=np.uint32), np.zeros(1, np.uint32)
    tables = gap_tables(rule.prob)
    spec = JitcSpec("jitc_scatter", digits=len(tables), cells=tables.shape[1])
    plan = plan_of(spec, Fill("out"))
    zero, launch = plan.operations
    assert isinstance(zero, Zero)
    assert isinstance(launch, Launch)
    if fault == "not zeroed":
        plan = dataclasses.replace(plan, operations=(launch,))
    parts, turns, share, threads = jitc._scatter_geometry(rule.prob, shape, 1, "cpu")
    assert parts * turns * block_size(rule.prob) >= shape[1]
    if fault == "too few threads":
        threads //= 2
    block = block_size(rule.prob) * (2 if fault == "another block" else 1)
    sizes = (0, *shape, block, parts, turns - (fault == "too few turns"), share, 1, 0, threads, 0)
    data, out = np.array([2], np.float32), np.empty(shape[1], np.float32)
    given = seed[::-1].copy() if fault == "swapped words" else seed
    run_plan(plan, [data, given, offset, tables.reshape(-1).copy(), x], out, sizes)
    params = {"rule": rule, "shape": shape, "transpose": True, "encoding": BINARY}
    with brainevent.use_backend("reference"):
        expected = jitc_matmul_p(data, seed, offset, x, **params)
    assert np.array_equal(out, expected) == (fault is None)


def run_plan(plan: Plan, arrays: list[np.ndarray], out: np.ndarray, sizes: tuple[int, ...]) -> None:
    """Execute a plan, with an output buffer that isn't zero."""
    out[:] = 7
    key = records.enter(plan, driver_for("cpu"))
    frame = CallFrame(arrays, [out], [np.int64(key), np.array(sizes, np.int64)])
    frame.call(handler())
    assert not frame.errors


@pytest.mark.parametrize("what", ["_product", pytest.param("_window", marks=pytest.mark.slow), "_entries"])
def test_a_backend_whose_self_test_fails_is_not_used(what: str, on_cpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: Any, **options: Any) -> Any:
        out, *others = real(*arguments, **options)
        return [out.at[-1].set((out[-1] == 0).astype(out.dtype)), *others]

    real = getattr(jitc, what)
    monkeypatch.setattr(jitc, what, wrong)
    monkeypatch.setattr(jitc, "_tested", {})
    monkeypatch.setattr(selection, "_warned", set())
    jax.clear_caches()
    W = brainevent.JITCScalarR((1.0, 0.3, 5), shape=(20, 30))
    runs = {"_product": lambda: W @ jnp.ones(30), "_window": W.todense, "_entries": W.tocsr}
    with pytest.warns(BackendWarning, match=r"self-test.*of generated connectivity, gave wrong numbers"):
        runs[what]()
    jax.clear_caches()


def test_what_no_kernel_is_written_for_is_refused() -> None:
    other = Law("other", ("weight",))
    for wrong in ({"strategy": "gather"}, {"law": other}, {"value": "int32"}, {"encoding": COMPACT}):
        with pytest.raises(NotImplementedError, match="No kernel is written for"):
            JitcSpec(**{"strategy": "jitc_gather", **wrong})
    aval = jax.ShapeDtypeStruct((1,), jnp.float32)
    declined = jitc.supports_matmul.why_not(aval, rule=ConnectionRule(other, 0.1), encoding=BINARY, shape=(1, 1))
    assert declined == "it takes the laws scalar, uniform, normal, not other"


# --- Generated C++ ----------------------------------------------------------------------------------------------------


def test_core_functions_written_out(rng: np.random.Generator) -> None:
    """The recorded program computes what core computes. It is evaluated as Python here, with the same syntax."""
    text = function("keys", ["a", "b", "row", "block"], ["k0", "k1"], lambda a, b, *at: block_keys((a, b), *at))
    words = [int(word) for word in rng.integers(2**32, size=4)]
    scope = dict(zip(("a", "b", "row", "block"), words))
    for line in text.splitlines()[1:-1]:
        name, _, value = line.strip().rstrip(";").removeprefix("const unsigned ").partition(" = ")
        scope[name] = eval(value.replace("u", ""), {}, scope) & 0xFFFFFFFF
    arrays = [np.array([word], np.uint32) for word in words]
    assert [scope["k0"], scope["k1"]] == [int(key[0]) for key in block_keys(arrays[:2], *arrays[2:])]


# --- Programs and machine code ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [(), (5,), (5, 3)])
def test_a_product_is_one_call(batch: tuple[int, ...]) -> None:
    """There is neither a loop nor a scatter of XLA, for any batch of x or of seeds."""
    from brainevent_cuda13.kernels import register

    def product(seed: Any, x: Any) -> Any:
        W = brainevent.JITCNormalR((1.0, 0.5, 0.1, seed), shape=(20, 30))
        return brainevent.BinaryArray(x) @ W

    for _ in batch:
        product = jax.vmap(product)
    arguments = jnp.ones((*batch, 2), jnp.uint32), jnp.ones((*batch, 20), bool)
    registry = get_registry()
    with stand_in(BACKEND, "cpu"), brainevent.use_backend(BACKEND):
        register(registry, backend=BACKEND)
        text = jax.jit(product).trace(*arguments).lower(lowering_platforms=("cuda",)).as_text()
        registry.withdraw(BACKEND, platform="cuda")
    assert text.count("stablehlo.custom_call") == 1
    assert "while" not in text
    assert "scatter" not in text


SPECS = [
    *(
        JitcSpec(strategy, law=law, digits=digits, cells=size, value=value, encoding=encoding, batched=batched)
        for strategy in ("jitc_gather", "jitc_scatter")
        for law, digits, size, value, encoding in (
            (SCALAR, 1, 1024, "float32", BINARY),
            (NORMAL, 1, 4096, "float16", BITPACKED),
            (UNIFORM, 3, 1024, "float64", FLOAT),
            (NORMAL, 2, 1024, "bfloat16", SPARSE_FLOAT),
        )
        for batched in (False, True)
    ),
    JitcSpec("jitc_gather", split=True),
    *(JitcSpec(strategy, digits=2) for strategy in ("jitc_dense", "jitc_count", "jitc_list")),
]


@pytest.mark.slow
@pytest.mark.parametrize("architecture", images.ARCHITECTURES)
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_kind_of_kernel_compiles_for_every_architecture(spec: JitcSpec, architecture: int) -> None:
    assert CompiledKernel(spec).symbol().encode() in CompiledKernel(spec).image(architecture)


def test_a_block_on_cpu_has_one_warp() -> None:
    """The threads of several warps would wait for each other, but the warps synchronise different numbers of times."""
    threads = compiled.host_threads(uneven=True)
    assert threads.block == threads.lanes
    assert JitcSpec("jitc_gather").uneven
