"""The bodies of the strategies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from brainevent_core.jitc import WEIGHT_COUNTER

from .spec import JitcSpec
from .stream import stream

__all__ = ["generated"]


def generated(spec: JitcSpec) -> str:
    """The C++ body of a kernel, after `preamble`, whose names it uses."""
    return stream(spec) + _STRATEGIES[spec.strategy](spec)


_WEIGHTS: Final = f"{WEIGHT_COUNTER}u"

# The loop of a group of lanes over its blocks of a row, which are every `parts`-th block. Each lane computes the key of
# one block, so the group has the keys for as many turns as it has lanes, and broadcasts one of them per turn.
_BLOCKS_OF_GROUP = """
    unsigned own0 = 0, own1 = 0;
    for (long long turn = 0; turn < turns; ++turn) {
        const int of = (int)(turn & (lanes - 1));
        const unsigned number = first + (unsigned)(part + (turn + mine) * parts);
        if (of == 0) keys(seed0, seed1, offset[0] + (unsigned)row, number, own0, own1);
        const unsigned key0 = from(own0, lane - mine + of), key1 = from(own1, lane - mine + of);
        const long long begin = (part + turn * parts) * block - before_window, left = length - begin;
        const unsigned end = !there || left <= 0 ? 0 : (unsigned)(left < block ? left : block);
"""


def _group(spec: JitcSpec) -> str:
    """Declare the row of a group of lanes, its part of the row's blocks, and the columns of x."""
    shared = spec.split or not spec.product
    row, part = ("row_at / parts", "row_at % parts") if shared else ("row_at", "0")
    if spec.batched:
        group = """
    const int lanes = LANES, mine = lane, across = LANES >> (int)columns;
    const long long group = item / LANES, chunks = (batch + (1 << (int)columns) - 1) >> (int)columns;
    const long long row_at = group / chunks, c = group % chunks << (int)columns | mine / across;
"""
    else:
        group = """
    const int lanes = 1 << (int)share, mine = lane & (lanes - 1);
    const long long row_at = item >> (int)share;
"""
    return f"""{group}
    const long long row = {row}, part = {part};
    const bool there = row < lines;
"""


_ALIGNED = """
    const unsigned first = 0;
    const long long before_window = 0;
"""


def _each(spec: JitcSpec, act: str) -> str:
    """Run `act` for each connection that a step of the warp finds, with its column `i` and its weight `w`: for the
    connections of all lanes, `across` at a time, each by the lanes for the columns of x."""
    own, weight = "", "parameter0"
    if spec.law.variate is not None:
        own = "const WIDE own = found ? weight_of(key0, key1, step) : (WIDE)0;"
        weight = "from(own, j + lane % across)"
    return f"""
            {own}
            const unsigned all = ballot(found), to_or_none = found ? to : 0xffffffffu;
            for (int j = 0; j < LANES && all >> j != 0; j += across) {{
                const unsigned at = from(to_or_none, j + lane % across);
                const WIDE w = {weight};
                if (at == 0xffffffffu) continue;
                const long long i = begin + at;
                {act}
            }}"""


def _gather(spec: JitcSpec) -> str:
    """`out[row] = sum over the row of weight · x[column]`: 2**share lanes for each row, or for a batch, a warp for each
    row and 2**columns columns of x."""
    if spec.batched:
        visit = _each(spec, "if (c < batch && selects(i, c)) sum += times_x(w, i, c);")
        at, within, lanes = "row * batch + c", "there && c < batch && mine % across == 0", "across"
    else:
        visit = """
            const long long i = begin + to;
            if (found && selects(i, 0)) sum += times_x(weight_of(key0, key1, step), i, 0);"""
        at, within, lanes = "row", "there && mine == 0", "lanes"
    put = f"add_to(out + {at}, sum)" if spec.split else f"out[{at}] = sum"
    return f"""{_group(spec)}{_ALIGNED}
    WIDE sum = 0;
{_BLOCKS_OF_GROUP}
        walk(key0, key1, end, lanes, [&](bool found, unsigned to, unsigned step) {{{visit}
        }});
    }}
    sum = sum_of(sum, {lanes});
    if ({within}) {put};
"""


def _scatter(spec: JitcSpec) -> str:
    """`out[column] += weight · x[row]` for every active row. A warp checks `share` rows, one per lane, which computes
    the keys of its row. Then all its lanes together walk each active row."""
    if spec.batched:
        active = "for (long long c = 0; c < batch && !active; ++c) active = selects(mine, c);"
        visit = _each(
            spec,
            """for (long long c = lane / across; c < batch; c += 1 << (int)columns)
                    if (selects(row, c)) add_to(out + i * batch + c, times_x(w, row, c));""",
        )
    else:
        active = "active = selects(mine, 0);"
        visit = """
            if (found) add_to(out + begin + to, times_x(weight_of(key0, key1, step), row, 0));"""
    return f"""
    const int across = LANES >> (int)columns;
    const long long warp = item / LANES, part = warp % parts, first = warp / parts * share, mine = first + lane;
    bool active = false;
    if (lane < share && mine < lines) {{ {active} }}
    const unsigned waiting = ballot(active);
    for (long long turn = 0; waiting != 0 && turn < turns; ++turn) {{
        const long long number = part + turn * parts, begin = number * block, left = length - begin;
        if (left <= 0) break;
        const unsigned end = (unsigned)(left < block ? left : block);
        unsigned own0, own1;
        keys(seed0, seed1, offset[0] + (unsigned)mine, (unsigned)number, own0, own1);
        for (unsigned some = waiting; some != 0; some &= some - 1) {{
            const long long row = first + lowest(some);
            const unsigned key0 = from(own0, lowest(some)), key1 = from(own1, lowest(some));
            walk(key0, key1, end, LANES, [&](bool found, unsigned to, unsigned step) {{{visit}
            }});
        }}
    }}
"""


def _dense(spec: JitcSpec) -> str:
    """A window of the network, which begins at row and column `offset`: `connected`, and the draws for weights,
    `drawn`. Both must be filled with zeros before."""
    return f"""{_group(spec)}
    const unsigned first = offset[1] / (unsigned)block;
    const long long before_window = offset[1] % (unsigned)block;
{_BLOCKS_OF_GROUP}
        walk(key0, key1, end, lanes, [&](bool found, unsigned to, unsigned step) {{
            const long long i = begin + to;
            if (found && i >= 0) {{
                connected[row * length + i] = 1;
                drawn[row * length + i] = draw(key0, key1, step + {_WEIGHTS});
            }}
        }});
    }}
"""


def _count(spec: JitcSpec) -> str:
    """The number of connections of each block of each row, `counts`, with `parts · turns` blocks per row."""
    return f"""{_group(spec)}{_ALIGNED}
{_BLOCKS_OF_GROUP}
        unsigned count = 0;
        walk(key0, key1, end, lanes, [&](bool found, unsigned to, unsigned step) {{ count += (unsigned)found; }});
        count = sum_until(count, mine);
        if (there && mine == lanes - 1) counts[(row * turns + turn) * parts + part] = (int)count;
    }}
"""


def _list(spec: JitcSpec) -> str:
    """The `columns` of connections minus the length of rows, and the draws for their weights, `drawn`, in row-major
    order, with zeros as padding. `before` is the number of connections before each block of each row, in the order of
    `_count`."""
    return f"""{_group(spec)}{_ALIGNED}
{_BLOCKS_OF_GROUP}
        unsigned entry = there ? (unsigned)before[(row * turns + turn) * parts + part] : 0;
        walk(key0, key1, end, lanes, [&](bool found, unsigned to, unsigned step) {{
            const unsigned until = sum_until((unsigned)found, mine);
            const long long at = (int)(entry + until - 1);
            if (found && at >= 0 && at < nse) {{
                columns[at] = (int)(begin + to - length);
                drawn[at] = draw(key0, key1, step + {_WEIGHTS});
            }}
            entry += from(until, lane - mine + lanes - 1);
        }});
    }}
"""


_STRATEGIES: dict[str, Callable[[JitcSpec], str]] = {
    "jitc_gather": _gather,
    "jitc_scatter": _scatter,
    "jitc_dense": _dense,
    "jitc_count": _count,
    "jitc_list": _list,
}
