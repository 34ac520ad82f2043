"""The declarations that all bodies share: types, warp operations, and how weights, indices, pointers and x are read.

The names are those of `KernelSpec.arrays` and `KernelSpec.sizes`. `item` is the number of the thread, in 64 bits.
"""

from __future__ import annotations

from .spec import C_TYPES, CHUNK, POINTERS, SIZES, KernelSpec

__all__ = ["preamble"]

# On a CPU, Warp supports blocks from 1.18 on, if enabled: their threads run in turn and switch at `wp_cpu_tile_sync`,
# which all threads of a block must call equally often. Without blocks, a warp has one lane.
_WARPS = """
#if defined(__CUDA_ARCH__)
    const int LANES = 32;
    const long long item = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    auto ballot = [](bool p) -> unsigned { return __ballot_sync(0xffffffffu, p); };
    auto lowest = [](unsigned mask) -> int { return __ffs(mask) - 1; };
    auto sum_of = [](WIDE s, int lanes) -> WIDE {
        for (int d = lanes / 2; d > 0; d /= 2) s += __shfl_xor_sync(0xffffffffu, s, d);
        return s;
    };
    auto largest_of_warp = [](long long m) -> long long {
        for (int d = 16; d > 0; d /= 2) {
            const long long other = __shfl_xor_sync(0xffffffffu, m, d);
            m = other > m ? other : m;
        }
        return m;
    };
    auto add_to = [](WIDE* at, WIDE value) { atomicAdd(at, value); };
    auto raise_to = [](long long* at, long long value) { atomicMax(at, value); };
#else
    const int LANES = HOST_LANES;
    const long long item = tid;
    auto lowest = [](unsigned mask) -> int { return __builtin_ctz(mask); };
    auto add_to = [](WIDE* at, WIDE value) { *at += value; };
    auto raise_to = [](long long* at, long long value) { *at = value > *at ? value : *at; };
#if HOST_LANES > 1
    auto ballot = [](bool p) -> unsigned {
        static bool shared[1024];
        const int t = wp_cpu_get_thread_idx();
        shared[t] = p;
        wp_cpu_tile_sync();
        unsigned mask = 0;
        for (int i = 0; i < HOST_LANES; ++i) mask |= (unsigned)shared[(t & ~(HOST_LANES - 1)) + i] << i;
        wp_cpu_tile_sync();
        return mask;
    };
    auto sum_of = [](WIDE s, int lanes) -> WIDE {
        static WIDE shared[1024];
        const int t = wp_cpu_get_thread_idx();
        for (int d = HOST_LANES / 2; d > 0; d /= 2) {
            shared[t] = s;
            wp_cpu_tile_sync();
            if (d < lanes) s += shared[t ^ d];
            wp_cpu_tile_sync();
        }
        return s;
    };
    auto largest_of_warp = [](long long m) -> long long {
        static long long shared[1024];
        const int t = wp_cpu_get_thread_idx();
        shared[t] = m;
        wp_cpu_tile_sync();
        for (int i = 0; i < HOST_LANES; ++i) {
            const long long other = shared[(t & ~(HOST_LANES - 1)) + i];
            m = other > m ? other : m;
        }
        wp_cpu_tile_sync();
        return m;
    };
#else
    auto ballot = [](bool p) -> unsigned { return p; };
    auto sum_of = [](WIDE s, int lanes) -> WIDE { return s; };
    auto largest_of_warp = [](long long m) -> long long { return m; };
#endif
#endif
"""

_NUMBERS = {
    "bfloat16": "union { unsigned bits; float number; } wide; wide.bits = (unsigned)a[i] << 16; return wide.number;",
}


def preamble(spec: KernelSpec, host_lanes: int) -> str:
    """The declarations before a body.

    Args:
      spec: specification of the kernel.
      host_lanes: lanes per warp on a CPU, 1 or 32.
    """
    lines = [f"    typedef {C_TYPES[spec.wide]} WIDE;", f"#undef HOST_LANES\n#define HOST_LANES {host_lanes}"]
    for position, (name, dtype) in enumerate(spec.arrays.items()):
        const = "const " if name in spec.inputs else ""
        # Addresses in excess of the parameters for addresses take the last parameters for sizes.
        word = f"p{position}" if position < POINTERS else f"s{SIZES + POINTERS - 1 - position}"
        lines.append(f"    {const}{C_TYPES[dtype]}* {name} = ({const}{C_TYPES[dtype]}*){word};")
    lines += [f"    const long long {name} = s{position};" for position, name in enumerate(spec.sizes)]
    lines.append(_WARPS)
    lines += _readers(spec)
    return "\n".join(lines)


