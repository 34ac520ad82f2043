"""The bridge between Numba and XLA: layout, compilation, errors, threads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainevent_core import config
from brainevent_core.errors import BackendWarning
from brainevent_cpu.bridge import NativeKernel, layout, native_call, selftest
from brainevent_cpu.bridge.handler import compile_handler
from brainevent_cpu.bridge.thread_settings import shared_from
from brainevent_cpu.testing import CallFrame, Pool, run_task

SOURCES = (__file__,)
F32, F64, I64 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64)


def _like(array: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype)


def _double(x, out):  # type: ignore[no-untyped-def]
    for i in range(x.size):
        out.flat[i] = 2 * x.flat[i]
    return 0


def _fail(x, out):  # type: ignore[no-untyped-def]
    if x[0] == 99:
        return 10 // (x.size - 1)
    return np.int64(x[0])


def _add(x, y, out, reverse):  # type: ignore[no-untyped-def]
    for i in range(x.size):
        for j in range(y.size):
            out[i, j] = x[i] + y[j]
    for j in range(y.size):
        reverse[j] = y[y.size - 1 - j]
    return 0


def _adding_rows() -> Any:
    import numba

    from brainevent_cpu.bridge.threads import parallel_loop, pool_size

    @numba.njit
    def add_row(i, x, y, out, reverse):  # type: ignore[no-untyped-def]
        out[i] = x[i] + y
        if i == 0:
            reverse[:] = y[::-1]
        return 0

    add_rows = parallel_loop(add_row)

    @numba.njit
    def kernel(frame, x, y, out, reverse):  # type: ignore[no-untyped-def]
        return add_rows(frame, x.size, pool_size(frame), (x, y, out, reverse))

    return kernel


def _measuring_pool() -> Any:
    import numba

    from brainevent_cpu.bridge.threads import pool_size

    @numba.njit
    def kernel(frame, x, out):  # type: ignore[no-untyped-def]
        out[0] = pool_size(frame)
        return 0

    return kernel


def _asking_threads() -> Any:
    import numba

    from brainevent_cpu.bridge.threads import threads_for

    @numba.njit
    def kernel(frame, work, out):  # type: ignore[no-untyped-def]
        out[0] = threads_for(frame, work[0])
        return 0

    return kernel


DOUBLE = NativeKernel("double", lambda: _double, sources=SOURCES)
FAIL = NativeKernel("fail_on_request", lambda: _fail, messages={5: "was given a five"}, sources=SOURCES)


def _doubling(raises: bool) -> Any:
    """A kernel that doubles a vector in 16 chunks or more; if `raises`, chunks with negative numbers raise."""
    import numba

    from brainevent_cpu.bridge.threads import parallel_loop, pool_size

    @numba.njit
    def double_chunk(chunk, chunks, x, out):  # type: ignore[no-untyped-def]
        for i in range(chunk * x.size // chunks, (chunk + 1) * x.size // chunks):
            if raises and x[i] < 0:
                raise ValueError
            out[i] = 2 * x[i]
        return 0

    double_chunks = parallel_loop(double_chunk)

    @numba.njit
    def kernel(frame, x, out):  # type: ignore[no-untyped-def]
        threads = pool_size(frame)
        return double_chunks(frame, 16 * threads, threads, (16 * threads, x, out))

    return kernel


PARALLEL = NativeKernel("double_parallel", lambda: _doubling(False), threads=True, sources=SOURCES)
ADD = NativeKernel("add_outer", lambda: _add, sources=SOURCES)
ADD_PARALLEL = NativeKernel("add_outer_parallel", lambda: _adding_rows(), threads=True, sources=SOURCES)
POOL_SIZE = NativeKernel("pool_size", lambda: _measuring_pool(), threads=True, sources=SOURCES)
THREADS_FOR = NativeKernel("threads_for", lambda: _asking_threads(), threads=True, sources=SOURCES)
PARALLEL_RAISING = NativeKernel("raise_parallel", lambda: _doubling(True), threads=True, sources=SOURCES)


def double(x: jax.Array, kernel: NativeKernel = DOUBLE) -> jax.Array:
    return native_call(kernel, x, outs=[_like(x)])[0]


# --- Structures that XLA passes --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def headers() -> Any:
    """The C declarations of the installed jaxlib."""
    cffi = pytest.importorskip("cffi")
    text = (Path(jax.ffi.include_dir()) / "xla/ffi/api/c_api.h").read_text()
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    text = re.sub(r'#ifdef __cplusplus\n(extern "C" \{|\})\n#endif', "", text)
    text = re.sub(r"^#[^\n]*", "", text.replace("\\\n", " "), flags=re.MULTILINE)
    text = re.sub(r"XLA_FFI_DEFINE_STRUCT_TRAITS\((\w+),\s*\w+\);", r"typedef struct \1 \1;", text)
    # C++ names of structures that are used before their typedef.
    structs = "".join(
        f"typedef struct {name} {name};\n" for name in sorted(set(re.findall(r"struct (XLA_FFI_\w+) \{", text)))
    )
    text = re.sub(r"typedef struct (XLA_FFI_\w+) \1;", "", text)
    text = re.sub(r"typedef struct (XLA_FFI_\w+) \{(.*?)\} \1;", r"struct \1 {\2};", text, flags=re.DOTALL)
    text = re.sub(r"_XLA_FFI_API_STRUCT_FIELD\((\w+)\)", r"\1* \1", text)
    text = re.sub(r"enum XLA_FFI_Handler_TraitsBits \{.*?\};", "", text, flags=re.DOTALL)
    opaque = ("Error", "Future", "ExecutionContext", "InvokeContext", "InternalApi")
    declared = "".join(
        f"typedef struct XLA_FFI_{name} XLA_FFI_{name};\n" for name in opaque if f"XLA_FFI_{name}" in text
    )
    text = text.replace("typedef XLA_FFI_InvokeContext XLA_FFI_ExecutionContext;", "")
    ffi = cffi.FFI()
    ffi.cdef(declared + structs + text)
    return ffi


OFFSETS = [
    ("CallFrame", "extension_start", layout.FRAME_EXTENSION),
    ("CallFrame", "api", layout.FRAME_API),
    ("CallFrame", "ctx", layout.FRAME_CONTEXT),
    ("CallFrame", "stage", layout.FRAME_STAGE),
    ("CallFrame", "args", layout.FRAME_ARGS),
    ("CallFrame", "rets", layout.FRAME_RETS),
    ("CallFrame", "attrs", layout.FRAME_ATTRS),
    ("CallFrame", "future", layout.FRAME_MIN_SIZE),
    ("Args", "size", layout.LIST_SIZE),
    ("Args", "args", layout.LIST_ITEMS),
    ("Rets", "size", layout.LIST_SIZE),
    ("Rets", "rets", layout.LIST_ITEMS),
    ("Attrs", "size", layout.ATTRS_SIZE),
    ("Attrs", "attrs", layout.ATTRS_ITEMS),
    ("Scalar", "value", layout.SCALAR_VALUE),
    ("Array", "size", layout.ARRAY_SIZE),
    ("Array", "data", layout.ARRAY_DATA),
    ("Buffer", "dtype", layout.BUFFER_DTYPE),
    ("Buffer", "data", layout.BUFFER_DATA),
    ("Buffer", "rank", layout.BUFFER_RANK),
    ("Buffer", "dims", layout.BUFFER_DIMS),
    ("Metadata_Extension", "metadata", layout.EXTENSION_METADATA),
    ("Metadata", "traits", layout.METADATA_TRAITS),
    ("Api", "XLA_FFI_Error_Create", layout.API_ERROR_CREATE),
    ("Api", "XLA_FFI_Error_Destroy", layout.API_ERROR_DESTROY),
    ("Api", "XLA_FFI_Handler_Register", layout.API_MIN_SIZE_ERRORS),
    ("Api", "XLA_FFI_Stream_Get", layout.API_STREAM_GET),
    ("Api", "XLA_FFI_DeviceOrdinal_Get", layout.API_DEVICE_ORDINAL_GET),
    ("Api", "XLA_FFI_ThreadPool_Schedule", layout.API_POOL_SCHEDULE),
    ("Api", "XLA_FFI_ThreadPool_NumThreads", layout.API_POOL_NUM_THREADS),
    ("Api", "XLA_FFI_Future_Create", layout.API_MIN_SIZE_POOL),
    ("Error_Create_Args", "message", layout.ERROR_CREATE_MESSAGE),
    ("Error_Create_Args", "errc", layout.ERROR_CREATE_CODE),
    ("Error_Destroy_Args", "error", layout.ERROR_DESTROY_ERROR),
    ("ThreadPool_Schedule_Args", "ctx", layout.ARGS_CONTEXT),
    ("ThreadPool_Schedule_Args", "task", layout.SCHEDULE_TASK),
    ("ThreadPool_Schedule_Args", "data", layout.SCHEDULE_DATA),
    ("ThreadPool_NumThreads_Args", "ctx", layout.ARGS_CONTEXT),
    ("ThreadPool_NumThreads_Args", "num_threads", layout.NUM_THREADS_OUT),
    ("Stream_Get_Args", "ctx", layout.ARGS_CONTEXT),
    ("Stream_Get_Args", "stream", layout.STREAM_OUT),
    ("DeviceOrdinal_Get_Args", "ctx", layout.ARGS_CONTEXT),
    ("DeviceOrdinal_Get_Args", "device_ordinal", layout.DEVICE_ORDINAL_OUT),
]


@pytest.mark.parametrize(("struct", "field", "offset"), OFFSETS, ids=lambda value: str(value))
def test_offsets_are_those_of_the_headers(headers: Any, struct: str, field: str, offset: int) -> None:
    assert headers.offsetof(f"XLA_FFI_{struct}", field) == offset


def test_nested_offsets_and_constants_are_those_of_the_headers(headers: Any) -> None:
    assert headers.offsetof("XLA_FFI_Metadata", "api_version", "major_version") == layout.METADATA_MAJOR
    assert headers.offsetof("XLA_FFI_Metadata", "api_version", "minor_version") == layout.METADATA_MINOR
    assert headers.offsetof("XLA_FFI_Metadata_Extension", "extension_base", "type") == layout.EXTENSION_TYPE
    assert headers.offsetof("XLA_FFI_Metadata_Extension", "extension_base", "next") == layout.EXTENSION_NEXT
    constants = headers.typeof("XLA_FFI_ExecutionStage").relements
    assert constants["XLA_FFI_ExecutionStage_INITIALIZE"] == layout.STAGE_INITIALIZE
    assert headers.offsetof("XLA_FFI_Api", "XLA_FFI_DeviceOrdinal_Get") + 8 == layout.API_MIN_SIZE_DEVICE
    assert constants["XLA_FFI_ExecutionStage_EXECUTE"] == layout.STAGE_EXECUTE
    assert headers.typeof("XLA_FFI_Error_Code").relements["XLA_FFI_Error_Code_INTERNAL"] == layout.ERROR_INTERNAL
    last_fields = {
        "Error_Create_Args": ("errc", 4, layout.ERROR_CREATE_SIZE),
        "Error_Destroy_Args": ("error", 8, layout.ERROR_DESTROY_SIZE),
        "ThreadPool_Schedule_Args": ("data", 8, layout.SCHEDULE_SIZE),
        "ThreadPool_NumThreads_Args": ("num_threads", 8, layout.NUM_THREADS_SIZE),
        "Stream_Get_Args": ("stream", 8, layout.STREAM_SIZE),
        "DeviceOrdinal_Get_Args": ("device_ordinal", 4, layout.DEVICE_ORDINAL_SIZE),
    }
    for struct, (field, size, expected) in last_fields.items():
        assert headers.offsetof(f"XLA_FFI_{struct}", field) + size == expected


# --- A call frame of our own ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parallel_handler() -> Any:
    return compile_handler(PARALLEL, [(F64, 1)], [(F64, 1)])


def test_metadata_query() -> None:
    handler = compile_handler(DOUBLE, [(F32, 1)], [(F32, 1)])
    frame = CallFrame([], [])
    metadata = np.full(8, -1, np.int64)
    query = np.array([32, layout.METADATA_TYPE, 0, metadata.ctypes.data], np.int64)
    unknown = np.array([24, 77, query.ctypes.data], np.int64)
    frame.words[layout.FRAME_EXTENSION // 8] = unknown.ctypes.data
    assert frame.call(handler) == 0
    version = metadata.view(np.int32)[[layout.METADATA_MAJOR // 4, layout.METADATA_MINOR // 4]]
    assert version.tolist() == [layout.API_MAJOR, layout.API_MINOR]


def test_frame_that_is_too_small_is_refused() -> None:
    handler = compile_handler(DOUBLE, [(F32, 1)], [(F32, 1)])
    frame = CallFrame([], [])
    frame.words[0] = layout.FRAME_MIN_SIZE - 8
    assert frame.call(handler) == 1234
    assert "call frame" in frame.errors[0]


def test_only_the_execute_stage_runs_the_kernel() -> None:
    handler = compile_handler(DOUBLE, [(F32, 1)], [(F32, 1)])
    out = np.zeros(3, np.float32)
    frame = CallFrame([np.ones(3, np.float32)], [out])
    frame.words[layout.FRAME_STAGE // 8] = 0
    assert frame.call(handler) == 0
    assert not out.any()


@pytest.mark.parametrize("when", ["inline", "late", "never queued", "no pool in this version"])
def test_threads_of_a_pool_that_does_as_it_likes(parallel_handler: Any, when: str) -> None:
    x, out = np.arange(1000.0), np.zeros(1000)
    frame = CallFrame([x], [out], threads=4)
    if when == "inline":
        frame.schedule = run_task
    elif when == "never queued":
        frame.schedule = lambda task, data: 77
    elif when == "no pool in this version":
        frame.api[0] = layout.API_MIN_SIZE_POOL - 8
        frame.schedule = lambda task, data: pytest.fail("called a function beyond the table")
    assert frame.call(parallel_handler) == 0
    np.testing.assert_array_equal(out, 2 * x)
    assert len(frame.tasks) == (2 if when == "late" else 0)  # a task that starts enqueues the others
    assert frame.destroyed == ([77] if when == "never queued" else [])
    # The caller has returned and its stack is gone, so tasks that start now may only release the shared state.
    out[:] = 0
    for task, data in frame.tasks:
        run_task(task, data)
    assert not out.any() or when != "late"


def test_threads_that_overlap_the_caller(parallel_handler: Any) -> None:
    x = np.arange(1e5)
    for _ in range(50):
        out = np.zeros_like(x)
        frame = CallFrame([x], [out], threads=3)
        workers: list[threading.Thread] = []

        def start(task: int, data: int, workers: list[threading.Thread] = workers) -> int:
            workers.append(threading.Thread(target=run_task, args=(task, data)))
            workers[-1].start()
            return 0

        frame.schedule = start
        assert frame.call(parallel_handler) == 0
        np.testing.assert_array_equal(out, 2 * x)
        for worker in workers:
            worker.join()


@pytest.fixture
def any_threads() -> Iterator[None]:
    yield
    config.set_num_threads(None)


@pytest.mark.usefixtures("any_threads")
def test_a_limit_on_threads_holds_from_the_next_call_on(parallel_handler: Any) -> None:
    x = np.arange(1000.0)
    for limit, helpers in ((None, 7), (2, 1), (1, 0), (4, 3), (64, 7), (None, 7)):
        config.set_num_threads(limit)
        out = np.zeros(1000)
        frame = CallFrame([x], [out], threads=8)
        pool = Pool(frame, "in order")
        assert frame.call(parallel_handler) == 0
        np.testing.assert_array_equal(out, 2 * x)
        assert pool.started == helpers


@pytest.mark.usefixtures("any_threads")
def test_compiled_functions_obey_a_new_limit() -> None:
    traced = []

    @jax.jit
    def threads(x: jax.Array) -> jax.Array:
        traced.append(1)
        return native_call(POOL_SIZE, x, outs=[jax.ShapeDtypeStruct((1,), jnp.int32)])[0]

    x = jnp.zeros(1)
    all_of_them = int(threads(x)[0])
    for limit in (1, 2, None, 1):
        config.set_num_threads(limit)
        assert threads(x).tolist() == [min(limit or all_of_them, all_of_them)]
    assert len(traced) == 1


def test_the_environment_limits_threads_and_the_cache_serves_any_process(cache_directory: Path) -> None:
    code = """
        import sys; sys.path.insert(0, sys.argv[1])
        import jax, jax.numpy as jnp
        from brainevent_cpu.bridge import native_call
        from test_bridge import POOL_SIZE
        print(native_call(POOL_SIZE, jnp.zeros(1), outs=[jax.ShapeDtypeStruct((1,), jnp.int32)])[0][0])
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(Path(__file__).parent)]
    for limit in ("1", "2"):
        environment = {**os.environ, "BRAINEVENT_NUM_THREADS": limit}
        result = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        assert int(result.stdout) == min(int(limit), len(os.sched_getaffinity(0)))
    assert len(list(cache_directory.rglob("*.handler"))) == 1
    environment = {**os.environ, "BRAINEVENT_NUM_THREADS": "0"}
    with pytest.raises(subprocess.CalledProcessError) as failed:
        subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert "BRAINEVENT_NUM_THREADS must be" in failed.value.stderr


