"""The call frame that XLA passes to a handler: its arguments, the metadata query, and errors."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing import signature
from numba.extending import intrinsic

from . import layout
from .memory import (
    ADDRESS,
    I64,
    call_address,
    load_at,
    load_int32,
    load_int64,
    pointer,
    stack_words,
    store_int32,
    store_int64,
)
from .specialise import internal


@internal
def buffer_of(frame, field, position):  # type: ignore[no-untyped-def]
    """The address of an input's or output's `XLA_FFI_Buffer`."""
    return load_int64(load_int64(frame + field + layout.LIST_ITEMS) + 8 * position)


@internal
def product_of_dims(dims, first, last):  # type: ignore[no-untyped-def]
    size = 1
    for axis in range(first, last):
        size *= load_int64(dims + 8 * axis)
    return size


def numbers_before(frame, buffer, rank, member):  # type: ignore[no-untyped-def]
    """The number of elements of a buffer before a member's part, which has `rank` axes; see `members`."""
    dims = load_int64(buffer + layout.BUFFER_DIMS)
    front = load_int64(buffer + layout.BUFFER_RANK) - rank
    sizes = load_int64(buffer_of(frame, layout.FRAME_RETS, 0) + layout.BUFFER_DIMS)
    stride, before = product_of_dims(dims, front, front + rank), 0
    for axis in range(front - 1, -1, -1):
        size, own = load_int64(sizes + 8 * axis), load_int64(dims + 8 * axis)
        if own != 1:
            before += member % size * stride
        member //= size
        stride *= own
    return before


def buffer_as_array(
    context: Any, builder: ir.IRBuilder, frame: ir.Value, buffer: ir.Value, member: ir.Value, array_type: types.Array
) -> ir.Value:
    """A member's part of an `XLA_FFI_Buffer` as a Numba array of `array_type`, with the dimensions of this call."""
    # Not imported at the top: it takes 0.17 s, which a process that finds its handlers on disk saves.
    from numba.np.arrayobj import populate_array

    array = context.make_array(array_type)(context, builder)
    rank = I64(array_type.ndim)
    front = builder.sub(load_at(builder, buffer, layout.BUFFER_RANK), rank)
    dims = builder.add(load_at(builder, buffer, layout.BUFFER_DIMS), builder.shl(front, I64(3)))
    # If nothing is mapped, the part of the single member is the whole buffer. To find this out by a call for each
    # buffer took a fifth of the time of a trivial kernel.
    skipped = cgutils.alloca_once_value(builder, I64(0))
    with builder.if_then(builder.icmp_signed(">", front, I64(0)), likely=False):
        piece_signature = signature(types.int64, *([types.int64] * 4))
        # Not `compile_internal`, because the caller may be a plain C function.
        compiled = context.compile_subroutine(builder, numbers_before, piece_signature)
        arguments = (frame, buffer, rank, member)
        _, found = context.call_internal_no_propagate(builder, compiled.fndesc, piece_signature, arguments)
        builder.store(found, skipped)
    before = builder.load(skipped)
    shape = [load_at(builder, dims, 8 * axis) for axis in range(array_type.ndim)]
    itemsize = I64(context.get_abi_sizeof(context.get_data_type(array_type.dtype)))
    strides = [itemsize] * array_type.ndim
    for axis in reversed(range(array_type.ndim - 1)):
        strides[axis] = builder.mul(strides[axis + 1], shape[axis + 1])
    data = builder.add(load_at(builder, buffer, layout.BUFFER_DATA), builder.mul(before, itemsize))
    populate_array(
        array,
        data=builder.inttoptr(data, array.data.type),
        shape=cgutils.pack_array(builder, shape, ty=I64),
        strides=cgutils.pack_array(builder, strides, ty=I64),
        itemsize=itemsize,
        meminfo=None,
    )
    return array._getvalue()


def scalar_attribute(context: Any, builder: ir.IRBuilder, scalar: ir.Value, scalar_type: types.Type) -> ir.Value:
    """An `XLA_FFI_Scalar` as a Numba scalar."""
    value = pointer(builder, load_at(builder, scalar, layout.SCALAR_VALUE), context.get_data_type(scalar_type))
    return context.unpack_value(builder, scalar_type, value)


def kernel_call(
    kernel: Any,
    inputs: tuple[types.Array, ...],
    outputs: tuple[types.Array, ...],
    attributes: tuple[types.Type, ...],
    threads: bool,
    returns_status: bool = True,
) -> Any:
    """`resolve(typing context) -> emit(context, builder, frame, own_frame, member) -> status`: a call of `kernel`.

    The kernel gets a member's arrays and the attributes of the frame, and with `threads` first `own_frame`. Its result
    is ignored unless `returns_status`. A status of -1 means that it raised an exception. (Numba would print it, and the
    call would succeed.)
    """
    kernel_type = types.Dispatcher(kernel)
    argument_types = (*([ADDRESS] if threads else []), *inputs, *outputs, *attributes)

    def resolve(typingctx: Any) -> Any:
        kernel_signature = kernel_type.get_call_type(typingctx, argument_types, {})
        if returns_status and not isinstance(kernel_signature.return_type, types.Integer | types.Boolean):
            raise TypeError(f"the kernel must return an integer status, not {kernel_signature.return_type}")

        def emit(
            context: Any, builder: ir.IRBuilder, frame: ir.Value, own_frame: ir.Value, member: ir.Value
        ) -> ir.Value:
            values = [own_frame] if threads else []
            for field, array_types in ((layout.FRAME_ARGS, inputs), (layout.FRAME_RETS, outputs)):
                buffers = load_at(builder, frame, field + layout.LIST_ITEMS)
                for position, array_type in enumerate(array_types):
                    buffer = load_at(builder, buffers, 8 * position)
                    values.append(buffer_as_array(context, builder, frame, buffer, member, array_type))
            scalars = load_at(builder, frame, layout.FRAME_ATTRS + layout.ATTRS_ITEMS)
            for position, scalar_type in enumerate(attributes):
                scalar = load_at(builder, scalars, 8 * position)
                values.append(scalar_attribute(context, builder, scalar, scalar_type))
            raised, status = call_checked(context, builder, kernel_type, kernel_signature, values, returns_status)
            return builder.select(raised, I64(-1), status)

        return emit

    return resolve


