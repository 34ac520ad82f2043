"""The handler: the C function that XLA calls for every plan."""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.ccallback import CFunc
from numba.core.typing import signature
from numba.extending import intrinsic

from brainevent_cpu.bridge import NativeKernel, cache, layout
from brainevent_cpu.bridge.frame import (
    answer_metadata,
    buffer_of,
    discard_error,
    emit_error,
    frame_is_readable,
    numbers_before,
    product_of_dims,
)
from brainevent_cpu.bridge.handler import Handler
from brainevent_cpu.bridge.memory import (
    I32,
    I64,
    call_address,
    load_int32,
    load_int64,
    pointer,
    stack_words,
    store_int32,
    store_int64,
)
from brainevent_cpu.bridge.process_word import word_of_process
from brainevent_cpu.bridge.specialise import internal

from . import plan as plans
from . import records as r

__all__ = ["compile_handler"]

# Statuses of failures.
UNREADABLE: Final = 1
UNKNOWN: Final = 2
MISMATCH: Final = 3
NO_STREAM: Final = 4
NO_DEVICE: Final = 5
NO_IMAGE: Final = 6
NOT_LOADED: Final = 7
TOO_LARGE: Final = 8
ZERO_FAILED: Final = 9
LOAD_FAILED: Final = 10
LAUNCH_FAILED: Final = 11

_MEANINGS: Final = {
    UNREADABLE: "can't read the call frame of this version of XLA; the call frame has %lld bytes",
    UNKNOWN: "is not known in this process, in which no program that has it was traced; its key is %lld",
    MISMATCH: "was called with another number of arrays or sizes than it was planned for: %lld",
    NO_STREAM: "got no stream from XLA; the error is at %lld",
    NO_DEVICE: "runs on a device that this process has no room for, number %lld",
    NO_IMAGE: "was not compiled for the architecture of device %lld",
    NOT_LOADED: "was not loaded on device %lld before it ran",
    TOO_LARGE: "needs more blocks than a launch can have, %lld",
    ZERO_FAILED: "couldn't zero a buffer; CUDA error %lld",
    LOAD_FAILED: "couldn't be loaded; CUDA error %lld",
    LAUNCH_FAILED: "couldn't be launched; CUDA error %lld",
}

_MOST_BLOCKS: Final = 2**31 - 1
_INT32_MAX: Final = 2**31 - 1
# The stack of a launch: addresses of the parameters, the launch bounds (24 bytes), and the parameters.
_BOUNDS_AT: Final = 8 * (plans.MOST_ARGUMENTS + 1)
_VALUES_AT: Final = _BOUNDS_AT + 24
_WORDS: Final = 2 * plans.MOST_ARGUMENTS + 8

_plans = word_of_process(r.SYMBOL, r.PLANS)


@intrinsic
def _launch(typingctx: Any, function: Any, handle: Any, grid: Any, block: Any, stream: Any, parameters: Any) -> Any:
    """Call `cuLaunchKernel` with one dimension and without shared memory; returns its result."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        address, handle, grid, block, stream, parameters = args
        one = I32(1)
        kind = ir.FunctionType(I32, (I64, *([I32] * 7), I64, I64, I64))
        narrow = [builder.trunc(number, I32) for number in (grid, block)]
        operands = (handle, narrow[0], one, one, narrow[1], one, one, I32(0), stream, parameters, I64(0))
        return builder.sext(builder.call(pointer(builder, address, kind), operands), I64)

    return signature(types.int64, *([types.int64] * 6)), codegen


@intrinsic
def _call(typingctx: Any, function: Any, first: Any, second: Any, third: Any) -> Any:
    """Call a function of the driver that takes pointers; returns its result."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        kind = ir.FunctionType(I32, (I64, I64, I64))
        return builder.sext(builder.call(pointer(builder, args[0], kind), args[1:]), I64)

    return signature(types.int64, *([types.int64] * 4)), codegen


