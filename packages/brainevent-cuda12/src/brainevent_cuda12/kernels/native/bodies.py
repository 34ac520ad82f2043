"""The bodies of the strategies."""

from __future__ import annotations

from collections.abc import Callable

from .delays import DeliverySpec, TakingSpec, deliver, take
from .jitc.bodies import generated
from .jitc.spec import JitcSpec
from .plasticity import UpdateSpec, update
from .preamble import preamble
from .sddmm import SddmmSpec, sddmm
from .spec import CHUNK, KernelSpec

__all__ = ["body"]


def body(spec: KernelSpec, host_lanes: int) -> str:
    """The C++ body of a kernel; see `preamble` for the arguments."""
    return preamble(spec, host_lanes) + _WRITERS[type(spec)](spec)


def _product(spec: KernelSpec) -> str:
    return _STRATEGIES[spec.strategy](spec)


def _pointers(spec: KernelSpec) -> str:
    """Set `maxima[0]` to 1 unless pointers ascend, and write the maximum of each chunk, which is needed only then.

    One thread for each of `lines` pointers; `maxima` must be filled with zeros before.
    """
    return f"""
    const bool there = item < lines;
    const long long mine = there ? clipped(item) : 0;
    if (there && item > 0 && clipped(item - 1) > mine) maxima[0] = 1;
    const long long largest = largest_of_warp(mine);
    if (there && item % LANES == 0) raise_to(maxima + 1 + item / {CHUNK}, largest);
"""


def _gather(spec: KernelSpec) -> str:
    """`out[row] = sum over the row of weight · x[column]`: 2**share lanes for each pair of a row and a column of x."""
    row, column = ("sum_at / batch", "sum_at % batch") if spec.batched else ("sum_at", "0")
    lines = "lines * batch" if spec.batched else "lines"
    return f"""
    const int lanes = 1 << (int)share;
    const long long sum_at = item >> (int)share;
    const bool there = sum_at < {lines};
    WIDE sum = 0;
    if (there) {{
        const long long row = {row}, c = {column};
        const long long first = begin(row), last = begin(row + 1);
        for (long long k = first + (item & (lanes - 1)); k < last; k += lanes) {{
            const long long i = index(k, first);
            if (below(i, bound) && exists(k) && selects(i, c)) sum += times_x(weight(k), i, c);
        }}
    }}
    sum = sum_of(sum, lanes);
    if (there && (item & (lanes - 1)) == 0) out[sum_at] = sum;
"""


def _scatter(spec: KernelSpec) -> str:
    """`out[column] += weight · x[row]` for every active row. A warp checks `share` rows, one per lane. Then all its
    lanes together walk each active row, with 2**columns adjacent lanes for the columns of an entry."""
    if spec.batched:
        active = "for (long long c = 0; c < batch && !active; ++c) active = selects(mine, c);"
        stride, first, add = (
            "LANES >> (int)columns",
            "lane >> (int)columns",
            """const WIDE w = weight(k);
            for (long long c = lane & ((1 << (int)columns) - 1); c < batch; c += 1 << (int)columns)
                if (selects(row, c)) add_to(out + i * batch + c, times_x(w, row, c));""",
        )
    else:
        active = "active = selects(mine, 0);"
        stride, first, add = "LANES", "lane", "add_to(out + i, times_x(weight(k), row, 0));"
    return f"""
    const long long first = item / LANES * share;
    const int lane = (int)(item % LANES);
    const long long mine = first + lane;
    bool active = false;
    if (lane < share && mine < lines) {{ {active} }}
    for (unsigned waiting = ballot(active); waiting != 0; waiting &= waiting - 1) {{
        const long long row = first + lowest(waiting);
        const long long start = begin(row), last = begin(row + 1);
        for (long long k = start + ({first}); k < last; k += {stride}) {{
            const long long i = index(k, start);
            if (!below(i, bound) || !exists(k)) continue;
            {add}
        }}
    }}
"""


def _coordinates(spec: KernelSpec) -> str:
    """`out[target] += weight · x[source]`: one thread for each pair of an entry and a column of x."""
    entry, column, to = ("item / batch", "item % batch", "i * batch + c") if spec.batched else ("item", "0", "i")
    items = "nse * batch" if spec.batched else "nse"
    return f"""
    if (item < {items}) {{
        const long long k = {entry}, c = {column};
        const long long i = (long long)target[k], j = (long long)source[k];
        if (below(i, bound) && below(j, bound2) && exists(k) && selects(j, c))
            add_to(out + {to}, times_x(weight(k), j, c));
    }}
"""


_STRATEGIES: dict[str, Callable[[KernelSpec], str]] = {
    "pointers": _pointers,
    "gather": _gather,
    "scatter": _scatter,
    "coordinates": _coordinates,
}

#: The functions that generate the body of a kernel, by the type of its specification.
_WRITERS: dict[type[KernelSpec], Callable[..., str]] = {
    KernelSpec: _product,
    SddmmSpec: sddmm,
    UpdateSpec: update,
    DeliverySpec: deliver,
    TakingSpec: take,
    JitcSpec: generated,
}