# --- Members of a batch -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", ["serial", "parallel"])
@pytest.mark.parametrize(
    "axes",
    [
        [(0, 0)],
        [(0, None)],
        [(None, 1)],
        [(0, None), (None, 0)],
        [(0, 1), (1, None), (None, 0)],
        [(0, 0), (0, 0), (0, 0)],
    ],
    ids=str,
)
def test_members(axes: list[tuple[Any, Any]], kernel: str, rng: np.random.Generator) -> None:
    """Any nesting of vmap is a single call, which runs the kernel on each member's part of every array."""
    native = {"serial": ADD, "parallel": ADD_PARALLEL}[kernel]

    def add(x: jax.Array, y: jax.Array) -> Any:
        return native_call(native, x, y, outs=[jax.ShapeDtypeStruct((4, 5), x.dtype), _like(y)])

    def model(x: jax.Array, y: jax.Array) -> Any:
        return x[:, None] + y, y[::-1]

    shapes = [list(shape) for shape in ((4,), (5,))]
    for size, level in zip((3, 2, 7), reversed(axes)):
        add, model = (jax.vmap(function, level) for function in (add, model))
        for shape, axis in zip(shapes, level):
            if axis is not None:
                shape.insert(axis, size)
    arrays = [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes]
    program = jax.jit(add).lower(*arrays).as_text()
    assert program.count("custom_call") == 1
    assert "while" not in program
    jax.tree.map(np.testing.assert_array_equal, tuple(jax.jit(add)(*arrays)), model(*arrays))


