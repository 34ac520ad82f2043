"""The kernels for compressed rows against sums over entries in NumPy."""

from __future__ import annotations

import ctypes
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainevent_cpu.bridge import layout
from brainevent_cpu.bridge.handler import compile_handler
from brainevent_cpu.kernels.compressed import matmul, row_kernel, supports_matmul

# Format, transpose, event, homogeneous, batched. Each takes seconds to compile the first time; the half with an even
# number of
# flags holds all combinations of any four of them.
COMBINATIONS = [
    pytest.param(*flags, id="-".join(map(str, flags)), marks=[] if sum(flags) % 2 == 0 else [pytest.mark.slow])
    for flags in itertools.product((False, True), repeat=5)
]
FLAGS = "csr, transpose, event, homogeneous, batched"


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Fresh inputs for every test and run; the seed appears in the report of a failing one."""
    seed = np.random.SeedSequence().entropy
    request.node.user_properties.append(("seed", seed))
    print(f"seed {seed}")
    return np.random.default_rng(seed)


def random_matrix(
    rng: np.random.Generator,
    shape: tuple[int, int],
    csr: bool,
    homogeneous: bool,
    width: int = 5,
    dtype: Any = np.float32,
) -> tuple[np.ndarray, ...]:
    """Data and structure of a well-formed matrix; some entries are duplicates."""
    m, n = shape
    if csr:
        lengths = rng.integers(0, 2 * width + 1, m) if n else np.zeros(m, int)
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        structure: tuple[np.ndarray, ...] = (rng.integers(0, max(n, 1), indptr[-1]).astype(np.int32), indptr)
    else:
        structure = (rng.integers(0, max(n, 1), (m, width if n else 0)).astype(np.int32),)
    data = rng.standard_normal(1 if homogeneous else structure[0].shape).astype(dtype)
    return data, *structure


def random_operand(
    rng: np.random.Generator, length: int, batched: bool, event: bool, dtype: Any = np.float32
) -> np.ndarray:
    shape = (length, 3) if batched else (length,)
    x = rng.standard_normal(shape).astype(dtype)
    return np.where(rng.random(shape) < 0.3, x, 0).astype(dtype) if event else x


def expected(arrays: Any, x: np.ndarray, shape: tuple[int, int], transpose: bool, event: bool) -> np.ndarray:
    """The product by the definition: a sum over the entries that exist, in double precision."""
    data, indices, *pointers = map(np.asarray, arrays)
    m, n = shape
    if pointers:
        # Python integers, so that no dtype is too narrow.
        bounds, highest = [], 0
        for pointer in pointers[0].tolist():
            highest = max(highest, min(max(pointer, 0), indices.size))
            bounds.append(highest)
        rows = np.full(indices.size, -1)
        for row in range(m):
            rows[bounds[row] : bounds[row + 1]] = row
    else:
        rows = np.repeat(np.arange(m), indices.shape[1])
    columns = np.array([index if 0 <= index < n else -1 for index in indices.ravel().tolist()], int)
    weights = np.broadcast_to(data.ravel(), indices.size).astype(np.float64)
    exists = (rows >= 0) & (columns >= 0)
    rows, columns, weights = rows[exists], columns[exists], weights[exists]
    target, source = (columns, rows) if transpose else (rows, columns)
    out = np.zeros((n if transpose else m, *x.shape[1:]))
    weights = weights.reshape(-1, *(1,) * (x.ndim - 1))
    with np.errstate(invalid="ignore"):
        terms = np.where(x[source] != 0, weights, 0) if event else weights * x[source].astype(np.float64)
        np.add.at(out, target, terms)
    return out


jitted = jax.jit(matmul, static_argnames=("format", "shape", "transpose", "operand"))


def product(arrays: Any, x: Any, shape: tuple[int, int], transpose: bool, event: bool) -> np.ndarray:
    name = "csr" if len(arrays) == 3 else "fixed_num"
    operand = "binary" if event else "float"
    (out,) = jitted(*map(jnp.asarray, (*arrays, x)), format=name, shape=shape, transpose=transpose, operand=operand)
    assert out.dtype == arrays[0].dtype
    return np.asarray(out)


def check(
    arrays: Any,
    x: np.ndarray,
    shape: tuple[int, int],
    transpose: bool,
    event: bool,
    rtol: float = 2e-5,
    atol: float = 2e-4,
) -> np.ndarray:
    out = product(arrays, x, shape, transpose, event)
    wanted = expected(arrays, x, shape, transpose, event)
    assert out.shape == wanted.shape
    np.testing.assert_allclose(out, wanted, rtol=rtol, atol=atol)
    return out


@pytest.mark.parametrize(FLAGS, COMBINATIONS)
def test_products(csr: bool, transpose: bool, event: bool, homogeneous: bool, batched: bool, rng: Any) -> None:
    """Small, empty and prime sizes, sizes with several threads; malformed structures."""
    shapes = [(0, 0), (0, 4), (4, 0), (1, 1), (7, 13), (97, 89)]
    for shape in shapes:
        length = shape[0] if transpose else shape[1]
        check(
            random_matrix(rng, shape, csr, homogeneous),
            random_operand(rng, length, batched, event),
            shape,
            transpose,
            event,
        )

    shape = (1031, 769)
    arrays = random_matrix(rng, shape, csr, homogeneous, width=60)
    x = random_operand(rng, shape[0] if transpose else shape[1], batched, event)
    first = check(arrays, x, shape, transpose, event)
    for _ in range(5):
        assert np.array_equal(product(arrays, x, shape, transpose, event), first, equal_nan=True)

    # Indices on both sides of the shape; pointers that fall and leave the buffer.
    data, indices, *pointers = arrays
    indices = np.where(
        rng.random(indices.shape) < 0.2, rng.integers(-(2**31), 2**31 - 1, indices.shape), indices
    ).astype(np.int32)
    for scale in (10, 10 * indices.size, 2**31 - 1):
        wild = [rng.integers(-scale, scale, pointer.shape).astype(np.int32) for pointer in pointers]
        mixed = [
            np.where(rng.random(p.shape) < 0.1, w, p).astype(np.int32) for p, w in zip(pointers, wild, strict=True)
        ]
        # One row can then hold all 60,000 entries: in single precision that costs digits, but an entry more or less
        # shows.
        check((data, indices, *wild), x, shape, transpose, event, rtol=5e-4, atol=0.02)
        check((data, indices, *mixed), x, shape, transpose, event, rtol=5e-4, atol=0.02)


@pytest.mark.parametrize(FLAGS, [case for case in COMBINATIONS if case.values[2]])
def test_events_select(csr: bool, transpose: bool, event: bool, homogeneous: bool, batched: bool, rng: Any) -> None:
    """NaN is an event and counts as 1; Inf and NaN weights of silent lines don't leak."""
    shape = (50, 40)
    length = shape[0] if transpose else shape[1]
    arrays = random_matrix(rng, shape, csr, homogeneous)
    x = random_operand(rng, length, batched, True)
    x[rng.random(x.shape) < 0.2] = np.nan
    assert np.isfinite(check(arrays, x, shape, transpose, True)).all()

    special = arrays[0].copy()
    special.flat[:: 1 if homogeneous else 3] = np.inf
    special.flat[1::7] = np.nan
    check((special, *arrays[1:]), x, shape, transpose, True)
    silent = np.zeros_like(x)
    assert not product((special, *arrays[1:]), silent, shape, transpose, True).any()

    for dtype in (np.bool_, np.int8, np.float16):
        spikes = (x != 0).astype(dtype)
        check(arrays, spikes, shape, transpose, True)