def _readers(spec: KernelSpec) -> list[str]:
    """Functions that read arrays: `weight(k)`, `exists(k)`, `selects(i, c)`, `times_x(w, i, c)`, `begin(row)`, ..."""
    found = []
    if "pointer" in spec.inputs:
        found.append(_pointers(spec))
    if spec.strategy == "pointers":
        return found
    value = C_TYPES[spec.value]
    number = _NUMBERS.get(spec.value, "return (WIDE)a[i];")
    found.append(f"    auto number = [](const {value}* a, long long i) -> WIDE {{ {number} }};")
    if "data" in spec.inputs:
        found += _weights(spec)
    # A single unsigned comparison checks both bounds.
    exists = "(unsigned long long)(long long)perm[k] < (unsigned long long)nse" if spec.permuted else "true"
    found.append(f"    auto exists = [=](long long k) -> bool {{ return {exists}; }};")
    found.append(
        "    auto below = [](long long i, long long length) -> bool "
        "{ return (unsigned long long)i < (unsigned long long)length; };"
    )
    if "x" in spec.inputs:
        found += _encoded(spec)
    if spec.layout in ("fixed_num", "dense", "columns"):
        found.append("    auto begin = [=](long long row) -> long long { return row * width; };")
    if spec.layout in ("dense", "columns"):
        found.append("    auto index = [=](long long k, long long first) -> long long { return k - first; };")
    elif spec.layout:
        found.append(
            "    auto index = [=](long long k, long long first) -> long long { return (long long)indices[k]; };"
        )
    return found


def _weights(spec: KernelSpec) -> list[str]:
    if spec.homogeneous:
        return [
            "    const WIDE one = number(data, 0);",
            "    auto weight = [=](long long k) -> WIDE { return one; };",
        ]
    at = "(long long)perm[k]" if spec.permuted else "k"
    return [f"    auto weight = [=](long long k) -> WIDE {{ return number(data, {at}); }};"]


def _encoded(spec: KernelSpec) -> list[str]:
    at = "i * batch + c" if spec.batched else "i"
    selects = {
        "float": "true",
        "sparse_float": f"number(x, {at}) != (WIDE)0",
        "binary": f"x[{at}] != 0",
        "bitpacked": f"(x[{'(i >> 5) * batch + c' if spec.batched else 'i >> 5'}] >> (i & 31)) & 1u",
    }[spec.encoding.name]
    product = "w" if spec.encoding.event else f"w * number(x, {at})"
    return [
        f"    auto selects = [=](long long i, long long c) -> bool {{ return {selects}; }};",
        f"    auto times_x = [=](WIDE w, long long i, long long c) -> WIDE {{ return {product}; }};",
    ]


def _pointers(spec: KernelSpec) -> str:
    """`clipped(i)`: a pointer clipped to [0, nse]; and `begin(row)`: the running maximum of these up to the row.

    If pointers ascend, as they do in a valid matrix, the maximum is the last one. `maxima` contains whether they
    ascend, and the maximum of each chunk of pointers, see `bodies`.
    """
    signed = "" if spec.second.startswith("u") else "if (v < 0) return 0; "
    kind = C_TYPES[spec.second]
    text = f"""    auto clipped = [=](long long i) -> long long {{
        const {kind} v = pointer[i];
        {signed}return (unsigned long long)v < (unsigned long long)nse ? (long long)v : nse;
    }};"""
    if spec.strategy == "pointers":
        return text
    return f"""{text}
    const bool rising = maxima[0] == 0;
    auto begin = [=](long long row) -> long long {{
        long long found = clipped(row);
        if (!rising) {{
            const long long chunk = row / {CHUNK};
            #pragma unroll 1
            for (long long i = 0; i < chunk; ++i) found = maxima[1 + i] > found ? maxima[1 + i] : found;
            #pragma unroll 1
            for (long long i = chunk * {CHUNK}; i < row; ++i) {{
                const long long v = clipped(i);
                found = v > found ? v : found;
            }}
        }}
        return found;
    }};"""