@intrinsic
def _zero(typingctx: Any, function: Any, address: Any, size: Any, stream: Any) -> Any:
    """Call `cuMemsetD8Async` with zeros; returns its result."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        byte = ir.IntType(8)
        kind = ir.FunctionType(I32, (I64, byte, I64, I64))
        operands = (args[1], byte(0), args[2], args[3])
        return builder.sext(builder.call(pointer(builder, args[0], kind), operands), I64)

    return signature(types.int64, *([types.int64] * 4)), codegen


@intrinsic
def _create_error(typingctx: Any, frame: Any, name: Any, status: Any, detail: Any) -> Any:
    """A new `XLA_FFI_Error*` with the name of the plan and the meaning of the status."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        frame, name, status, detail = args
        unnamed = builder.icmp_signed("==", name, I64(0))
        nameless = context.insert_const_string(builder.module, "(unnamed)")
        shown = builder.select(unnamed, nameless, pointer(builder, name, ir.IntType(8)))
        text = cgutils.alloca_once_value(builder, nameless)
        for value, meaning in _MEANINGS.items():
            with builder.if_then(builder.icmp_signed("==", status, I64(value))):
                written = cgutils.snprintf_stackbuffer(
                    builder, 512, f"brainevent kernel %.200s {meaning}", shown, detail
                )
                builder.store(written, text)
        return emit_error(builder, frame, builder.load(text))

    return signature(types.int64, *([types.int64] * 4)), codegen


@internal
def _find(key):  # type: ignore[no-untyped-def]
    """The address of the plan with this key, 0 if there is none."""
    table = _plans()
    if table == 0:
        return 0
    mask = load_int64(table + r.TABLE_MASK)
    slot = key & mask
    while True:  # ends at an empty slot: at most half of the slots are used
        at = table + r.TABLE_SLOTS + slot * r.SLOT_BYTES
        found = load_int64(at)
        if found == key:
            return load_int64(at + 8)
        if found == 0:
            return 0
        slot = (slot + 1) & mask


@internal
def _stream_and_device(frame, found):  # type: ignore[no-untyped-def]
    """Store the stream and the device's number at `found`; returns a status."""
    api, context = load_int64(frame + layout.FRAME_API), load_int64(frame + layout.FRAME_CONTEXT)
    arguments = stack_words(4)
    store_int64(arguments, layout.STREAM_SIZE)
    store_int64(arguments + layout.ARGS_CONTEXT, context)
    error = call_address(load_int64(api + layout.API_STREAM_GET), arguments, 0)
    if error != 0:
        discard_error(api, error)
        return NO_STREAM
    store_int64(found, load_int64(arguments + layout.STREAM_OUT))
    arguments = stack_words(4)
    store_int64(arguments, layout.DEVICE_ORDINAL_SIZE)
    store_int64(arguments + layout.ARGS_CONTEXT, context)
    error = call_address(load_int64(api + layout.API_DEVICE_ORDINAL_GET), arguments, 0)
    if error != 0:
        discard_error(api, error)
        return NO_STREAM
    store_int64(found + 8, load_int32(arguments + layout.DEVICE_ORDINAL_OUT))
    return 0


@internal
def _load(driver, function, device, stream, detail):  # type: ignore[no-untyped-def]
    """Load a function on a device, in the context of the stream, unless it is loaded already; returns a status."""
    module, handle = load_int64(function + r.FUNCTION_MODULE), function + r.FUNCTION_HANDLES + 8 * device
    if module == 0 or load_int64(handle) != 0:
        return 0
    image = load_int64(module + r.MODULE_IMAGES + 8 * device)
    store_int64(detail, device)
    if image == 0:
        return NO_IMAGE
    found = stack_words(2)
    status = _call(load_int64(driver + r.DRIVER_CONTEXT), stream, found, 0)
    if status == 0:
        status = _call(load_int64(driver + r.DRIVER_PUSH), load_int64(found), 0, 0)
    if status == 0:
        loaded = module + r.MODULE_HANDLES + 8 * device
        if load_int64(loaded) == 0:
            status = _call(load_int64(driver + r.DRIVER_LOAD), found, image, 0)
            if status == 0:
                store_int64(loaded, load_int64(found))
        if status == 0:
            symbol = load_int64(function + r.FUNCTION_SYMBOL)
            status = _call(load_int64(driver + r.DRIVER_FUNCTION), found, load_int64(loaded), symbol)
            if status == 0:
                store_int64(handle, load_int64(found))
        _call(load_int64(driver + r.DRIVER_POP), found + 8, 0, 0)
    store_int64(detail, status)
    return LOAD_FAILED if status != 0 else 0


