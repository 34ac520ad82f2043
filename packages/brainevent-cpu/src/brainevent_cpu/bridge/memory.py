"""Raw memory for native code: loads, stores, atomics, calls through addresses. Addresses are int64."""

from __future__ import annotations

import sys
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing import signature
from numba.extending import intrinsic

from .half import half_value

I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
ADDRESS = types.int64


def pointer(builder: ir.IRBuilder, address: ir.Value, to: ir.Type = I64) -> ir.Value:
    """`address` as an LLVM pointer to `to`."""
    return builder.inttoptr(address, to.as_pointer())


def load_at(builder: ir.IRBuilder, address: ir.Value, offset: int, as_type: ir.Type = I64) -> ir.Value:
    """The value at `address + offset`."""
    return builder.load(pointer(builder, builder.add(address, I64(offset)), as_type))


def _load(as_type: ir.IntType) -> Any:
    """An intrinsic `(address) -> int64`: the integer at an address. 8-bit integers are unsigned, others signed."""
    widen = "zext" if as_type is I8 else "sext"

    @intrinsic
    def load(typingctx: Any, address: types.Type) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
            value = load_at(builder, args[0], 0, as_type)
            return value if as_type is I64 else getattr(builder, widen)(value, I64)

        return signature(types.int64, ADDRESS), codegen

    return load


load_int64, load_int32, load_int8 = map(_load, (I64, I32, I8))


@intrinsic
def load_word(typingctx: Any, array: types.Type, position: types.Type) -> Any:
    """The 8 bytes from `array[position]` on (a 1-D array, `position` unsigned) as one int64, at any alignment."""
    if not isinstance(array, types.Array):
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        data = context.make_array(array)(context, builder, args[0]).data
        word = builder.load(builder.bitcast(builder.gep(data, [args[1]]), I64.as_pointer()))
        word.align = 1
        return word

    return signature(types.int64, array, types.uint64), codegen


@intrinsic
def nonzero_bits(typingctx: Any, array: types.Type, position: types.Type) -> Any:
    """A word of 64 bits that tells which elements from `array[position]` on (a 1-D array, `position` unsigned) are
    nonzero, with the first one in the lowest bit.
    """
    if not isinstance(array, types.Array):
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        data = context.make_array(array)(context, builder, args[0]).data
        elements = ir.VectorType(context.get_data_type(array.dtype), 64)
        found = builder.load(builder.bitcast(builder.gep(data, [args[1]]), elements.as_pointer()))
        found.align = array.dtype.bitwidth // 8 if isinstance(array.dtype, types.Number) else 1
        unequal = builder.fcmp_unordered if isinstance(array.dtype, types.Float) else builder.icmp_unsigned
        return builder.bitcast(unequal("!=", found, ir.Constant(elements, None)), I64)

    return signature(types.uint64, array, types.uint64), codegen


def _store(as_type: ir.IntType) -> Any:
    """An intrinsic `(address, value)` that stores the low bits of an int64."""

    @intrinsic
    def store(typingctx: Any, address: types.Type, value: types.Type) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
            value = args[1] if as_type is I64 else builder.trunc(args[1], as_type)
            builder.store(value, pointer(builder, args[0], as_type))
            return context.get_dummy_value()

        return signature(types.none, ADDRESS, types.int64), codegen

    return store


store_int64, store_int32, store_int8 = map(_store, (I64, I32, I8))


def _atomic_update(operation: str) -> Any:
    """An intrinsic `(address, value) -> before` that atomically updates the int64 at an address (acquire-release)."""

    @intrinsic
    def update(typingctx: Any, address: types.Type, value: types.Type) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
            return builder.atomic_rmw(operation, pointer(builder, args[0]), args[1], "acq_rel")

        return signature(types.int64, ADDRESS, types.int64), codegen

    return update


atomic_add = _atomic_update("add")
# Keeps the larger value, compared as unsigned.
atomic_unsigned_max = _atomic_update("umax")


@intrinsic
def atomic_load(typingctx: Any, address: types.Type) -> Any:
    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return builder.load_atomic(pointer(builder, args[0]), "acquire", 8)

    return signature(types.int64, ADDRESS), codegen


