"""Parallel loops of a kernel, on the thread pool of the XLA client that calls it.

Numba's threading layers can't be used, because XLA runs independent calls concurrently on its own threads: in this
case, `prange` on the workqueue layer aborts the process, and the other layers add a second set of threads that competes
for the cores.

Threads claim chunks of the loop from a shared counter, and so does the calling thread. The caller waits only for chunks
that others have claimed, which are running, and never for a task to start: a busy pool makes the loop slower, but can't
deadlock it.

A thread costs as much as tens of thousands of entries, so a loop gets as many threads as the work is worth
(`threads_for`). Each thread starts up to two others when it has claimed its first chunk: 64 threads run after six
wake-ups instead of 63 tasks that the caller queues one by one, and a loop that ends early starts few.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing import signature
from numba.extending import intrinsic

from . import layout
from .frame import call_checked, discard_error
from .memory import (
    ADDRESS,
    I64,
    allocate,
    atomic_add,
    atomic_load,
    atomic_unsigned_max,
    call_address,
    load_int64,
    pointer,
    release,
    stack_words,
    store_int64,
    yield_processor,
)
from .specialise import internal
from .thread_limit import entries_per_thread, thread_limit

__all__ = ["emit_in_order", "emit_loop", "parallel_loop", "pool_size", "threads_for"]

# The state of a loop stays on the heap until the last of its tasks has ended: a task that the pool starts late must
# find that no chunk is left to claim. Contended counters have their own cache lines.
_REFERENCES = 0
_FUNCTION = 8
_ARGUMENTS = 16
_CHUNKS = 24
_STATUS = 32
_FRAME = 40
_TASK = 48
_CLAIMED = 64
_DONE = 128
_UNQUEUED = 192
_STATE_SIZE = 256

# How many tasks a thread queues when it has claimed its first chunk.
_STARTS = 2

# How often the caller polls for the end of the last chunks before it starts to yield its processor.
_SPINS = 64


@internal
def pool_size(frame):  # type: ignore[no-untyped-def]
    """How many threads a kernel may use: those of XLA's pool, but at most `brainevent.config.num_threads`.

    It is 1 if the call has no pool, or if `frame` is 0 (a call from Python, or by one thread of several).
    """
    limit = thread_limit()
    if frame == 0 or limit == 1:
        return 1
    api = load_int64(frame + layout.FRAME_API)
    if load_int64(api) < layout.API_MIN_SIZE_POOL:
        return 1
    arguments = stack_words(4)
    count = stack_words(1)
    store_int64(arguments, layout.NUM_THREADS_SIZE)
    store_int64(arguments + layout.ARGS_CONTEXT, load_int64(frame + layout.FRAME_CONTEXT))
    store_int64(arguments + layout.NUM_THREADS_OUT, count)
    error = call_address(load_int64(api + layout.API_POOL_NUM_THREADS), arguments, 0)
    if error != 0:
        discard_error(api, error)
        return 1
    return max(1, min(load_int64(count), limit))


@internal
def threads_for(frame, work):  # type: ignore[no-untyped-def]
    """How many threads `work` entries are worth: one, and another one for every `entries_per_thread`."""
    entries, work = entries_per_thread(), np.int64(work)
    return 1 if work < entries else min(pool_size(frame), 1 + work // entries)


@internal
def _schedule(frame, task, state):  # type: ignore[no-untyped-def]
    """Queue `task(state)` on the pool; returns whether the pool accepted it."""
    api = load_int64(frame + layout.FRAME_API)
    arguments = stack_words(5)
    store_int64(arguments, layout.SCHEDULE_SIZE)
    store_int64(arguments + layout.ARGS_CONTEXT, load_int64(frame + layout.FRAME_CONTEXT))
    store_int64(arguments + layout.SCHEDULE_TASK, task)
    store_int64(arguments + layout.SCHEDULE_DATA, state)
    error = call_address(load_int64(api + layout.API_POOL_SCHEDULE), arguments, 0)
    if error != 0:
        discard_error(api, error)
    return error == 0


@internal
def _leave(state):  # type: ignore[no-untyped-def]
    """Drop one reference to the state, and free the state with the last one."""
    if atomic_add(state + _REFERENCES, -1) == 1:
        release(state)


@internal
def _start_others(state):  # type: ignore[no-untyped-def]
    """Queue further tasks. Only a thread that has claimed a chunk and hasn't run it yet may do this: until then the
    frame exists.

    For each task, there must be at least twice as many unclaimed chunks as are done already.
    """
    left = load_int64(state + _CHUNKS) - atomic_load(state + _CLAIMED)
    for _ in range(min(_STARTS, left // max(1, 2 * atomic_load(state + _DONE)))):
        if atomic_load(state + _UNQUEUED) <= 0 or atomic_add(state + _UNQUEUED, -1) <= 0:
            break
        atomic_add(state + _REFERENCES, 1)
        if not _schedule(load_int64(state + _FRAME), load_int64(state + _TASK), state):
            _leave(state)
            break


@internal
def _claim_and_run(state):  # type: ignore[no-untyped-def]
    """Run chunks until none is left to claim."""
    chunks, begun = load_int64(state + _CHUNKS), False
    # Read the counter before claiming, so that late tasks don't write to its cache line.
    while atomic_load(state + _CLAIMED) < chunks:
        chunk = atomic_add(state + _CLAIMED, 1)
        if chunk >= chunks:
            break
        if not begun:
            _start_others(state)
            begun = True
        status = call_address(load_int64(state + _FUNCTION), load_int64(state + _ARGUMENTS), chunk)
        if status != 0:
            # The largest status, not the first: which chunk fails first depends on the timing of threads.
            atomic_unsigned_max(state + _STATUS, status)
        atomic_add(state + _DONE, 1)


def _task(state):  # type: ignore[no-untyped-def]
    _claim_and_run(state)
    _leave(state)
    return 0


@internal
def _run_loop(frame, chunks, helpers, function, task, arguments):  # type: ignore[no-untyped-def]
    """Run `function(arguments, chunk)` for every chunk, with up to `helpers` tasks on the pool; returns the status."""
    state = allocate(_STATE_SIZE) if helpers > 0 else 0
    if state == 0:
        status = 0
        for chunk in range(chunks):
            failure = call_address(function, arguments, chunk)
            if failure != 0:
                status = failure
        return status
    store_int64(state + _REFERENCES, 1)
    store_int64(state + _FUNCTION, function)
    store_int64(state + _ARGUMENTS, arguments)
    store_int64(state + _CHUNKS, chunks)
    store_int64(state + _STATUS, 0)
    store_int64(state + _CLAIMED, 0)
    store_int64(state + _DONE, 0)
    store_int64(state + _FRAME, frame)
    store_int64(state + _TASK, task)
    store_int64(state + _UNQUEUED, helpers)
    _claim_and_run(state)
    looks = 0
    while atomic_load(state + _DONE) < chunks:
        looks += 1
        if looks >= _SPINS:
            yield_processor()
    status = load_int64(state + _STATUS)
    _leave(state)
    return status


def emit_loop(
    context: Any,
    builder: ir.IRBuilder,
    frame: ir.Value,
    chunks: ir.Value,
    threads: ir.Value,
    arguments: ir.Value,
    run_chunk: Callable[[ir.IRBuilder, ir.Value, ir.Value], ir.Value],
) -> ir.Value:
    """Emit a parallel loop, see `parallel_loop`, whose body `run_chunk(builder, arguments, chunk)` emits; returns its
    status.

    `arguments` is the address of what the body reads.
    """

    # The pool needs plain C functions. They are emitted into this module, so that the code contains no addresses and
    # can be stored on disk.
    def emit(name: str, parameters: int, fill: Callable[..., ir.Value]) -> ir.Value:
        function = ir.Function(
            builder.module, ir.FunctionType(I64, [I64] * parameters), builder.module.get_unique_name(name)
        )
        function.linkage = "internal"
        inner = ir.IRBuilder(function.append_basic_block("entry"))
        inner.ret(fill(inner, *function.args))
        return builder.ptrtoint(function, I64)

    def run_task(inner: ir.IRBuilder, state: ir.Value) -> ir.Value:
        task_signature = signature(types.int64, ADDRESS)
        compiled = context.compile_subroutine(inner, _task, task_signature)
        _, result = context.call_internal_no_propagate(inner, compiled.fndesc, task_signature, (state,))
        return result

    function, task = emit("run_chunk", 2, run_chunk), emit("run_task", 1, run_task)
    least = builder.select(builder.icmp_signed("<", chunks, threads), chunks, threads)
    helpers = builder.sub(least, I64(1))
    return context.compile_internal(
        builder,
        lambda frame, chunks, helpers, function, task, arguments: _run_loop(
            frame, chunks, helpers, function, task, arguments
        ),
        signature(types.int64, *([types.int64] * 6)),
        (frame, chunks, helpers, function, task, arguments),
    )


def emit_in_order(builder: ir.IRBuilder, count: ir.Value, run: Callable[[ir.Value], ir.Value]) -> ir.Value:
    """Emit a loop on the calling thread, whose body `run(number)` emits; returns its status."""
    status = cgutils.alloca_once_value(builder, I64(0))
    with cgutils.for_range(builder, count) as loop:
        found = run(loop.index)
        failed = builder.icmp_signed("!=", found, I64(0))
        builder.store(builder.select(failed, found, builder.load(status)), status)
    return builder.load(status)


def parallel_loop(body: Any, *, serial: bool = False) -> Any:
    """A loop for kernels, `loop(frame, chunks, threads, args) -> status`, that runs `body` on several threads.

    It calls `body(chunk, *args)` for every chunk in `range(chunks)`. Results don't depend on the timing of threads if
    chunks write to disjoint locations, and their boundaries depend only on sizes and `threads`.

    Args of the loop:
      frame: the kernel's first argument.
      chunks: the number of chunks; a few per thread balance the load.
      threads: how many threads to use at most, usually `pool_size(frame)`; with 1, the chunks run in order on the
        calling thread.
      args: a tuple with the further arguments of `body`.

    The loop returns 0, or the largest status of a chunk (compared as unsigned numbers); -1 if a chunk raised.

    Args:
      body: an njit function that returns a status, 0 for success. Its calls run concurrently, in any order. (It isn't
        an argument of the loop, because Numba could then put an address of this process into the code, which couldn't
        be stored on disk.)
      serial: whether to run the chunks in order on the calling thread, for any value of `threads`. Code for threads is
        half of the compile time of a scatter.
    """

    @intrinsic
    def loop(typingctx: Any, frame: types.Type, chunks: types.Type, threads: types.Type, args: Any) -> Any:
        if not isinstance(args, types.BaseTuple):
            return None
        body_type = types.Dispatcher(body)  # holds no reference to `body`, but this closure does
        body_signature = body_type.get_call_type(typingctx, (types.int64, *args.types), {})

        def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> ir.Value:
            frame, chunks, threads, packed = values
            if serial:
                arguments = cgutils.unpack_tuple(builder, packed)

                def run(chunk: ir.Value) -> ir.Value:
                    raised, status = call_checked(context, builder, body_type, body_signature, [chunk, *arguments])
                    return builder.select(raised, I64(-1), status)

                return emit_in_order(builder, chunks, run)
            storage = cgutils.alloca_once_value(builder, packed)

            def run_chunk(inner: ir.IRBuilder, arguments: ir.Value, chunk: ir.Value) -> ir.Value:
                loaded = inner.load(pointer(inner, arguments, packed.type))
                unpacked = [inner.extract_value(loaded, position) for position in range(len(args.types))]
                raised, status = call_checked(context, inner, body_type, body_signature, [chunk, *unpacked])
                return inner.select(raised, I64(-1), status)

            arguments = builder.ptrtoint(storage, I64)
            return emit_loop(context, builder, frame, chunks, threads, arguments, run_chunk)

        return signature(types.int64, ADDRESS, types.int64, types.int64, args), codegen

    return loop
