"""SIMD vectors as Numba values: `LANES` numbers at once, with the operators of numbers.

LLVM vectorises loops by itself, but not if they gather from an array that could alias the one they write to, and not if
some lanes end before others. With lanes, both can be expressed:

    column = load(indices, entry, iota() < left)
    found = gather(x, column, column < bound)
    total = where(found > 0, total + found, total)

A lane has 8 to 64 bits, or one bit in a mask; LLVM spreads wider vectors over several registers. It compiles all of
this for any processor; `processor.has_lanes` says whether such gathers are worthwhile.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, models, register_model

from .half import half_value

__all__ = [
    "LANES",
    "all_true",
    "any_true",
    "bfloat16_lanes",
    "bits_mask",
    "cast",
    "float16_lanes",
    "gather",
    "gather_byte",
    "iota",
    "load",
    "mask_bits",
    "reinterpret",
    "splat",
    "store",
    "sum_lanes",
    "where",
    "zext",
]

#: An AVX-512 register has 16 lanes of 32 bits.
LANES = 16

_I32 = ir.IntType(32)


# -- types -------------------------------------------------------------------------------------------------------------


class Lanes(types.Type):
    """The Numba type of `LANES` numbers of a type, or of a mask."""

    def __init__(self, dtype: types.Type) -> None:
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


def _element(dtype: types.Type) -> ir.Type:
    if isinstance(dtype, types.Float):
        return ir.FloatType() if dtype.bitwidth == 32 else ir.DoubleType()
    return ir.IntType(1 if dtype == types.boolean else dtype.bitwidth)


def _vector(dtype: types.Type) -> ir.VectorType:
    return ir.VectorType(_element(dtype), LANES)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Lanes) -> None:
        super().__init__(dmm, fe_type, _vector(fe_type.dtype))


MASK = Lanes(types.boolean)


def _array(value: types.Type) -> bool:
    return isinstance(value, types.Array) and value.ndim == 1 and value.layout == "C"


def _spread(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """A vector with `value` in all lanes."""
    undefined = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    first = builder.insert_element(undefined, value, _I32(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES))


# -- operators ---------------------------------------------------------------------------------------------------------


def _operator(function: Any, build: Callable[..., ir.Value], to: Lanes | None) -> None:
    """Define an operator for lanes, with lanes or a scalar on the right; `to` is the type of its result, or None for
    that of the lanes."""

    @infer_global(function)
    class Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            if len(args) != 2 or not isinstance(args[0], Lanes):
                return None
            if args[1] == args[0]:
                return signature(to or args[0], *args)
            if isinstance(args[1], types.Number):
                return signature(to or args[0], args[0], args[0].dtype)
            return None

    @lower_builtin(function, Lanes, Lanes)
    def lower_lanes(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return build(builder, sig.args[0].dtype, *args)

    @lower_builtin(function, Lanes, types.Number)
    def lower_number(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return build(builder, sig.args[0].dtype, args[0], _spread(builder, args[1]))


def _arithmetic(name: str) -> Callable[..., ir.Value]:
    def build(builder: ir.IRBuilder, dtype: types.Type, a: ir.Value, b: ir.Value) -> ir.Value:
        return getattr(builder, f"f{name}" if isinstance(dtype, types.Float) else name)(a, b)

    return build


def _comparison(symbol: str) -> Callable[..., ir.Value]:
    def build(builder: ir.IRBuilder, dtype: types.Type, a: ir.Value, b: ir.Value) -> ir.Value:
        if isinstance(dtype, types.Float):
            return (builder.fcmp_unordered if symbol == "!=" else builder.fcmp_ordered)(symbol, a, b)
        return (builder.icmp_signed if dtype.signed else builder.icmp_unsigned)(symbol, a, b)

    return build


def _bitwise(name: str) -> Callable[..., ir.Value]:
    return lambda builder, dtype, a, b: getattr(builder, name)(a, b)


for _function, _name in ((operator.add, "add"), (operator.sub, "sub"), (operator.mul, "mul")):
    _operator(_function, _arithmetic(_name), None)
for _function, _name in (
    (operator.and_, "and_"),
    (operator.or_, "or_"),
    (operator.xor, "xor"),
    (operator.lshift, "shl"),
    (operator.rshift, "lshr"),
):
    _operator(_function, _bitwise(_name), None)
for _function, _name in ((operator.lt, "<"), (operator.ge, ">="), (operator.eq, "=="), (operator.ne, "!=")):
    _operator(_function, _comparison(_name), MASK)


# -- memory ------------------------------------------------------------------------------------------------------------


def _address(context: Any, builder: ir.IRBuilder, array: types.Array, value: ir.Value, at: ir.Value) -> ir.Value:
    """The address of the vector that begins at `array[at]`."""
    element = builder.gep(context.make_array(array)(context, builder, value).data, [at])
    return builder.bitcast(element, _vector(array.dtype).as_pointer())


def _bytes(dtype: types.Type) -> int:
    return dtype.bitwidth // 8


def _zeros(dtype: types.Type) -> ir.Constant:
    return ir.Constant(_vector(dtype), None)


def _masked(builder: ir.IRBuilder, operation: str, vector: ir.VectorType, pointers: str, args: Any) -> ir.Value:
    """Call LLVM's masked "load", "store" or "gather" for a vector type."""
    name = f"llvm.masked.{operation}.v{LANES}{vector.element.intrinsic_name}.{pointers}"
    result = ir.VoidType() if operation == "store" else vector
    function_type = ir.FunctionType(result, [value.type for value in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), args)


