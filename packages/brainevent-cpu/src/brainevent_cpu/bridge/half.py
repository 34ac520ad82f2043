"""Conversion between the bits of float16 and float32: by instructions if the processor has them, otherwise by integer
arithmetic.

Without these instructions, LLVM would emit a call of a function of the compiler's own library, which most processes
don't load, and would abort them.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from .processor import converts_half

__all__ = ["half_bits", "half_value"]

_I16, _I32, _F32 = ir.IntType(16), ir.IntType(32), ir.FloatType()

# float32 has 13 more bits in the fraction, and an exponent bias that is larger by 112.
_FURTHER_BITS = 13
_EXPONENTS = 112 << 23


class _Numbers:
    """Types and constants for a scalar, or for a vector of the length of `like`."""

    def __init__(self, like: ir.Value) -> None:
        self._count = like.type.count if isinstance(like.type, ir.VectorType) else None

    def type(self, element: ir.Type) -> ir.Type:
        return element if self._count is None else ir.VectorType(element, self._count)

    def __call__(self, value: float, element: ir.Type = _I32) -> ir.Constant:
        return ir.Constant(self.type(element), value if self._count is None else [value] * self._count)


def half_value(builder: ir.IRBuilder, bits: ir.Value) -> ir.Value:
    """The bits of a float16, or of a vector of them, as float32."""
    n = _Numbers(bits)
    if converts_half():
        return builder.fpext(builder.bitcast(bits, n.type(ir.HalfType())), n.type(_F32))
    wide = builder.zext(bits, n.type(_I32))
    magnitude = builder.and_(wide, n(0x7FFF))
    normal = builder.add(builder.shl(magnitude, n(_FURTHER_BITS)), n(_EXPONENTS))
    infinite = builder.add(normal, n(_EXPONENTS))  # or NaN
    # Subnormal: a multiple of the smallest one. A subnormal float32 can't be used, because XLA's threads treat it as 0.
    small = builder.fmul(builder.uitofp(magnitude, n.type(_F32)), n(2.0**-24, _F32))
    found: Any = builder.select(
        builder.icmp_unsigned("<", magnitude, n(0x400)), builder.bitcast(small, n.type(_I32)), normal
    )
    found = builder.select(builder.icmp_unsigned(">=", magnitude, n(0x7C00)), infinite, found)
    sign = builder.shl(builder.and_(wide, n(0x8000)), n(16))
    return builder.bitcast(builder.or_(found, sign), n.type(_F32))


def half_bits(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """The bits of the float16 nearest to a float32, ties to even, or of each of a vector."""
    n = _Numbers(value)
    if converts_half():
        return builder.bitcast(builder.fptrunc(value, n.type(ir.HalfType())), n.type(_I16))
    bits = builder.bitcast(value, n.type(_I32))
    magnitude = builder.and_(bits, n(0x7FFFFFFF))
    last = builder.and_(builder.lshr(magnitude, n(_FURTHER_BITS)), n(1))
    rounded = builder.add(builder.sub(magnitude, n(_EXPONENTS)), builder.add(n(0xFFF), last))
    found: Any = builder.lshr(rounded, n(_FURTHER_BITS))
    # Below the smallest normal float16: after adding 1/2, the last place of the float32 is that of subnormal float16.
    small = builder.fadd(builder.bitcast(magnitude, n.type(_F32)), n(0.5, _F32))
    small = builder.sub(builder.bitcast(small, n.type(_I32)), n(0x3F000000))
    found = builder.select(builder.icmp_unsigned("<", magnitude, n(0x38800000)), small, found)
    found = builder.select(builder.icmp_unsigned(">=", magnitude, n(0x477FF000)), n(0x7C00), found)
    found = builder.select(builder.icmp_unsigned(">", magnitude, n(0x7F800000)), n(0x7E00), found)
    sign = builder.and_(builder.lshr(bits, n(16)), n(0x8000))
    return builder.trunc(builder.or_(found, sign), n.type(_I16))
