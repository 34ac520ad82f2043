"""Walks over the entries of a stored matrix, for kernels that process each entry whose source is selected.

The code that processes an entry gets `from` (its index along x), `to` (its index along the other axis), and `at` (the
position of its weight, or of its number in the result).
"""

from __future__ import annotations

from collections.abc import Callable

from .spec import KernelSpec

__all__ = ["walk"]


def walk(spec: KernelSpec, each: str, of_target: str = "") -> str:
    """The code that walks over entries.

    Args:
      spec: specification of the kernel, whose strategy, layout and encoding determine the walk.
      each: statements for an entry.
      of_target: statements before them that depend only on `to`: a gather runs them once per row.
    """
    return _WALKS[spec.strategy](spec, each, of_target)


def _any_column(spec: KernelSpec, of: str, name: str) -> str:
    """Statements that declare `name`: whether any column of x selects a source."""
    if not spec.encoding.selects:
        return f"bool {name} = true;"
    if not spec.batched:
        return f"bool {name} = selects({of}, 0);"
    return f"bool {name} = false; for (long long c = 0; c < batch && !{name}; ++c) {name} = selects({of}, c);"


def _place(spec: KernelSpec) -> str:
    if spec.permuted:
        return "(long long)perm[k]"
    return "(k - start) * lines + from" if spec.layout == "columns" else "k"


def _scatter(spec: KernelSpec, each: str, of_target: str) -> str:
    """A warp checks `share` rows, one per lane. Then all its lanes together walk each selected row, or one of its
    2**parts interleaved parts, for each of which there is a warp."""
    return f"""
    const long long warp = item / LANES, part = warp & ((1ll << (int)parts) - 1);
    const long long first = (warp >> (int)parts) * share;
    const int lane = (int)(item % LANES);
    const long long mine = first + lane;
    bool active = false;
    if (lane < share && mine < lines) {{
        {_any_column(spec, "mine", "selected")}
        active = selected;
    }}
    for (unsigned waiting = ballot(active); waiting != 0; waiting &= waiting - 1) {{
        const long long from = first + lowest(waiting);
        const long long start = begin(from), last = begin(from + 1);
        for (long long k = start + part * LANES + lane; k < last; k += (long long)LANES << (int)parts) {{
            const long long to = index(k, start);
            if (!below(to, bound) || !exists(k)) continue;
            const long long at = {_place(spec)};
            {of_target}
            {each}
        }}
    }}
"""


def _gather(spec: KernelSpec, each: str, of_target: str) -> str:
    """2**share lanes walk each row, and check for each entry whether its source is selected."""
    return f"""
    const long long to = item >> (int)share;
    if (to < lines) {{
        const int lanes = 1 << (int)share;
        const long long start = begin(to), last = begin(to + 1);
        {of_target}
        for (long long k = start + (item & (lanes - 1)); k < last; k += lanes) {{
            const long long from = index(k, start);
            if (!below(from, bound) || !exists(k)) continue;
            {_any_column(spec, "from", "selected")}
            if (!selected) continue;
            const long long at = {_place(spec)};
            {each}
        }}
    }}
"""


def _coordinates(spec: KernelSpec, each: str, of_target: str) -> str:
    """One thread per entry."""
    return f"""
    if (item < nse) {{
        const long long k = item, start = 0, to = (long long)target[k], from = (long long)source[k];
        if (below(to, bound) && below(from, bound2) && exists(k)) {{
            {_any_column(spec, "from", "selected")}
            if (selected) {{
                const long long at = {_place(spec)};
                {of_target}
                {each}
            }}
        }}
    }}
"""


_WALKS: dict[str, Callable[[KernelSpec, str, str], str]] = {
    "scatter": _scatter,
    "gather": _gather,
    "coordinates": _coordinates,
}