@intrinsic
def load(typingctx: Any, array: types.Type, at: types.Type, mask: types.Type) -> Any:
    """`array[at + lane]` (`at` unsigned); 0 where the mask is not set, and nothing is read there."""
    if not _array(array) or mask != MASK:
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        address = _address(context, builder, array, *args[:2])
        align, nothing = _I32(_bytes(array.dtype)), _zeros(array.dtype)
        return _masked(builder, "load", nothing.type, "p0", (address, align, args[2], nothing))

    return signature(Lanes(array.dtype), array, types.uint64, MASK), codegen


@intrinsic
def store(typingctx: Any, array: types.Type, at: types.Type, value: types.Type, mask: types.Type) -> Any:
    """`array[at + lane] = value`, where the mask is set."""
    if not _array(array) or value != Lanes(array.dtype) or mask != MASK:
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        address = _address(context, builder, array, *args[:2])
        align = _I32(_bytes(array.dtype))
        _masked(builder, "store", args[2].type, "p0", (args[2], address, align, args[3]))
        return context.get_dummy_value()

    return signature(types.none, array, types.uint64, value, MASK), codegen


class _Addresses(ir.Instruction):
    """`getelementptr` with a vector of indices, which llvmlite doesn't have.

    For one base address and a vector of 32-bit indices, which are signed, LLVM uses the instruction that gathers 16
    numbers. For addresses that it can't decompose, it uses two gathers of 8.
    """

    def __init__(self, block: Any, base: ir.Value, places: ir.Value) -> None:
        self.element = base.type.pointee
        super().__init__(block, ir.VectorType(base.type, LANES), "getelementptr", (base, places))

    def descr(self, buf: list[str]) -> None:
        base, places = (f"{value.type} {value.get_reference()}" for value in self.operands)
        buf.append(f"getelementptr {self.element}, {base}, {places}\n")


def _gather(context: Any, builder: ir.IRBuilder, array: types.Array, args: Any, dtype: types.Type) -> ir.Value:
    """Gather from an array, whose elements are read as `dtype`."""
    value, places, mask = args
    start = context.make_array(array)(context, builder, value).data
    addresses = _Addresses(builder.block, start, places)
    builder._insert(addresses)
    read = builder.bitcast(addresses, ir.VectorType(_element(dtype).as_pointer(), LANES))
    align, nothing = _I32(_bytes(array.dtype)), _zeros(dtype)
    return _masked(builder, "gather", nothing.type, f"v{LANES}p0", (read, align, mask, nothing))


@intrinsic
def gather(typingctx: Any, array: types.Type, places: types.Type, mask: types.Type) -> Any:
    """`array[place]` for each lane; 0 where the mask is not set, and nothing is read there. Places are below 2**31."""
    if not _array(array) or places != Lanes(types.uint32) or mask != MASK:
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return _gather(context, builder, array, args, array.dtype)

    return signature(Lanes(array.dtype), array, places, MASK), codegen


@intrinsic
def gather_byte(typingctx: Any, array: types.Type, places: types.Type, mask: types.Type) -> Any:
    """The same for an array of bytes, as uint32. Three bytes after each are read, too, so the array needs padding."""
    if not _array(array) or array.dtype != types.uint8 or places != Lanes(types.uint32) or mask != MASK:
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        words = _gather(context, builder, array, args, types.uint32)
        return builder.and_(words, ir.Constant(words.type, [255] * LANES))

    return signature(places, array, places, MASK), codegen


# -- making and changing lanes -----------------------------------------------------------------------------------------