@pytest.mark.parametrize(FLAGS, [case for case in COMBINATIONS if not case.values[2]])
def test_floats_are_ieee(csr: bool, transpose: bool, event: bool, homogeneous: bool, batched: bool, rng: Any) -> None:
    """0 · Inf is NaN: zeros aren't skipped, and a weight for all isn't taken out of the sum."""
    shape = (50, 40)
    x = random_operand(rng, shape[0] if transpose else shape[1], batched, False)
    x[rng.random(x.shape) < 0.3] = 0
    arrays = random_matrix(rng, shape, csr, homogeneous)
    special = arrays[0].copy()
    special.flat[:: 1 if homogeneous else 3] = np.inf
    out = check((special, *arrays[1:]), x, shape, transpose, False)
    assert np.isnan(out).any()


def test_few_spikes_touch_only_their_rows(rng: Any) -> None:
    """The event scatter at the rates of a simulation, at every alignment of the spikes."""
    shape = (203, 61)
    arrays = random_matrix(rng, shape, True, False)
    for spikes in (0, 1, 2, 8):
        for _ in range(10):
            x = np.zeros(shape[0], np.float32)
            x[rng.integers(0, shape[0], spikes)] = 1
            check(arrays, x, shape, True, True)


def test_supports() -> None:
    aval = jax.ShapeDtypeStruct
    params: dict[str, Any] = {"format": "csr", "shape": (3, 4), "transpose": False, "operand": "binary"}
    structure = aval((5,), jnp.int32), aval((4,), jnp.int32)
    x = aval((4,), jnp.bool_)
    assert supports_matmul(aval((5,), jnp.float32), *structure, x, **params)
    assert not supports_matmul(aval((5,), jnp.bfloat16), *structure, x, **params)
    assert not supports_matmul(aval((5,), jnp.float16), *structure, x, **params)
    assert not supports_matmul(aval((3, 4), jnp.float32), x, **(params | {"format": "dense"}))
    words = aval((1,), jnp.uint32)
    assert not supports_matmul(aval((5,), jnp.float32), *structure, words, **(params | {"operand": "bitpacked"}))
    assert not supports_matmul(aval((5,), jnp.float32), *structure, aval((4, 2, 2), jnp.bool_), **params)


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(4,\).*'csr' matrix of shape \(3, 4\)"):
        product(
            (np.ones(1, np.float32), np.zeros(5, np.int32), np.zeros(4, np.int32)),
            np.ones(3, np.float32),
            (3, 4),
            False,
            True,
        )


# -- the handler itself, on memory whose surroundings are watched
# ------------------------------------------------------------


