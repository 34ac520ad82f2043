"""The stream in C++: keys, draws, variates, and the walk.

Draws are numbered, so each lane of a group can take one step of a block at the same time. The position of each lane is
a prefix sum of the gaps, which are clipped to the end of the block, so that the sum fits into 32 bits. The table of a
digit has 4 or 16 kB, and stays in the L1 cache.
"""

from __future__ import annotations

from brainevent_core.jitc import NORMAL, POLYNOMIALS, UNIFORM, WEIGHT_COUNTER, block_keys, draw, own_cell

from .spec import JitcSpec
from .words import function

__all__ = ["stream"]

# `from(value, lane)` is the value of another lane of the warp; `sum_until(value, mine)` is the inclusive prefix sum
# over the lanes of a group, in which this lane has the number `mine`.
_LANES = """
    const int lane = (int)(item % LANES);
#if defined(__CUDA_ARCH__)
    auto from = [](auto value, int of) { return __shfl_sync(0xffffffffu, value, of); };
    auto sum_until = [](unsigned sum, int mine) -> unsigned {
        #pragma unroll
        for (int d = 1; d < 32; d *= 2) {
            const unsigned before = __shfl_up_sync(0xffffffffu, sum, d);
            if (mine >= d) sum += before;
        }
        return sum;
    };
#elif HOST_LANES > 1
    auto from = [](auto value, int of) {
        static decltype(value) shared[1024];
        const int t = wp_cpu_get_thread_idx();
        shared[t] = value;
        wp_cpu_tile_sync();
        const auto found = shared[(t & ~(HOST_LANES - 1)) + of];
        wp_cpu_tile_sync();
        return found;
    };
    auto sum_until = [](unsigned value, int mine) -> unsigned {
        static unsigned shared[1024];
        const int t = wp_cpu_get_thread_idx();
        shared[t] = value;
        wp_cpu_tile_sync();
        unsigned sum = 0;
        for (int i = 0; i <= mine; ++i) sum += shared[t - i];
        wp_cpu_tile_sync();
        return sum;
    };
#else
    auto from = [](auto value, int of) { return value; };
    auto sum_until = [](unsigned value, int mine) -> unsigned { return value; };
#endif
"""


def stream(spec: JitcSpec) -> str:
    """The declarations of a body after those of `preamble`.

    `keys(seed0, seed1, row, block, key0, key1)`; `draw(key0, key1, counter)`; `weight_of(key0, key1, step)`; and
    `walk(key0, key1, end, lanes, visit)`, which walks the first `end` elements of a block with groups of `lanes` lanes
    and calls `visit(found, to, step)` for every step: whether it ends at a connection, and at which element.
    """
    return "\n".join([_LANES, _draws(), *(_weights(spec) if spec.product else []), _walk(spec)])


def _draws() -> str:
    def keys(seed0: object, seed1: object, row: object, block: object) -> object:
        return block_keys((seed0, seed1), row, block)

    return "\n".join(
        [
            "    const unsigned seed0 = seed[0], seed1 = seed[1];",
            function("keys", ["seed0", "seed1", "row", "block"], ["key0", "key1"], keys),
            function("draw", ["key0", "key1", "counter"], [], draw),
        ]
    )


def _weights(spec: JitcSpec) -> list[str]:
    if spec.law.variate is None:
        constant = "return parameter0;"
        return [
            "    const WIDE parameter0 = number(data, 0);",
            f"    auto weight_of = [=](unsigned key0, unsigned key1, unsigned step) -> WIDE {{ {constant} }};",
        ]
    variate = {UNIFORM: _UNIFORM, NORMAL: _normal()}[spec.law]
    return [
        "    const WIDE parameter0 = number(data, 0), parameter1 = number(data, 1);",
        f"    auto variate = [](unsigned drawn) -> float {{{variate}    }};",
        f"""    auto weight_of = [=](unsigned key0, unsigned key1, unsigned step) -> WIDE {{
        return parameter0 + parameter1 * (WIDE)variate(draw(key0, key1, step + {WEIGHT_COUNTER}u));
    }};""",
    ]


_UNIFORM = """
        return (float)(drawn >> 8) * 5.9604644775390625e-08f;  // 2^-24
"""


def _normal() -> str:
    """A normal variate, computed as in `brainevent_core.jitc.laws.normal`."""
    log2 = _polynomial("log2", "r")
    centre, tail = _polynomial("centre", "here"), _polynomial("tail", "here")
    return f"""
        union {{ float number; int bits; }} y, mantissa;
        const int below = (int)(drawn & 0x7fffffffu);
        const float twice = ((float)below + 0.5f) * 4.656612873077393e-10f;  // 2^-31
        const float centred = ((float)(0x7fffffff - below) + 0.5f) * 4.656612873077393e-10f;
        y.number = twice * (2.0f - twice);
        const int exponent = (y.bits - 0x3f2aaaab) >> 23;
        mantissa.bits = (int)((unsigned)y.bits - ((unsigned)exponent << 23));
        const float r = mantissa.number - 1.0f;
        float w = -((float)exponent + ({log2}) * r);
        w = w > 0.0f ? w : 0.0f;
        float size;
        if (w < 7.0f) {{
            const float here = w - 3.5f;
            size = centred * ({centre});
        }} else {{
            const float here = wp::sqrt(w) - 4.0f;
            size = centred * ({tail});
        }}
        return drawn >> 31 ? size : -size;
"""


def _polynomial(name: str, x: str) -> str:
    """A polynomial by Horner's rule."""
    *lower, text = [f"{coefficient!r}f" for coefficient in POLYNOMIALS[name]]
    for coefficient in reversed(lower):
        text = f"({text}) * {x} + {coefficient}"
    return text


def _walk(spec: JitcSpec) -> str:
    bits, last = spec.cells.bit_length() - 1, spec.cells - 1
    rest, farthest = (1 << (32 - bits)) - 1, last << ((spec.digits - 1) * bits)
    digits = [
        f"            const unsigned digit{place} = digit({place * spec.cells}u, draw(key0, key1, first + {place}u));"
        for place in range(spec.digits)
    ]
    number = "digit0"
    for place in range(1, spec.digits):
        number = f"({number} << {bits} | digit{place})"
    own = function("own_cell", ["drawn"], [], lambda drawn: own_cell(drawn, spec.cells))
    return f"""{own}
    auto digit = [=](unsigned table, unsigned drawn) -> unsigned {{
        const unsigned own = own_cell(drawn), entry = tables[table + own];
        return (drawn & {rest}u) < entry >> {bits} ? own : entry & {last}u;
    }};
    auto walk = [=](unsigned key0, unsigned key1, unsigned end, int lanes, auto visit) {{
        const int mine = lane & (lanes - 1);
        unsigned at = 0;
        for (unsigned step = (unsigned)mine; ballot(at < end) != 0; step += (unsigned)lanes) {{
            const unsigned first = step * {spec.digits}u;
{chr(10).join(digits)}
            const bool connected = digit0 != {last}u;
            const unsigned drawn = connected ? {number} : {farthest}u;
            const unsigned gap = drawn < end ? drawn : end;
            const unsigned moved = sum_until(gap + (unsigned)connected, mine);
            const unsigned to = at + moved - (unsigned)connected;
            visit(connected && to < end, to, step);
            const unsigned after = at + from(moved, lane - mine + lanes - 1);
            at = after < end ? after : end;
        }}
    }};"""
