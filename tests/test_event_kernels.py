"""Core's own kernels, whose cost scales with the events: same sums as the reference, and priority among backends."""

import os
import subprocess
import sys
import textwrap
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainevent
from brainevent_core import config
from brainevent_core.encodings import get_encoding
from brainevent_core.formats import get_format
from brainevent_core.jitc import LAWS, ConnectionRule
from brainevent_core.plugins import select
from brainevent_core.primitive import get_primitive
from brainevent_core.primitives import jitc_matmul_p, matmul_p
from brainevent_core.testing.numerics import tolerance, x64

#: Rows with 20 and 40 entries on average: fewer and more than 32, for which the sum over all entries has two methods.
SHAPES = {20: (263, 190), 40: (131, 97)}

#: Shares of active rows: none, one or two, some, and so many that all entries are summed.
RATES = (0.0, 0.01, 0.1, 0.5, 1.0)

COLUMNS = 3


def drawn(
    encoding: Any, length: int, rank: int, rate: float, dtype: str, rng: np.random.Generator, *, malformed: bool
) -> Any:
    """x in an encoding, with a share ``rate`` of events."""
    mask = rng.random((length,) if rank == 1 else (length, COLUMNS)) < rate
    return jnp.asarray(encoding.draw(rng, mask, malformed, "int32" if encoding.name == "binary" else dtype))


def on(backend: str, product: Any) -> Any:
    """A product compiled for a backend, which must not run on any other."""

    def run(*operands: Any) -> Any:
        with brainevent.use_backend(backend):
            return product(*operands)

    compiled = jax.jit(run)

    def checked(*operands: Any) -> Any:
        with brainevent.get_registry().record() as lowered:
            out = compiled(*operands)
        assert {selection.backend for selection in lowered} <= {backend}, lowered
        return np.asarray(out)

    return checked


def numbers(shape: Any, dtype: str, rng: np.random.Generator) -> Any:
    values = rng.uniform(-1, 1, size=shape)
    values[rng.random(shape) < 0.01] = np.inf  # must have no effect in silent rows
    return jnp.asarray(values.astype(jnp.dtype(dtype)))


@pytest.mark.cover(share=0.2)
@pytest.mark.parametrize("per_row", SHAPES)
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("encoding", ["binary", "bitpacked", "compact", "sparse_float"])
@pytest.mark.parametrize(
    ("format", "transpose"),
    [
        ("csr", True),
        ("fixed_num", True),
        ("csr:csc_index", False),
        ("fixed_num:csc_index", False),
        ("csr:weight_indices", True),
        ("csr:weight_indices:csc_index", False),
    ],
)
def test_sums_are_those_of_the_reference(
    format: str,
    transpose: bool,
    encoding: str,
    rank: int,
    per_row: int,
    rng: np.random.Generator,
) -> None:
    """Results are bitwise equal if rows are read; with a column index, sums run in the order of the columns."""
    dtype, index = str(rng.choice(["float32", "bfloat16", "float64"])), str(rng.choice(["int32", "uint16"]))
    homogeneous, malformed = rng.random(2) < 0.5
    fmt, shape, kind = get_format(format), SHAPES[per_row], get_encoding(encoding)
    length = shape[0] if transpose else shape[1]
    with x64(dtype == "float64"):
        structure = [
            jnp.asarray(array) for array in fmt.random_structure(rng, shape, per_row, malformed=malformed, dtype=index)
        ]
        data = numbers((1,) if homogeneous else fmt.weights_shape(structure, shape), dtype, rng)
        params: Any = {"format": fmt, "shape": shape, "transpose": transpose, "encoding": kind}
        run = {name: on(name, lambda *operands: matmul_p(*operands, **params)) for name in ("events", "reference")}
        for rate in RATES:
            x = drawn(kind, length, rank, rate, dtype, rng, malformed=malformed)
            found, expected = (run[name](data, *structure, x) for name in ("events", "reference"))
            if transpose:
                # As float64, which represents all of them: NumPy doesn't regard NaN of bfloat16 as equal.
                np.testing.assert_array_equal(found.astype(float), expected.astype(float))
            else:
                close = {"rtol": tolerance(dtype), "atol": 20 * tolerance(dtype)}
                np.testing.assert_allclose(found.astype(float), expected.astype(float), **close)