@intrinsic
def select_or_zero(typingctx: Any, value: types.Type, flag: types.Type) -> Any:
    """The float `value` if `flag` (a uint8) is 1, and 0 if it is 0, branch-free."""
    if not isinstance(value, types.Float):
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        bits = ir.IntType(value.bitwidth)
        mask = builder.neg(builder.zext(args[1], bits))
        return builder.bitcast(builder.and_(builder.bitcast(args[0], bits), mask), args[0].type)

    return signature(value, value, types.uint8), codegen


@intrinsic
def count_trailing_zeros(typingctx: Any, word: types.Type) -> Any:
    """The number of trailing zero bits of a word; all of its bits if it is zero."""
    if not isinstance(word, types.Integer):
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        count = builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))
        return context.cast(builder, count, word, types.uint64)

    return signature(types.uint64, word), codegen


@intrinsic
def count_ones(typingctx: Any, word: types.Type) -> Any:
    """The number of set bits of a word."""
    if not isinstance(word, types.Integer):
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return context.cast(builder, builder.ctpop(args[0]), word, types.uint64)

    return signature(types.uint64, word), codegen


def _value_of_bits(to_float32: Any) -> Any:
    """An intrinsic that reads the bits of a 16-bit float, a uint16, as a float32."""

    @intrinsic
    def value(typingctx: Any, bits: types.Type) -> Any:
        if bits != types.uint16:
            return None

        def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
            return to_float32(builder, args[0])

        return signature(types.float32, types.uint16), codegen

    return value


float16_value = _value_of_bits(half_value)
# bfloat16 is the upper half of a float32.
bfloat16_value = _value_of_bits(
    lambda builder, bits: builder.bitcast(builder.shl(builder.zext(bits, I32), I32(16)), ir.FloatType())
)


@intrinsic
def stack_words(typingctx: Any, count: types.Type) -> Any:
    """The address of `count` (a literal) zeroed 8-byte words, alive until the calling function returns."""
    if not isinstance(count, types.IntegerLiteral):
        return None
    words = int(count.literal_value)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        storage = cgutils.alloca_once(builder, ir.ArrayType(I64, words))
        builder.store(ir.Constant(ir.ArrayType(I64, words), None), storage)
        return builder.ptrtoint(storage, I64)

    return signature(ADDRESS, count), codegen


@intrinsic
def allocate(typingctx: Any, size: types.Type) -> Any:
    """The address of `size` bytes on the heap, or 0 if there is no memory."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return builder.ptrtoint(context.nrt.allocate(builder, args[0]), I64)

    return signature(ADDRESS, types.int64), codegen


@intrinsic
def release(typingctx: Any, address: types.Type) -> Any:
    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        context.nrt.free(builder, pointer(builder, args[0], I8))
        return context.get_dummy_value()

    return signature(types.none, ADDRESS), codegen


@intrinsic
def call_address(typingctx: Any, function: types.Type, first: types.Type, second: types.Type) -> Any:
    """Call the C function `int64 f(int64, int64)` at an address.

    In all LP64 calling conventions, a C function with fewer parameters ignores the rest, and pointers can be passed as
    int64.
    """

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        function_type = ir.FunctionType(I64, (I64, I64))
        return builder.call(pointer(builder, args[0], function_type), args[1:])

    return signature(types.int64, ADDRESS, types.int64, types.int64), codegen


@intrinsic
def yield_processor(typingctx: Any) -> Any:
    """Let another thread run."""
    symbol = "SwitchToThread" if sys.platform == "win32" else "sched_yield"

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(I32, ()), symbol)
        builder.call(function, ())
        return context.get_dummy_value()

    return signature(types.none), codegen


@intrinsic
def prefetch(typingctx: Any, array: types.Type, index: types.Type) -> Any:
    """Prefetch the cache line of `array[index]` (a 1-D array). The address needn't be valid."""
    if not isinstance(array, types.Array):
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        data = context.make_array(array)(context, builder, args[0]).data
        index64 = context.cast(builder, args[1], sig.args[1], types.int64)
        address = builder.bitcast(builder.gep(data, [index64]), I8.as_pointer())
        function_type = ir.FunctionType(ir.VoidType(), (I8.as_pointer(), I32, I32, I32))
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
        builder.call(function, (address, I32(0), I32(3), I32(1)))
        return context.get_dummy_value()

    return signature(types.none, array, index), codegen