@intrinsic
def iota(typingctx: Any) -> Any:
    """0, 1, 2 and so on, uint32."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return ir.Constant(_vector(types.uint32), list(range(LANES)))

    return signature(Lanes(types.uint32)), codegen


@intrinsic
def where(typingctx: Any, mask: types.Type, then: types.Type, otherwise: types.Type) -> Any:
    """Lanes of `then` where the mask is set, of `otherwise` elsewhere; one of both can be a scalar."""
    like = then if isinstance(then, Lanes) else otherwise
    if mask != MASK or not isinstance(like, Lanes):
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        a, b = (
            value if isinstance(kind, Lanes) else _spread(builder, value)
            for kind, value in zip(sig.args[1:], args[1:], strict=True)
        )
        return builder.select(args[0], a, b)

    either = (kind if isinstance(kind, Lanes) else like.dtype for kind in (then, otherwise))
    return signature(like, MASK, *either), codegen


@intrinsic
def cast(typingctx: Any, value: types.Type, like: types.Type) -> Any:
    """Convert integers (read as signed) or floats to floats of the type of `like`."""
    if not isinstance(value, Lanes) or not isinstance(like, types.Float):
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        if not isinstance(value.dtype, types.Float):
            return builder.sitofp(args[0], _vector(like))
        if value.dtype == like:
            return args[0]
        return (builder.fpext if like.bitwidth > value.dtype.bitwidth else builder.fptrunc)(args[0], _vector(like))

    return signature(Lanes(like), value, like), codegen


@intrinsic
def zext(typingctx: Any, value: types.Type) -> Any:
    """Zero-extend unsigned integers of up to 32 bits to uint32."""
    if value not in [Lanes(narrow) for narrow in (types.uint8, types.uint16, types.uint32)]:
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return builder.zext(args[0], _vector(types.uint32)) if value.dtype.bitwidth < 32 else args[0]

    return signature(Lanes(types.uint32), value), codegen


def _conversion(source: types.Type, target: types.Type, build: Callable[[ir.IRBuilder, ir.Value], ir.Value]) -> Any:
    """An intrinsic `(value) -> value` that converts lanes, or the bits of a mask, from one type to another."""
    to = _vector(target.dtype) if isinstance(target, Lanes) else _element(target)

    @intrinsic
    def convert(typingctx: Any, value: types.Type) -> Any:
        if value != source:
            return None

        def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
            return builder.bitcast(build(builder, args[0]), to)

        return signature(target, value), codegen

    return convert


def _unchanged(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    return value


def _upper_half(builder: ir.IRBuilder, bits: ir.Value) -> ir.Value:
    wide = builder.zext(bits, _vector(types.uint32))
    return builder.shl(wide, ir.Constant(wide.type, [16] * LANES))


_HALVES, _FLOATS = Lanes(types.uint16), Lanes(types.float32)

# The bits of float32, as uint32; the values of 16-bit floats, given as uint16 bits, as float32. bfloat16 is the upper
# half of a float32.
reinterpret = _conversion(_FLOATS, Lanes(types.uint32), _unchanged)
float16_lanes = _conversion(_HALVES, _FLOATS, half_value)
bfloat16_lanes = _conversion(_HALVES, _FLOATS, _upper_half)

# A mask as the bits of a uint16, with the first lane in the lowest bit, and back.
mask_bits = _conversion(MASK, types.uint16, _unchanged)
bits_mask = _conversion(types.uint16, MASK, _unchanged)


@intrinsic
def all_true(typingctx: Any) -> Any:
    """The mask that is set in all lanes."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return ir.Constant(_vector(types.boolean), [1] * LANES)

    return signature(MASK), codegen


@intrinsic
def splat(typingctx: Any, value: types.Type) -> Any:
    """Lanes that all have the same value."""
    if not isinstance(value, types.Number):
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return _spread(builder, args[0])

    return signature(Lanes(value), value), codegen


@intrinsic
def any_true(typingctx: Any, mask: types.Type) -> Any:
    """Whether a mask is set in any lane."""
    if mask != MASK:
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        bits = builder.bitcast(args[0], ir.IntType(LANES))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return signature(types.boolean, mask), codegen


@intrinsic
def sum_lanes(typingctx: Any, value: types.Type) -> Any:
    """The sum of all lanes, by repeatedly adding the two halves."""
    if not isinstance(value, Lanes) or value == MASK:
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        total, width = args[0], LANES
        add = builder.fadd if isinstance(value.dtype, types.Float) else builder.add
        while width > 1:
            width //= 2
            halves = (ir.Constant(ir.VectorType(_I32, width), list(range(at, at + width))) for at in (0, width))
            low, high = (builder.shuffle_vector(total, total, half) for half in halves)
            total = add(low, high)
        return builder.extract_element(total, _I32(0))

    return signature(value.dtype, value), codegen