@pytest.mark.parametrize("count", [1, 31, 33])
def test_spikes_that_are_constants(count: int, rng: np.random.Generator) -> None:
    """XLA computes the number of iterations of loops with constant bounds, and some versions get it wrong."""
    dense = np.where(rng.random((120, 140)) < 0.4, rng.random((120, 140)), 0).astype(np.float32)
    matrix, spikes = brainevent.CSR.fromdense(dense), np.zeros(120, bool)
    spikes[rng.permutation(120)[:count]] = True
    with brainevent.use_backend("events"):
        product = jax.jit(lambda weights: brainevent.BinaryArray(spikes) @ matrix.with_data(weights))(matrix.data)
        update = jax.jit(lambda weights: matrix.with_data(weights).update_on_pre(spikes, 1.0).data)(matrix.data)
    np.testing.assert_allclose(product, spikes @ dense, rtol=1e-5)
    np.testing.assert_array_equal(matrix.with_data(update).todense(), dense + (dense != 0) * spikes[:, None])


def test_a_column_index_adds_up_sorted_rows_in_order(rng: np.random.Generator) -> None:
    dense = np.where(rng.random((120, 140)) < 0.4, rng.random((120, 140)), 0).astype(np.float32)
    matrix = brainevent.CSR.fromdense(dense).with_csc_index()
    run = {name: on(name, lambda x: matrix @ brainevent.BinaryArray(x)) for name in ("events", "reference")}
    for rate in RATES:
        x = jnp.asarray(rng.random(140) < rate)
        np.testing.assert_array_equal(run["events"](x), run["reference"](x))


@pytest.mark.cover(share=0.4)
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("encoding", ["binary", "compact", "sparse_float"])
@pytest.mark.parametrize("law", LAWS)
def test_generated_rows_walk_as_in_the_reference(law: str, encoding: str, rank: int, rng: np.random.Generator) -> None:
    shape, kind = (300, 210), get_encoding(encoding)
    data = jnp.asarray(rng.random(len(LAWS[law].parameters)), jnp.float32)
    operands = data, jnp.asarray(rng.integers(2**32, size=2), jnp.uint32), jnp.asarray([77], jnp.uint32)
    params: Any = {"rule": ConnectionRule(LAWS[law], 0.05), "shape": shape, "transpose": True, "encoding": kind}
    run = {name: on(name, lambda *operands: jitc_matmul_p(*operands, **params)) for name in ("events", "reference")}
    for rate in RATES:
        x = drawn(kind, shape[0], rank, rate, "float32", rng, malformed=False)
        np.testing.assert_array_equal(run["events"](*operands, x), run["reference"](*operands, x))


# -- transforms --------------------------------------------------------------------------------------------------------


def matrix(rng: np.random.Generator) -> Any:
    shape = (200, 150)
    indices = rng.integers(shape[1], size=(shape[0], 30))
    return brainevent.FixedPostNumConn(rng.random(indices.shape).astype(np.float32), indices, shape=shape)


@pytest.mark.parametrize(
    ("transform", "ran"),
    [
        ("vmap over spikes", {"events"}),
        ("vmap over weights", {"reference"}),
        ("scan", {"events"}),
        ("gradient", {"events"}),
        ("units", {"events"}),
    ],
)
def test_transforms_give_what_they_do_on_the_reference(transform: str, ran: set[str], rng: np.random.Generator) -> None:
    import brainunit as u

    stored = matrix(rng)
    spikes = jnp.asarray(rng.random((4, 200)) < 0.03)
    weights = jnp.asarray(rng.random((4, *stored.data.shape)), jnp.float32)

    def product(s: Any, w: Any) -> Any:
        return brainevent.BinaryArray(s) @ stored.with_data(w)

    calls: dict[str, Any] = {
        "vmap over spikes": lambda: jax.vmap(product, (0, None))(spikes, weights[0]),
        "vmap over weights": lambda: jax.vmap(product, (None, 0))(spikes[0], weights),
        "scan": lambda: jax.lax.scan(lambda all_, s: (all_ + product(s, weights[0]), None), jnp.zeros(150), spikes)[0],
        "gradient": lambda: jax.value_and_grad(lambda w: jnp.sum(product(spikes[0], w) ** 2))(weights[0]),
        "units": lambda: product(spikes[0], weights[0] * u.mV).to_decimal(u.mV),
    }
    found = {}
    for backend in ("events", "reference"):
        with brainevent.use_backend(backend), brainevent.get_registry().record() as lowered:
            found[backend] = jax.jit(calls[transform])()
        if backend == "events":
            products = {s.backend for s in lowered if s.primitive == "matmul" and s.params["encoding"].event}
            assert products - {"numba"} == (ran if "numba" not in products else set())
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found["events"], found["reference"])


