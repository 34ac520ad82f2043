"""The kernels, interpreted on CPU, compared with the reference on their own table: the conformance kit takes hours.

``hatch run tpu:check`` checks that Mosaic compiles them.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent_core.encodings import BINARY, BITPACKED, FLOAT, get_encoding
from brainevent_core.formats import CSR_FORMAT, DENSE_FORMAT, FIXED_NUM_FORMAT, get_format
from brainevent_core.jitc import LAWS, ConnectionRule
from brainevent_core.plugins import selection
from brainevent_core.primitives import jitc_matmul_p, matmul_p, sddmm_p, stdp_update_p
from brainevent_core.testing.numerics import tolerance

kernels = pytest.importorskip("brainevent_tpu.kernels", reason="the kernels need the package brainevent-tpu")

#: By kernel: formats, whether the product is with the transpose, and stored shapes with the number of entries per row.
#: The first shape of each is about the smallest that has incomplete words of events, registers, blocks and pieces.
TABLE = {
    "fan_in": (("fixed_num",), False, (((137, 75), 13), ((9, 5000), 3), ((600, 70), 8))),
    "one_hot_rows": (("csr", "fixed_num"), True, (((37, 45), 11), ((70, 9), 3), ((5, 2100), 150))),
    "active_rows": (("csr", "fixed_num", "csr:csc_index"), True, (((37, 45), 11), ((70, 9), 3), ((5, 200), 150))),
    # The last has several chunks of columns, and a remainder.
    "dense_rows": (("dense",), True, (((70, 133), 0), ((9, 4300), 0))),
}

_PRIMITIVES = ("matmul", "jitc_matmul", "sddmm", "stdp_update", "encode_events")

CASES = [
    pytest.param(kernel, fmt, shape, per_row, id=f"{kernel}-{fmt}-{'x'.join(map(str, shape))}")
    for kernel, (formats, _, shapes) in TABLE.items()
    for fmt in formats
    for shape, per_row in shapes
]


@pytest.fixture(scope="module", autouse=True)
def interpreted() -> Iterator[None]:
    """The kernels as a backend for CPU, with the lowest priority."""
    registry = brainevent.get_registry()
    kernels.register(registry, backend="interpreted", platform="cpu", priority=-1000, interpret=True)
    yield
    for primitive in _PRIMITIVES:
        registry.remove(primitive, backend="interpreted")


def product(backend: str, *operands: Any, primitive: Any = matmul_p, **static: Any) -> Any:
    """The result of the kernels of a backend, and of no other."""
    with brainevent.use_backend(backend), brainevent.get_registry().record() as lowered:
        out = compiled(partial(primitive, **static))(*operands)
    assert [one.backend for one in lowered] == [backend], lowered
    return np.asarray(out).astype(float)


def by(kernel: str, *operands: Any, **static: Any) -> Any:
    """The result of a particular kernel for products, whether or not it would be selected."""
    takes, function = kernels.matmul.STRATEGIES[kernel]
    if kernel != "one_hot_rows":  # which also declines calls that it wouldn't speed up
        assert takes.why_not(*operands, **static) is None
    return np.asarray(compiled(partial(function, interpret=True, **static))(*operands)).astype(float)


def compiled(function: Any) -> Any:
    """Compile without optimisation, which would take most of the time, as each interpreted instruction is a program."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def made(rng: np.random.Generator, kernel: str, fmt: str, shape: Any, per_row: int, **options: Any) -> Any:
    """Random operands and static parameters of a call."""
    chosen = {"dtype": "float32", "encoding": "binary", "malformed": True, "rank": 1, "homogeneous": False, "rate": 0.3}
    chosen |= options
    transpose, stored, encoding = TABLE[kernel][1], get_format(fmt), get_encoding(chosen["encoding"])
    length = shape[0] if transpose else shape[1]
    index = str(rng.choice(["int32", "uint32"]))
    structure = stored.random_structure(rng, shape, per_row, malformed=chosen["malformed"], dtype="int64")
    structure = [jnp.asarray(array.astype(index if i == 0 else np.int32)) for i, array in enumerate(structure)]
    values = rng.normal(size=(1,) if chosen["homogeneous"] else stored.weights_shape(structure, shape))
    mask = rng.random((length,) if chosen["rank"] == 1 else (length, 3)) < chosen["rate"]
    drawn = str(rng.choice(["bool", "float32"])) if encoding.event else chosen["dtype"]
    x = jnp.asarray(encoding.draw(rng, mask, chosen["malformed"], drawn))
    static = {"format": stored, "shape": shape, "transpose": transpose, "encoding": encoding}
    return [jnp.asarray(values, chosen["dtype"]), *structure, x], static