@internal
def _buffer(frame, position, inputs):  # type: ignore[no-untyped-def]
    """The address of the `XLA_FFI_Buffer` at a position, counting inputs first, then outputs."""
    if position < inputs:
        return buffer_of(frame, layout.FRAME_ARGS, position)
    return buffer_of(frame, layout.FRAME_RETS, position - inputs)


_before = internal(numbers_before)


@internal
def _launch_kernel(frame, plan, operation, sizes, member, front, where, detail):  # type: ignore[no-untyped-def]
    """Launch a kernel for one member of a batch; returns a status. `where` holds the stream and the device."""
    driver, inputs = load_int64(plan + r.PLAN_DRIVER), load_int64(plan + r.PLAN_INPUTS)
    stream, device = load_int64(where), load_int64(where + 8)
    handle = load_int64(load_int64(operation + r.LAUNCH_FUNCTION) + r.FUNCTION_HANDLES + 8 * device)
    if handle == 0:
        store_int64(detail, device)
        return NOT_LOADED
    threads = load_int64(sizes + 8 * load_int64(operation + r.LAUNCH_THREADS))
    if threads <= 0:
        return 0
    block = load_int64(operation + r.LAUNCH_BLOCK)
    grid = (threads - 1) // block + 1
    if grid > _MOST_BLOCKS:
        store_int64(detail, grid)
        return TOO_LARGE
    stack = stack_words(_WORDS)
    # Launch whole blocks: threads of a warp exchange values, so all of them must take part.
    launched = grid * block
    bounds = stack + _BOUNDS_AT
    store_int32(bounds, min(launched, _INT32_MAX))
    store_int64(bounds + 8, launched)
    store_int64(bounds + 16, 1)
    store_int64(stack, bounds)
    arguments = load_int64(operation + r.LAUNCH_ARGUMENTS)
    buffers = load_int64(plan + r.PLAN_BUFFERS)
    for k in range(load_int64(operation + r.LAUNCH_ARGUMENTS_COUNT)):
        argument, value = arguments + k * r.ARGUMENT_BYTES, stack + _VALUES_AT + 8 * k
        which = load_int64(argument + 8)
        if load_int64(argument) == r.POINTER:
            buffer = _buffer(frame, which, inputs)
            address = load_int64(buffer + layout.BUFFER_DATA)
            if front > 0:
                planned = buffers + which * r.BUFFER_BYTES
                before = _before(frame, buffer, load_int64(planned + r.BUFFER_RANK), member)
                address += before * load_int64(planned + r.BUFFER_ITEMSIZE)
            store_int64(value, address)
        else:
            store_int64(value, load_int64(sizes + 8 * which))
        store_int64(stack + 8 * (k + 1), value)
    status = _launch(load_int64(driver + r.DRIVER_LAUNCH), handle, grid, block, stream, stack)
    store_int64(detail, status)
    return LAUNCH_FAILED if status != 0 else 0


@internal
def _zero_buffer(frame, plan, which, where, detail):  # type: ignore[no-untyped-def]
    """Zero a buffer for all members of a batch at once; returns a status."""
    buffer = _buffer(frame, which, load_int64(plan + r.PLAN_INPUTS))
    size = product_of_dims(load_int64(buffer + layout.BUFFER_DIMS), 0, load_int64(buffer + layout.BUFFER_RANK))
    size *= load_int64(load_int64(plan + r.PLAN_BUFFERS) + which * r.BUFFER_BYTES + r.BUFFER_ITEMSIZE)
    if size == 0:
        return 0
    driver = load_int64(plan + r.PLAN_DRIVER)
    address = load_int64(buffer + layout.BUFFER_DATA)
    status = _zero(load_int64(driver + r.DRIVER_MEMSET), address, size, load_int64(where))
    store_int64(detail, status)
    return ZERO_FAILED if status != 0 else 0