@pytest.mark.parametrize(("work", "threads"), [(0, 1), (99, 1), (100, 2), (299, 3), (300, 4), (10**12, 64)])
def test_threads_in_proportion_to_work(work: int, threads: int) -> None:
    out = np.zeros(1, np.int64)
    handler = compile_handler(THREADS_FOR, [(np.dtype(np.int64), 1)], [(np.dtype(np.int64), 1)])
    with shared_from(100):
        assert CallFrame([np.array([work])], [out], threads=64).call(handler) == 0
    assert out[0] == threads


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 3), (8, 10_000), (9, 10_000), (3, 40_000), (5, 40_000)], ids=str)
def test_members_share_the_threads(shape: tuple[int, int], parallel_handler: Any, rng: np.random.Generator) -> None:
    """Members run in parallel if one wouldn't use all threads, or there are enough for all; otherwise in order."""
    members, size = shape
    x = rng.normal(size=shape)
    out = np.zeros(shape)
    frame = CallFrame([x], [out], threads=4)
    pool = Pool(frame, "in order")
    with shared_from(15_000):
        assert frame.call(parallel_handler) == 0
    np.testing.assert_array_equal(out, 2 * x)
    # This kernel uses all threads for a member, however small its work is.
    across = members > 1 and members * size >= 15_000 and (size < 15_000 or members % 4 == 0)
    assert pool.started == (3 if across else 3 * members)