# -- priority among backends -------------------------------------------------------------------------------------------


def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("it must not run")


def test_every_backend_comes_before_them(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = brainevent.get_registry()
    registry.register_kernel("matmul", "cpu", never, backend="last", priority=-(10**6), supports=lambda *_, **__: False)
    try:
        assert get_primitive("matmul").available_backends("cpu")[-3:] == ("last", "events", "reference")
    finally:
        registry.remove("matmul", backend="last")
    with pytest.raises(brainevent.RegistrationError, match="'events' belongs to core's own"):
        registry.register_kernel("matmul", "cpu", never, backend="events")


def test_on_accelerators_they_run_on_request(rng: np.random.Generator) -> None:
    spec = matrix(rng).__matrix_spec__
    avals = [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in (spec.data, *spec.structure)]
    avals.append(jax.ShapeDtypeStruct((200,), jnp.bool_))
    params: Any = {"format": spec.format, "shape": spec.shape, "transpose": True, "encoding": get_encoding("binary")}
    asked = select("matmul", "tpu", avals, params, request=config.Request("events"))
    assert asked.backend == "events"
    with pytest.warns(brainevent.BackendWarning, match=r"on request, e.g. `with brainevent.use_backend\('events'\)"):
        assert select("matmul", "rocm", avals, params).backend == "reference"


def test_small_matrices_are_left_to_the_reference() -> None:
    small = brainevent.CSR.fromdense(jnp.eye(3))
    with (
        brainevent.use_backend("events", strict=True),
        pytest.raises(brainevent.KernelNotAvailableError, match="declines these operands"),
    ):
        _ = brainevent.BinaryArray(jnp.ones(3)) @ small


CORE_ALONE = """
import warnings
import importlib_metadata

importlib_metadata.entry_points = lambda **_: ()  # no backend is installed

import brainevent, jax.numpy as jnp, numpy as np
from brainevent_core import info

weights = brainevent.FixedPostNumConn(1.5, np.random.default_rng(0).integers(100, size=(100, 50)), shape=(100, 100))
spikes = brainevent.BinaryArray(jnp.arange(100) == 3)
with warnings.catch_warnings(record=True) as caught, brainevent.get_registry().record() as lowered:
    warnings.simplefilter("always")
    for x in (spikes, jnp.ones(100), spikes):
        x @ weights
print([selection.backend for selection in lowered])
print([str(w.message) for w in caught if w.category is brainevent.BackendWarning])
print(info.render(info.gather()))
"""


@pytest.mark.parametrize("asked", [False, True])
def test_core_alone_runs_them_and_says_what_is_faster(asked: bool) -> None:
    environment = {name: value for name, value in os.environ.items() if name != config.ENVIRONMENT_VARIABLE}
    environment |= {config.ENVIRONMENT_VARIABLE: "events"} if asked else {}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CORE_ALONE)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ran, warned, *report = done.stdout.splitlines()
    assert ran == "['events', 'reference']"
    assert warned.count("pip install 'brainevent[cpu]'") == (0 if asked else 1)
    lines = [line.split() for line in report]
    assert ["matmul", "events", ">", "reference"] in lines
    assert "pip install 'brainevent[cpu]'" in "\n".join(report)