@internal
def _carry_out(frame, stage, name, detail):  # type: ignore[no-untyped-def]
    """Execute the plan of this call; returns a status. Stores the plan's name, and a number for the error message."""
    store_int64(detail, load_int64(frame))
    if not frame_is_readable(frame):
        return UNREADABLE
    if load_int64(frame + layout.FRAME_ATTRS + layout.ATTRS_SIZE) != 2:
        return MISMATCH
    attributes = load_int64(frame + layout.FRAME_ATTRS + layout.ATTRS_ITEMS)  # "plan" and "sizes"
    key = load_int64(load_int64(load_int64(attributes) + layout.SCALAR_VALUE))
    plan = _find(key)
    store_int64(detail, key)
    if plan == 0:
        return UNKNOWN
    store_int64(name, load_int64(plan + r.PLAN_NAME))
    given = load_int64(attributes + 8)
    counts = (
        (load_int64(frame + layout.FRAME_ARGS + layout.LIST_SIZE), load_int64(plan + r.PLAN_INPUTS)),
        (load_int64(frame + layout.FRAME_RETS + layout.LIST_SIZE), load_int64(plan + r.PLAN_OUTPUTS)),
        (load_int64(given + layout.ARRAY_SIZE), load_int64(plan + r.PLAN_SIZES)),
    )
    for found, planned in counts:
        store_int64(detail, found)
        if found != planned:
            return MISMATCH
    sizes = load_int64(given + layout.ARRAY_DATA)
    driver, where = load_int64(plan + r.PLAN_DRIVER), stack_words(2)
    if load_int64(driver + r.DRIVER_HAS_STREAMS) != 0:
        api = load_int64(frame + layout.FRAME_API)
        store_int64(detail, load_int64(api))
        if load_int64(api) < layout.API_MIN_SIZE_DEVICE:
            return UNREADABLE
        status = _stream_and_device(frame, where)
        if status != 0:
            return status
    device = load_int64(where + 8)
    store_int64(detail, device)
    if device < 0 or device >= r.MOST_DEVICES:
        return NO_DEVICE
    operations, count = load_int64(plan + r.PLAN_OPERATIONS), load_int64(plan + r.PLAN_OPERATIONS_COUNT)
    if stage == layout.STAGE_INITIALIZE:
        # Not at the first launch, which may be captured into a CUDA graph: loading isn't allowed during capture.
        for k in range(count):
            operation = operations + k * r.OPERATION_BYTES
            if load_int64(operation) == r.LAUNCH:
                function = load_int64(operation + r.LAUNCH_FUNCTION)
                status = _load(driver, function, device, load_int64(where), detail)
                if status != 0:
                    return status
        return 0
    out = buffer_of(frame, layout.FRAME_RETS, 0)
    planned = load_int64(plan + r.PLAN_BUFFERS) + load_int64(plan + r.PLAN_INPUTS) * r.BUFFER_BYTES
    front = load_int64(out + layout.BUFFER_RANK) - load_int64(planned + r.BUFFER_RANK)
    members = product_of_dims(load_int64(out + layout.BUFFER_DIMS), 0, front) if front > 0 else 1
    for member in range(members):
        for k in range(count):
            operation = operations + k * r.OPERATION_BYTES
            status = 0
            if load_int64(operation) == r.LAUNCH:
                status = _launch_kernel(frame, plan, operation, sizes, member, front, where, detail)
            elif member == 0:
                status = _zero_buffer(frame, plan, load_int64(operation + r.ZERO_BUFFER), where, detail)
            if status != 0:
                return status
    return 0


def _handle(frame):  # type: ignore[no-untyped-def]
    if answer_metadata(frame, layout.COMMAND_BUFFER_COMPATIBLE):
        return 0
    stage = load_int32(frame + layout.FRAME_STAGE)
    if stage not in (layout.STAGE_INITIALIZE, layout.STAGE_EXECUTE):
        return 0
    found = stack_words(2)
    status = _carry_out(frame, stage, found, found + 8)
    return _create_error(frame, load_int64(found), status, load_int64(found + 8)) if status != 0 else 0


def compile_handler() -> Handler:
    """The handler, compiled or read from disk; keep the result alive as long as XLA may call it."""
    source = NativeKernel(r.SYMBOL, lambda: _handle, sources=(__file__, r.__file__, plans.__file__))
    key = cache.handler_key(source, ())
    found = cache.load(key)
    if found is not None:
        return Handler(found.address, True, found.engine)
    _handle.__name__ = _handle.__qualname__ = f"handle_{key[:16]}"
    handler: Any = CFunc(_handle, ((types.int64,), types.int64), locals={}, options={})
    handler.compile()
    cache.save(key, handler._library, handler.native_name)
    return Handler(handler.address, False, handler)