def test_members_that_fail() -> None:
    x = jnp.array([[0.0], [0.0], [99.0], [0.0]])
    with pytest.raises((jax.errors.JaxRuntimeError, ValueError), match="fail_on_request raised"):
        jax.jit(jax.vmap(lambda x: double(x, FAIL)))(x).block_until_ready()


def test_members_that_are_updated_in_place() -> None:
    def kernel(x, out):  # type: ignore[no-untyped-def]
        out[0] += 1
        return 0

    native = NativeKernel("increment_first_of_each", lambda: kernel, sources=SOURCES)

    @jax.jit
    def repeat(x: jax.Array) -> jax.Array:
        step = jax.vmap(lambda x: native_call(native, x, outs=[_like(x)], aliases={0: 0})[0])
        return jax.lax.fori_loop(0, 100, lambda _, x: step(x), x)

    np.testing.assert_array_equal(repeat(jnp.zeros((4, 3))), np.tile([100, 0, 0], (4, 1)))


# --- Calls from JAX ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (5,), (0,), (2, 3), (2, 0, 4), (2, 3, 4)], ids=str)
def test_ranks_and_shapes(shape: tuple[int, ...]) -> None:
    x = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    np.testing.assert_array_equal(jax.jit(double)(x), 2 * x)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "uint32", "float32", "complex64"])