def close(found: Any, operands: Any, static: Any, primitive: Any = matmul_p) -> None:
    """Compare with the reference."""
    expected = product("reference", *operands, primitive=primitive, **static)
    close = tolerance(operands[0].dtype.name)
    np.testing.assert_allclose(found, expected, rtol=close, atol=20 * close)


def check(operands: Any, static: Any, primitive: Any) -> None:
    close(product("interpreted", *operands, primitive=primitive, **static), operands, static, primitive)


@pytest.mark.cover(share=0.15)
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("malformed", [False, True])
@pytest.mark.parametrize("homogeneous", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("encoding", ["binary", "bitpacked", "compact", "float"])
@pytest.mark.parametrize(("kernel", "fmt", "shape", "per_row"), CASES)
def test_sums_are_those_of_the_reference(
    kernel: str,
    fmt: str,
    shape: Any,
    per_row: int,
    encoding: str,
    dtype: str,
    homogeneous: bool,
    malformed: bool,
    rank: int,
    rng: np.random.Generator,
) -> None:
    if kernel.endswith("_rows") and dtype == "bfloat16":
        homogeneous = True  # others are not supported, see below
    if kernel == "dense_rows":
        dtype, homogeneous = "float32", False  # likewise
    if encoding == "float" and kernel != "fan_in":
        encoding = "binary"  # likewise
    options = {"encoding": encoding, "dtype": dtype, "malformed": malformed, "rank": rank}
    rate = float(rng.choice([0.0, 0.02, 0.3, 1.0]))
    operands, static = made(rng, kernel, fmt, shape, per_row, homogeneous=homogeneous, rate=rate, **options)
    close(by(kernel, *operands, **static), operands, static)


@pytest.mark.cover(share=0.25)
@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("per_weight", [(), (0,), (1,), (0, 1)], ids=["numbers", "lower", "upper", "both"])
@pytest.mark.parametrize("bounds", [(-np.inf, np.inf), (-0.5, 0.5), (0.5, -0.5)], ids=str)
@pytest.mark.parametrize("rate", [0.0, 0.05, 0.3, 1.0])
@pytest.mark.parametrize("encoding", ["binary", "bitpacked", "compact"])
@pytest.mark.parametrize("shape", TABLE["dense_rows"][2], ids=str)
def test_rows_are_changed_in_place(
    shape: Any, encoding: str, rate: float, bounds: Any, per_weight: Any, used: bool, rng: np.random.Generator
) -> None:
    """Results are bitwise equal, and other operations can still use the old weights. Bounds are numbers or arrays."""
    (data, x), static = made(rng, "dense_rows", "dense", *shape, encoding=encoding, rate=rate)
    spread = [rng.normal(scale=0.3, size=data.shape) if i in per_weight else 0 for i in range(2)]
    limits = (bound + some for bound, some in zip(bounds, spread))
    trace, lower, upper = (jnp.asarray(array, jnp.float32) for array in (rng.normal(size=data.shape[1]), *limits))

    def change(data: Any, *operands: Any, **static: Any) -> Any:
        product = matmul_p(
            data,
            operands[0],
            format=static["format"],
            shape=static["shape"],
            transpose=True,
            encoding=static["encoding"],
        )
        new = stdp_update_p(data, *operands, **static)
        return (new, product, data + 1.0) if used else (new,)

    found: dict[int, Any] = {}
    expected: dict[int, Any] = {}
    for backend, out in (("interpreted", found), ("reference", expected)):
        with brainevent.use_backend(backend), brainevent.get_registry().record() as lowered:
            results = jax.jit(lambda *operands: change(*operands, clip="updated", **static))(
                data, x, trace, lower, upper
            )
        assert {one.backend for one in lowered} == {backend}, lowered
        out.update(enumerate(map(np.asarray, results)))
    np.testing.assert_array_equal(found.pop(0), expected.pop(0))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4), found, expected)


