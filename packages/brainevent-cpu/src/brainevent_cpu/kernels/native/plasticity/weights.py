"""How a weight is updated, clipped and stored."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing import signature
from numba.extending import intrinsic

from ....bridge.half import half_bits
from ....bridge.specialise import specialised
from ...kernel_spec import KernelSpec
from ..elements import weight_reader

__all__ = ["bounder", "changer", "toucher", "weight_writer"]

U = np.uint64


def bounder(call: KernelSpec) -> Any:
    """`bounded(value, lower, upper)`: the same as `jnp.clip`, which propagates NaN of the value and of the bounds."""
    native = specialised(*call.words)

    @native
    def bounded(value, lower, upper):
        # These are one instruction each, and keep a NaN value. NaN bounds are added, a condition that is hoisted out of
        # loops: clipping a million weights took 345 µs with a comparison of each with itself, and takes 190.
        value = lower if value < lower else value
        value = upper if value > upper else value
        return value + (type(value)(-0.0) if lower == lower and upper == upper else lower + upper)

    return bounded


def weight_writer(call: KernelSpec) -> Any:
    """`write(out, place, value)`: store a weight, rounded to its dtype."""
    native = specialised(*call.words)
    if call.weights == "float16":

        @native
        def write(out, place, value):
            out[place] = float16_bits(value)

    elif call.weights == "bfloat16":

        @native
        def write(out, place, value):
            out[place] = bfloat16_bits(value)

    else:

        @native
        def write(out, place, value):
            out[place] = value

    return write


def changer(call: KernelSpec) -> Any:
    """`changed(value, amount, lower, upper)`: the new value of a weight after an event."""
    native, bounded = specialised(*call.words), bounder(call)
    # Entries that share a weight all add to it, in any order, before it is clipped.
    clips = call.clip == "updated" and not call.shared

    @native
    def changed(value, amount, lower, upper):
        return bounded(value + amount, lower, upper) if clips else value + amount

    return changed


def toucher(call: KernelSpec) -> Any:
    """`touch(out, place, amount, lower, upper)`: update one weight in place after an event."""
    native = specialised(*call.words)
    weight, write, changed = weight_reader(call), weight_writer(call), changer(call)

    @native
    def touch(out, place, amount, lower, upper):
        write(out, place, changed(weight(out, place), amount, lower, upper))

    return touch


@intrinsic
def float16_bits(typingctx: Any, value: types.Type) -> Any:
    """A float32 as the bits of the nearest float16, a uint16."""
    if value != types.float32:
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        return half_bits(builder, args[0])

    return signature(types.uint16, value), codegen


@intrinsic
def bfloat16_bits(typingctx: Any, value: types.Type) -> Any:
    """A float32 as the bits of the nearest bfloat16, ties to even, a uint16."""
    if value != types.float32:
        return None

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> ir.Value:
        word = ir.IntType(32)
        bits = builder.bitcast(args[0], word)
        # Rounding adds half a unit of the last kept place, which could carry a NaN over to zero.
        last = builder.and_(builder.lshr(bits, word(16)), word(1))
        rounded = builder.add(bits, builder.add(word(0x7FFF), last))
        quiet = builder.or_(bits, word(0x400000))
        is_nan = builder.fcmp_unordered("uno", args[0], args[0])
        kept = builder.select(is_nan, quiet, rounded)
        return builder.trunc(builder.lshr(kept, word(16)), ir.IntType(16))

    return signature(types.uint16, value), codegen