def test_dtypes(dtype: str) -> None:
    x = np.arange(5).astype(dtype)
    np.testing.assert_array_equal(double(jnp.asarray(x)), 2 * x)


def test_dtype_that_numba_lacks() -> None:
    with pytest.raises(TypeError, match="bfloat16"):
        double(jnp.ones(3, jnp.bfloat16))


def test_booleans_attributes_and_several_outputs() -> None:
    def kernel(mask, yes, no, offset, scale):  # type: ignore[no-untyped-def]
        for i in range(mask.size):
            yes[i] = scale * mask[i] + offset
            no[i] = not mask[i]
        return 0

    mask = jnp.array([True, False, True])
    outs = [jax.ShapeDtypeStruct((3,), jnp.float32), jax.ShapeDtypeStruct((3,), jnp.bool_)]
    attributes = {"scale": np.float32(2.5), "offset": np.int64(-3)}
    native = NativeKernel("two_outputs", lambda: kernel, sources=SOURCES)
    yes, no = jax.jit(lambda mask: native_call(native, mask, outs=outs, attributes=attributes))(mask)
    np.testing.assert_array_equal(yes, [-0.5, -3, -0.5])
    np.testing.assert_array_equal(no, ~np.asarray(mask))


def test_aliased_input_is_updated_in_place() -> None:
    def kernel(x, out):  # type: ignore[no-untyped-def]
        out[0] += 1
        return 0

    native = NativeKernel("increment_first", lambda: kernel, sources=SOURCES)

    @jax.jit
    def repeat(x: jax.Array) -> jax.Array:
        step = lambda _, x: native_call(native, x, outs=[_like(x)], aliases={0: 0})[0]  # noqa: E731
        return jax.lax.fori_loop(0, 100, step, x)

    x = jnp.arange(3.0)
    np.testing.assert_array_equal(repeat(x), [100, 1, 2])
    np.testing.assert_array_equal(x, [0, 1, 2])