@pytest.mark.cover(share=0.2)
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("malformed", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("encoding", ["binary", "bitpacked", "compact", "float"])
@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize(("shape", "per_row"), TABLE["fan_in"][2])
def test_products_at_entries_are_those_of_the_reference(
    shape: Any,
    per_row: int,
    transpose: bool,
    encoding: str,
    dtype: str,
    malformed: bool,
    rank: int,
    rng: np.random.Generator,
) -> None:
    """Infinite values affect only entries that have an event and are inside the matrix."""
    chosen, (lines, length) = get_encoding(encoding), shape[::-1] if transpose else shape
    operands, static = made(rng, "fan_in", "fixed_num", shape, per_row, dtype=dtype, malformed=malformed)
    mask = rng.random((length,) if rank == 1 else (length, 3)) < rng.choice([0.0, 0.05, 0.3, 1.0])
    x = jnp.asarray(chosen.draw(rng, mask, malformed, dtype if encoding == "float" else "bool"))
    y = rng.normal(size=(lines, *x.shape[1:]))
    if encoding != "float":
        y[rng.integers(lines)] = np.inf
    static |= {"transpose": transpose, "encoding": chosen}
    check([jnp.asarray(y, dtype), operands[1], x], static, sddmm_p)


#: Probabilities whose gaps have one digit (large and small) and two; lengths slightly above a block, and below one.
GENERATED = ((0.3, (40, 2050)), (0.003, (30, 9000)), (0.0008, (1030, 3000)))


@pytest.mark.cover(share=0.12)
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("encoding", ["binary", "bitpacked", "compact"])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize(("prob", "shape"), GENERATED)
def test_generated_connectivity_is_that_of_the_stream(
    prob: float, shape: Any, transpose: bool, law: str, encoding: str, dtype: str, rank: int, rng: np.random.Generator
) -> None:
    chosen, sources = get_encoding(encoding), shape[0 if transpose else 1]
    mask = rng.random((sources,) if rank == 1 else (sources, 2)) < rng.choice([0.0, 0.05, 0.5, 1.0])
    x = jnp.asarray(chosen.draw(rng, mask, True, "bool"))
    data = jnp.asarray(rng.normal(size=len(LAWS[law].parameters)), dtype)
    seed, offset = (jnp.asarray(rng.integers(2**32, size=size, dtype=np.uint32)) for size in (2, 1))
    rule = ConnectionRule(LAWS[law], prob)
    static: Any = {"rule": rule, "shape": shape, "transpose": transpose, "encoding": chosen}
    check((data, seed, offset, x), static, jitc_matmul_p)


@pytest.mark.parametrize("transpose", [False, True])
def test_generated_connections_are_equal_one_by_one(transpose: bool, rng: np.random.Generator) -> None:
    """With weights of 1 and a single source at a time, sums are connections, so results must be bitwise equal."""
    shape, prob = (25, 12), float(rng.uniform(0.05, 0.6))
    rule = ConnectionRule(LAWS["scalar"], prob)
    static: Any = {"rule": rule, "shape": shape, "transpose": transpose, "encoding": BINARY}
    seed, offset = (jnp.asarray(rng.integers(2**32, size=size, dtype=np.uint32)) for size in (2, 1))
    operands = (jnp.ones(1), seed, offset, jnp.eye(shape[0 if transpose else 1], dtype=bool))
    found, expected = (
        product(backend, *operands, primitive=jitc_matmul_p, **static) for backend in ("interpreted", "reference")
    )
    np.testing.assert_array_equal(found, expected)
    assert set(np.unique(expected)) == {0, 1}


@pytest.mark.parametrize(
    ("kernel", "homogeneous"),
    [(kernel, one) for kernel in TABLE for one in (False, True)[: 1 + (kernel != "dense_rows")]],
)
def test_infinite_weights_of_silent_neurons_do_not_show(
    kernel: str, homogeneous: bool, rng: np.random.Generator
) -> None:
    formats, _, shapes = TABLE[kernel]
    (data, *structure, x), static = made(rng, kernel, formats[0], *shapes[0], malformed=False, rate=0.0)
    data = jnp.full((1,) if homogeneous else data.shape, jnp.inf)
    np.testing.assert_array_equal(by(kernel, data, *structure, x, **static), 0)


@pytest.mark.parametrize("values", [(np.inf, -np.inf, np.nan), (3e38, 1e-38)], ids=str)
def test_weights_that_the_mxu_would_spread_stay_where_they_are(values: Any, rng: np.random.Generator) -> None:
    """The MXU multiplies by zeros; and three parts in bfloat16 must represent all bits of a number."""
    (data, *structure, x), static = made(rng, "one_hot_rows", "csr", (60, 300), 5, malformed=False, rate=1.0)
    some = rng.random(data.shape) < rng.choice([0.01, 0.3, 1.0])
    data = jnp.where(some, jnp.asarray(rng.choice(values, size=data.shape), jnp.float32), data)
    np.testing.assert_allclose(
        by("one_hot_rows", data, *structure, x, **static),
        product("reference", data, *structure, x, **static),
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("law", ["scalar", "normal"])
def test_infinite_parameters_show_where_connections_are(law: str, rng: np.random.Generator) -> None:
    """The MXU multiplies by zeros, which would spread an infinite weight to all targets."""
    operands = (jnp.full(len(LAWS[law].parameters), jnp.inf), jnp.array([1, 2], jnp.uint32), jnp.zeros(1, jnp.uint32))
    x, rule = jnp.asarray(rng.random(9) < 0.5).at[3].set(True), ConnectionRule(LAWS[law], 0.01)
    static: Any = {"rule": rule, "shape": (9, 300), "transpose": True, "encoding": BINARY}
    found, expected = (
        product(backend, *operands, x, primitive=jitc_matmul_p, **static) for backend in ("interpreted", "reference")
    )
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
    assert 0 < np.isfinite(found).sum() < 300


def test_sizes_are_declined_before_they_overflow(rng: np.random.Generator) -> None:
    def why_not(data: Any, *structure: Any, x: int, dtype: Any = jnp.int32, **static: Any) -> Any:
        arrays = [jax.ShapeDtypeStruct(*data), *(jax.ShapeDtypeStruct(shape, dtype) for shape in structure)]
        events = jax.ShapeDtypeStruct((x,), jnp.bool_)
        return kernels.matmul.SUPPORTS.why_not(*arrays, events, **{"encoding": BINARY, **static})

    fan_in: dict[str, Any] = {"format": FIXED_NUM_FORMAT, "transpose": False}
    rows: dict[str, Any] = {"format": CSR_FORMAT, "transpose": True}
    one, each = ((1,), jnp.float32), ((100, 5), jnp.float32)
    assert why_not(each, (100, 5), shape=(100, 2**18), x=2**18, **fan_in) is None
    assert why_not(each, (100, 5), shape=(100, 2**18 + 1), x=2**18 + 1, **fan_in)
    assert why_not(one, (100, 5000), shape=(100, 50), x=50, **fan_in)
    assert why_not(each, (100, 5), shape=(100, 50), x=50, dtype=jnp.int16, **fan_in)
    assert why_not(one, (9,), (101,), shape=(100, 150_000), x=100, **rows) is None
    assert why_not(one, (9,), (101,), shape=(100, 155_000), x=100, **rows)
    assert why_not(one, (9,), (149_001,), shape=(149_000, 100), x=149_000, **rows) is None
    assert why_not(one, (9,), (155_001,), shape=(155_000, 100), x=155_000, **rows)
    assert why_not(((9,), jnp.bfloat16), (9,), (101,), shape=(100, 50), x=100, **rows)
    dense: dict[str, Any] = {"format": DENSE_FORMAT, "transpose": True}
    assert why_not(((100, 52_000), jnp.float32), shape=(100, 52_000), x=100, **dense) is None
    assert why_not(((100, 53_000), jnp.float32), shape=(100, 53_000), x=100, **dense)
    assert why_not(((100, 127), jnp.float32), shape=(100, 127), x=100, **dense)
    assert why_not(((8_000_000, 128), jnp.float32), shape=(8_000_000, 128), x=8_000_000, **dense)
    assert why_not(((100, 130), jnp.bfloat16), shape=(100, 130), x=100, **dense)
    for parameters in ({"shape": (0, 5)}, {"shape": (5, 0)}):
        assert why_not(one, (0,), (parameters["shape"][0] + 1,), x=parameters["shape"][0], **parameters, **rows)

    def lists(rows: int, transpose: bool) -> Any:
        shape, x = (rows, 100), jax.ShapeDtypeStruct((rows if transpose else 100,), jnp.bool_)
        arrays = (
            jax.ShapeDtypeStruct((size,), dtype) for size, dtype in ((1, jnp.float32), (2, jnp.uint32), (1, jnp.uint32))
        )
        static: dict[str, Any] = {"rule": ConnectionRule(LAWS["scalar"], 0.1), "encoding": BINARY}
        return kernels.jitc_matmul.SUPPORTS.first(*arrays, x, shape=shape, transpose=transpose, **static)

    assert lists(148_000, True) == "generated_scatter"
    assert lists(150_000, True) is None
    assert lists(150_000, False) == "generated_rows"
    assert "binary" in why_not(one, (9,), (101,), shape=(100, 50), x=100, **{**rows, "encoding": FLOAT})

    numbers: dict[str, Any] = {**fan_in, "encoding": FLOAT}
    assert why_not(each, (100, 5), shape=(100, 8192), x=8192, **numbers) is None
    assert why_not(each, (100, 5), shape=(100, 8193), x=8193, **numbers)
    for transpose, encoding, columns, vectors, taken in (
        (False, BINARY, 2**18, 50, True),  # the long operand contains events
        (False, FLOAT, 8193, 1, False),
        (True, BINARY, 8192, 32, True),  # the long operand is the other one, which contains numbers
        (True, BINARY, 8193, 1, False),
        (True, BINARY, 8192, 33, False),
    ):
        y, x = ((columns, 100) if transpose else (100, columns)), jnp.bool_ if encoding is BINARY else jnp.float32
        shapes = (((y[0], vectors), jnp.float32), ((100, 5), jnp.int32), ((y[1], vectors), x))
        operands = [jax.ShapeDtypeStruct(*one) for one in shapes]
        static = {"format": FIXED_NUM_FORMAT, "shape": (100, columns), "transpose": transpose, "encoding": encoding}
        assert kernels.sampled.TAKES(*operands, **static) == taken, (transpose, encoding, columns, vectors)


def test_one_hot_products_are_made_where_they_pay() -> None:
    """The choice depends on the widths of the matrix and of its rows, and on whether sums fit into scalar memory."""

    def chosen(rows: int, columns: int, width: int, weights: int = 1) -> Any:
        shapes = ((weights or rows * width,), jnp.float32), ((rows * width,), jnp.int32), ((rows + 1,), jnp.int32)
        arrays = (jax.ShapeDtypeStruct(*one) for one in (*shapes, ((rows,), jnp.bool_)))
        static: dict[str, Any] = {"format": CSR_FORMAT, "transpose": True, "encoding": BINARY}
        return kernels.matmul.SUPPORTS.first(*arrays, shape=(rows, columns), **static)

    assert chosen(100, 1000, 1) == "one_hot_rows"
    assert chosen(100, 100_000, 5) == "active_rows"
    assert chosen(100, 100_000, 80) == "one_hot_rows"
    assert chosen(100, 50_000, 80, 0) == "one_hot_rows"
    assert chosen(100, 100_000, 80, 0) == "active_rows"
    assert chosen(100_000, 100_000, 80, 0) == "one_hot_rows"
    assert chosen(100_000, 140_000, 80) is None


def test_reads_past_the_end_are_seen_and_there_are_none(rng: np.random.Generator) -> None:
    """``interpret=True`` clamps such reads. These parameters raise an error, but take seconds for the smallest case."""
    from jax.experimental import pallas as pl
    from jax.experimental.pallas import tpu

    strict = tpu.InterpretParams(out_of_bounds_reads="raise")

    def body(first: Any, x: Any, out: Any, done: Any) -> None:
        copy = tpu.make_async_copy(x.at[pl.ds(first[0], 128)], out, done)
        copy.start()
        copy.wait()

    def planted(length: int, interpret: Any) -> Any:
        scalar, memory = pl.BlockSpec(memory_space=tpu.SMEM), pl.BlockSpec(memory_space=pl.ANY)
        shape, scratch = jax.ShapeDtypeStruct((128,), jnp.float32), [tpu.SemaphoreType.DMA]
        specs: Any = {"in_specs": [scalar, memory], "out_specs": memory, "scratch_shapes": scratch}
        call = pl.pallas_call(body, out_shape=shape, interpret=interpret, **specs)
        return jax.block_until_ready(call(jnp.array([128]), jnp.arange(float(length))))

    assert planted(256, strict)[0] == planted(256, True)[0] == 128
    assert planted(200, True)[0] == 72
    with pytest.raises(Exception, match=r"(?i)out.of.bound"):
        planted(200, strict)
    (data, *structure, x), static = made(rng, "active_rows", "csr", (5, 9), 40)
    for kernel in ("active_rows", "one_hot_rows"):
        out = kernels.matmul.STRATEGIES[kernel][1](data, *structure, x, interpret=strict, **static)
        np.testing.assert_allclose(out, product("reference", data, *structure, x, **static), rtol=1e-5, atol=1e-5)
    (data, x), static = made(rng, "dense_rows", "dense", (11, 130), 0, rate=0.9)
    out = kernels.matmul.matmul(data, x, interpret=strict, **static)
    np.testing.assert_allclose(out, product("reference", data, x, **static), rtol=1e-5, atol=1e-5)
    for lower in (jnp.float32(-1), jnp.zeros((11, 130))):
        operands = (data, x, jnp.ones(130), lower, jnp.float32(1))
        out = kernels.dense_update.dense_update(*operands, interpret=strict, clip="updated", **static)
        expected = product("reference", *operands, primitive=stdp_update_p, clip="updated", **static)
        np.testing.assert_allclose(out, expected, rtol=1e-6)
    listed, counts = kernels.active_list.active_list(jnp.array([[-1, 5], [0, 0]], jnp.int32), 35, interpret=strict)
    np.testing.assert_array_equal(listed[0, :34], [*range(33), 34])
    np.testing.assert_array_equal(counts, [34, 0])


# -- lowering for TPU, which requires neither a TPU nor libtpu ---------------------------------------------------------


@pytest.fixture
def for_tpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kernels as Mosaic gets them, in a backend that needs no runtime; previous warnings are forgotten."""
    monkeypatch.setattr(selection, "_warned", set())
    registry = brainevent.get_registry()
    kernels.register(registry, backend="cross", platform="tpu", priority=1000)
    yield
    for primitive in _PRIMITIVES:
        registry.remove(primitive, backend="cross")


def test_programs_are_exported_without_a_tpu(for_tpu: None, rng: np.random.Generator) -> None:
    fixed = brainevent.FixedPreNumConn(num_pre=50, num_post=40, conn_num=7, weight=0.5, seed=1)
    jitc = brainevent.JITCNormalC(num_pre=50, num_post=40, prob=0.1, loc=0.5, scale=0.1, seed=1)
    scattered = brainevent.JITCNormalR(num_pre=50, num_post=40, prob=0.1, loc=0.5, scale=0.1, seed=1)
    csr = brainevent.CSR.fromdense((rng.random((50, 40)) < 0.2).astype(np.float32))
    dense, trace = brainevent.Dense(jnp.asarray(rng.normal(size=(50, 130)), jnp.float32)), jnp.ones(130)

    @jax.jit
    def step(spikes: Any, weights: Any) -> Any:
        events = brainevent.BinaryArray(spikes)
        sums = events @ fixed + events @ jitc + events @ csr.with_data(weights) + events @ scattered
        by_entry = fixed.with_data(jnp.full((40, 7), 0.5))
        learnt = jax.grad(lambda data: jnp.sum(events @ by_entry.with_data(data)))(by_entry.data)
        return sums, events @ dense, jax.grad(lambda weights: jnp.sum(events @ csr.with_data(weights)))(weights), learnt

    spikes = jnp.asarray(rng.random(50) < 0.5)
    with brainevent.get_registry().record() as lowered:
        exported = jax.export.export(step, platforms=["tpu", "cpu"])(spikes, csr.data)
    assert "cross" in {one.backend for one in lowered if one.platform == "tpu"}
    # Fan-in, its derivative, generated rows, a generated scatter and its list, rows and their pointers, dense rows.
    assert exported.mlir_module().count("tpu_custom_call") == 8
    found = jax.export.deserialize(exported.serialize()).call(spikes, csr.data)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), found, step(spikes, csr.data))
    learn = jax.jit(lambda spikes: dense.update_on_pre(spikes, trace, clip="updated").data)
    assert jax.export.export(learn, platforms=["tpu"])(spikes).mlir_module().count("tpu_custom_call") == 1


def test_what_is_left_to_xla_is_quiet(for_tpu: None) -> None:
    x = jax.ShapeDtypeStruct((8,), jnp.float32)
    pack = jax.jit(lambda x: brainevent.bitpack(x).value)
    dense = jax.jit(lambda x: brainevent.matmul(x, brainevent.Dense(jnp.ones((8, 8)))))
    wide = jnp.ones((8, 200))
    columns = jax.jit(lambda x: wide.T @ brainevent.BinaryArray(x))
    many = jax.jit(lambda x: brainevent.BinaryArray(jnp.stack([x] * 9)) @ wide)
    static: dict[str, Any] = {"format": DENSE_FORMAT, "shape": (8, 200), "transpose": True, "encoding": BINARY}
    outer = jax.jit(lambda x: sddmm_p(jnp.ones(200), x, **static))
    trace, matrix = jnp.ones(200), brainevent.Dense(wide)
    clipped = jax.jit(lambda x: matrix.update_on_pre(x, trace, 0.0, 1.0).data)
    by_column = jax.jit(lambda x: brainevent.Dense(wide.T).update_on_post(trace, x, clip="updated").data)
    for call in (pack, dense, columns, many, clipped, by_column, outer):  # warnings are errors
        with brainevent.get_registry().record() as lowered:
            call.trace(x).lower(lowering_platforms=("tpu",))
        assert [(one.backend, one.by_design is not None) for one in lowered] == [("reference", True)]
    events = jax.jit(lambda x: brainevent.BinaryArray(x) @ jnp.ones((8, 8)))  # too narrow for the kernel
    with pytest.warns(brainevent.BackendWarning, match="'matmul' runs on the reference kernel on 'tpu'"):
        events.trace(x).lower(lowering_platforms=("tpu",))


def test_words_hold_no_surplus_events() -> None:
    packed = jnp.full(2, 0xFFFFFFFF, jnp.uint32)
    words = kernels.packed.packed_events(packed, BITPACKED, 33, 4)
    np.testing.assert_array_equal(words, [-1, 1, 0, 0])