class Guarded:
    """A copy of an array in the middle of a larger buffer, with a pattern around it."""

    MARGIN = 256

    def __init__(self, array: np.ndarray, pattern: int) -> None:
        self.buffer = np.full(array.nbytes + 2 * self.MARGIN, pattern, np.uint8)
        self.pattern = pattern
        self.view = self.buffer[self.MARGIN : self.MARGIN + array.nbytes].view(array.dtype).reshape(array.shape)
        self.view[...] = array
        self.address = self.buffer.ctypes.data + self.MARGIN
        self.original = self.buffer.copy()

    def margins_are_untouched(self) -> bool:
        inside = slice(self.MARGIN, self.buffer.size - self.MARGIN)
        return bool((np.delete(self.buffer, inside) == self.pattern).all())

    def is_untouched(self) -> bool:
        return bool((self.buffer == self.original).all())


def words(*pairs: tuple[int, int], size: int) -> Any:
    """A structure of 8-byte words at the given offsets."""
    memory = (ctypes.c_int64 * (size // 8))()
    for offset, value in pairs:
        memory[offset // 8] = value
    return memory


def call_handler(handler: Any, inputs: list[Guarded], output: Guarded, attributes: list[int]) -> int:
    """Call a handler as XLA does, with an API table too short to offer threads."""
    alive: list[Any] = []

    def address(memory: Any) -> int:
        alive.append(memory)
        return ctypes.addressof(memory)

    def pointers(addresses: list[int]) -> int:
        return address((ctypes.c_int64 * max(len(addresses), 1))(*addresses))

    def buffer(array: Guarded) -> int:
        dims = pointers(list(array.view.shape))
        return address(
            words(
                (layout.BUFFER_DATA, array.address),
                (layout.BUFFER_RANK, array.view.ndim),
                (layout.BUFFER_DIMS, dims),
                size=48,
            )
        )

    scalars = [address(words((layout.SCALAR_VALUE, address(ctypes.c_int64(value))), size=16)) for value in attributes]
    frame = words(
        (0, layout.FRAME_MIN_SIZE),
        (layout.FRAME_API, address(words((0, layout.API_MIN_SIZE_ERRORS), size=layout.API_MIN_SIZE_POOL))),
        (layout.FRAME_STAGE, layout.STAGE_EXECUTE),
        (layout.FRAME_ARGS + layout.LIST_ITEMS, pointers([buffer(array) for array in inputs])),
        (layout.FRAME_RETS + layout.LIST_ITEMS, pointers([buffer(output)])),
        (layout.FRAME_ATTRS + layout.ATTRS_ITEMS, pointers(scalars)),
        size=layout.FRAME_MIN_SIZE,
    )
    return int(handler.ctypes(ctypes.addressof(frame)))


INDEX_DTYPES = ("int8", "uint8", "int16", "uint32", "int64", "uint64")


@pytest.mark.parametrize("dtype", INDEX_DTYPES)
@pytest.mark.parametrize("transpose", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_no_index_dtype_leaves_the_buffers(dtype: str, transpose: bool, rng: Any) -> None:
    """Every value an index or pointer can have, in memory with NaN weights and spikes all around."""
    index = np.dtype(dtype)
    info = np.iinfo(index)
    kernel = row_kernel(csr=True, homogeneous=False, event=True, transpose=transpose, batched=False)
    # Few distinct signatures: float64 here covers that dtype, too.
    spec = [(np.dtype(np.float64), 1), (index, 1), (index, 1), (np.dtype(bool), 1)]
    handler = compile_handler(kernel, spec, [(np.dtype(np.float64), 1)], [np.dtype(np.int64)] * 4)
    edges = np.array([info.min, info.min + 1, info.max, info.max - 1, 0, 1, 2, info.max // 2], index)
    # More columns than an 8-bit index reaches, so that a negative one read as unsigned would be inside.
    for m, n, nse in ((20, 300, 90), (11, 5, 40), (3, 4, 1), (50, 70_000, 100)):
        for malformed in (False, True):
            data = rng.standard_normal(nse)
            indices = rng.integers(0, min(n, info.max), nse).astype(index)
            indptr = np.sort(rng.integers(0, nse + 1, m + 1)).astype(index)
            if malformed:
                indices = np.where(rng.random(nse) < 0.4, rng.choice(edges, nse), indices).astype(index)
                indptr = np.where(rng.random(m + 1) < 0.3, rng.choice(edges, m + 1), indptr).astype(index)
            x = rng.random(m if transpose else n) < 0.3
            # 0xFF is NaN as a weight, -1 as an index, and an event.
            inputs = [Guarded(array, 0xFF) for array in (data, indices, indptr, x)]
            output = Guarded(np.full(n if transpose else m, np.nan), 0xA5)
            assert call_handler(handler, inputs, output, [1, n, m, 0]) == 0  # batch, cols, rows, width
            np.testing.assert_allclose(
                output.view, expected((data, indices, indptr), x, (m, n), transpose, True), rtol=1e-12, atol=1e-12
            )
            assert output.margins_are_untouched()
            assert all(array.is_untouched() for array in inputs)