def test_inputs_are_read_only() -> None:
    def kernel(x, out):  # type: ignore[no-untyped-def]
        x[0] = 1
        return 0

    with pytest.raises(Exception, match="readonly"):
        double(jnp.ones(3), NativeKernel("write_input", lambda: kernel))


def test_kernel_must_return_a_status() -> None:
    with pytest.raises(Exception, match="integer status"):
        double(jnp.ones(3), NativeKernel("no_status", lambda: lambda x, out: None))


@pytest.mark.parametrize(
    ("value", "message"), [(7, "failed with status 7"), (5, "was given a five"), (99, "raised an exc")]
)
def test_errors_name_the_kernel(value: float, message: str) -> None:
    run = jax.jit(lambda x: double(x, FAIL))
    with pytest.raises((jax.errors.JaxRuntimeError, ValueError), match=f"fail_on_request {message}"):
        run(jnp.array([float(value)])).block_until_ready()
    run(jnp.array([0.0])).block_until_ready()


def test_a_chunk_that_raises_is_an_error() -> None:
    run = jax.jit(lambda x: double(x, PARALLEL_RAISING))
    with pytest.raises((jax.errors.JaxRuntimeError, ValueError), match="raise_parallel raised"):
        run(jnp.arange(100.0) - 50).block_until_ready()


