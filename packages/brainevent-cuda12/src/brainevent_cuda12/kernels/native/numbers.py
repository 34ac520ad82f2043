"""Numbers that are updated in place, with rounding to the dtype in which they are stored."""

from __future__ import annotations

from .spec import C_TYPES

__all__ = ["writers"]

_BITS = {
    "float16": "return wp::half(v).u;",
    # Rounding to nearest even adds half a unit in the last place that is kept; the carry could turn a NaN into zero.
    "bfloat16": """union { float number; unsigned bits; } narrow; narrow.number = v;
        if (v != v) return (unsigned short)((narrow.bits | 0x400000u) >> 16);
        return (unsigned short)((narrow.bits + 0x7fffu + ((narrow.bits >> 16) & 1u)) >> 16);""",
}


def writers(dtype: str, number: str) -> str:
    """Declarations of `store(a, i, v)`, and of `add_at(a, i, v)`, which adds atomically.

    Args:
      dtype: of the elements of `a`.
      number: C++ name of the function that reads one, `number(a, i)`.
    """
    kind = C_TYPES[dtype]
    if dtype not in _BITS:
        return """
    auto store = [](WIDE* a, long long i, WIDE v) { a[i] = v; };
    auto add_at = [=](WIDE* a, long long i, WIDE v) { add_to(a + i, v); };"""
    return f"""
    auto bits_of = [](WIDE v) -> unsigned short {{ {_BITS[dtype]} }};
    auto store = [=]({kind}* a, long long i, WIDE v) {{ ((unsigned short*)a)[i] = bits_of(v); }};
#if defined(__CUDA_ARCH__)
    auto add_at = [=]({kind}* a, long long i, WIDE v) {{
        unsigned short* const place = (unsigned short*)a + i;
        unsigned short found = *place, seen;
        do {{
            seen = found;
            found = atomicCAS(place, seen, bits_of({number}(({kind}*)&seen, 0) + v));
        }} while (found != seen);
    }};
#else
    auto add_at = [=]({kind}* a, long long i, WIDE v) {{ store(a, i, {number}(a, i) + v); }};
#endif"""