def call_checked(
    context: Any,
    builder: ir.IRBuilder,
    callee: Any,
    callee_signature: Any,
    values: list[ir.Value],
    returns_status: bool = True,
) -> tuple[ir.Value, ir.Value]:
    """Call a compiled function. Returns whether it raised, and its result as int64; 0 if it returns no status."""
    overload = callee.dispatcher.get_compile_result(callee_signature)
    context.active_code_library.add_linking_library(overload.library)
    # Parameters with defaults are part of the signature, but take no value.
    values = values + [None] * (len(callee_signature.args) - len(values))
    status, result = context.call_internal_no_propagate(builder, overload.fndesc, callee_signature, values)
    return_type = callee_signature.return_type
    if not returns_status or return_type == types.none:
        return status.is_error, I64(0)
    return status.is_error, context.cast(builder, result, return_type, types.int64)


def error_message(kernel_name: str, messages: dict[int, str]) -> Any:
    """An intrinsic `create_error(frame, status)`: a new `XLA_FFI_Error*` that describes the failure of the kernel."""
    known = {
        -1: "raised an exception (call it directly from Python to see which)",
        -2: "can't read the call frame of this version of XLA",
        -3: "returned without writing to one of its outputs",
        **messages,
    }

    @intrinsic
    def create_error(typingctx: Any, frame: types.Type, status: types.Type) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
            frame, status = args
            name = kernel_name.replace("%", "%%")
            text = cgutils.snprintf_stackbuffer(
                builder, 256 + len(name.encode()), f"brainevent kernel {name} failed with status %lld", status
            )
            for value, meaning in known.items():
                constant = context.insert_const_string(builder.module, f"brainevent kernel {kernel_name} {meaning}")
                text = builder.select(builder.icmp_signed("==", status, I64(value)), constant, text)
            return emit_error(builder, frame, text)

        return signature(types.int64, ADDRESS, types.int64), codegen

    return create_error


def emit_error(builder: ir.IRBuilder, frame: ir.Value, text: ir.Value) -> ir.Value:
    """A new `XLA_FFI_Error*` with a message, which XLA copies."""
    arguments = cgutils.alloca_once(builder, ir.ArrayType(I64, 4), zfill=True)
    base = builder.ptrtoint(arguments, I64)
    for offset, value in (
        (0, I64(layout.ERROR_CREATE_SIZE)),
        (layout.ERROR_CREATE_MESSAGE, builder.ptrtoint(text, I64)),
        (layout.ERROR_CREATE_CODE, I64(layout.ERROR_INTERNAL)),
    ):
        builder.store(value, pointer(builder, builder.add(base, I64(offset))))
    api = load_at(builder, frame, layout.FRAME_API)
    create_type = ir.FunctionType(I64, (I64,))
    create = pointer(builder, load_at(builder, api, layout.API_ERROR_CREATE), create_type)
    return builder.call(create, (base,))


@internal
def answer_metadata(frame, traits=0):  # type: ignore[no-untyped-def]
    """Answer with the handler's API version and traits if the call is a metadata query; returns whether it is one."""
    extension = load_int64(frame + layout.FRAME_EXTENSION)
    while extension != 0:
        if load_int32(extension + layout.EXTENSION_TYPE) == layout.METADATA_TYPE:
            metadata = load_int64(extension + layout.EXTENSION_METADATA)
            store_int32(metadata + layout.METADATA_MAJOR, layout.API_MAJOR)
            store_int32(metadata + layout.METADATA_MINOR, layout.API_MINOR)
            store_int32(metadata + layout.METADATA_TRAITS, traits)
            return True
        extension = load_int64(extension + layout.EXTENSION_NEXT)
    return False


@internal
def frame_is_readable(frame):  # type: ignore[no-untyped-def]
    """Whether the frame is at least as large as the layout assumes."""
    return load_int64(frame) >= layout.FRAME_MIN_SIZE


@internal
def discard_error(api, error):  # type: ignore[no-untyped-def]
    """Free an error that an XLA function returned."""
    arguments = stack_words(3)
    store_int64(arguments, layout.ERROR_DESTROY_SIZE)
    store_int64(arguments + layout.ERROR_DESTROY_ERROR, error)
    call_address(load_int64(api + layout.API_ERROR_DESTROY), arguments, 0)