def test_new_shapes_compile_nothing() -> None:
    built = []
    kernel = NativeKernel("counted", lambda: built.append(1) or _double)
    for size in (1, 2, 30):
        np.testing.assert_array_equal(double(jnp.ones(size), kernel), np.full(size, 2))
    assert len(built) == 1


def test_a_redefined_kernel_gets_a_target_of_its_own() -> None:
    results = []
    for factor in (3, 4):

        def kernel(x, out, factor=factor):  # type: ignore[no-untyped-def]
            out[0] = factor * x[0]
            return 0

        results.append(float(double(jnp.ones(1), NativeKernel("redefined", lambda kernel=kernel: kernel))[0]))
    assert results == [3, 4]


def test_eight_cold_threads() -> None:
    built = []
    kernel = NativeKernel("cold", lambda: built.append(1) or _double)
    barrier = threading.Barrier(8)

    def call(seed: int) -> Any:
        barrier.wait()
        return jax.jit(lambda x: double(x, kernel))(jnp.full(3, float(seed)))

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(call, range(8)))
    np.testing.assert_array_equal(results, 2 * np.repeat(np.arange(8.0), 3).reshape(8, 3))
    assert len(built) == 1


def test_in_a_loop() -> None:
    run = jax.jit(lambda x: jax.lax.fori_loop(0, 10_000, lambda _, x: double(x) / 2 + 1, x))
    np.testing.assert_array_equal(run(jnp.zeros(3)), [10_000] * 3)


@pytest.mark.parametrize("repeats", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_concurrent_loops_in_one_executable(repeats: int, rng: np.random.Generator) -> None:
    """Two independent calls per iteration, each of which requests all threads."""

    @jax.jit
    def run(x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        def step(_: int, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            x, y = carry
            return double(x, PARALLEL) - x, double(y, PARALLEL) - y

        return jax.lax.fori_loop(0, repeats, step, (x, y))

    x = jnp.asarray(rng.normal(size=1000), jnp.float32)
    for ours, expected in zip(run(x, x + 1), (x, x + 1), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_busy_pool() -> None:
    """More concurrent executions than threads in the pool, all of which use several threads."""
    run = jax.jit(lambda x: jax.lax.fori_loop(0, 200, lambda _, x: double(x, PARALLEL) - x, x))
    x = jnp.arange(3000.0)
    run(x).block_until_ready()
    with ThreadPoolExecutor(16) as pool:
        for result in pool.map(lambda seed: run(x + seed) - seed, range(64)):
            np.testing.assert_array_equal(result, x)


# --- The self-test, imports --------------------------------------------------------------------------------


@pytest.fixture
def cache_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BRAINEVENT_CACHE_DIR", str(tmp_path))
    return tmp_path


def test_self_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "_proved", False)
    assert selftest.bridge_works()


@pytest.mark.parametrize(("version", "warns"), [("0.61.2", False), ("0.68.9", False), ("0.69rc1", True), ("1.0", True)])
def test_a_numba_newer_than_any_that_was_tested(version: str, warns: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    monkeypatch.setattr(numba, "__version__", version)
    selftest._look_once.cache_clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert selftest.bridge_is_usable()
        assert selftest.bridge_is_usable()
    assert [re.findall(r"up to 0\.68, and this is (\S+)\. ", str(one.message)) for one in caught] == [[version]] * warns


def test_self_test_that_fails_warns_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "_proved", False)
    monkeypatch.setattr(selftest, "native_call", lambda *_, outs: [jnp.zeros(outs[0].shape)])
    selftest._run_once.cache_clear()
    try:
        with pytest.warns(BackendWarning, match="wrong numbers"):
            assert not selftest.bridge_works()
        assert not selftest.bridge_works()
    finally:
        selftest._run_once.cache_clear()


def test_descriptor_and_registration_import_no_numba() -> None:
    code = """
        import sys, types
        from brainevent_cpu.backend import BACKEND
        registered = types.SimpleNamespace(register_kernel=lambda *args, **_: print(*args[:2]))
        assert BACKEND.available() is None
        assert "brainevent_cpu.kernels" not in sys.modules
        BACKEND.register(registered)
        assert "numba" not in sys.modules
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True)
    assert "matmul cpu" in result.stdout
