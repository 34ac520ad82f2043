"""Just-in-time connectivity in jnp: the walk of ``docs/jitc-stream.md`` through all blocks of all rows in step.

Every block has a walker. A step draws a gap for each walker; walkers that have left their block stop. The stream runs
along the rows of the stored matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from brainevent_core import jitc
from brainevent_core.encodings import Encoding
from brainevent_core.jitc import ConnectionRule
from brainevent_core.reference.matmul import accumulator, contribution

__all__ = ["Some", "jitc_matmul", "jitc_sum", "jitc_to_coo", "jitc_to_dense"]


class _Step(NamedTuple):
    """One step of all walkers; arrays of shape (rows, blocks).

    Attributes:
        connected: whether the walker has found a connection inside the window.
        column: column of the connection, relative to the window, int32; arbitrary if there is none.
        drawn: returns the draws for the weights of the connections.
    """

    connected: Any
    column: Any
    drawn: Callable[[], Any]


class Some(NamedTuple):
    """Some rows of a matrix.

    Attributes:
        rows: indices of the rows.
        exists: which of them are valid.
    """

    rows: Any
    exists: Any


def _walk(
    seed: Any,
    offset: Any,
    prob: float,
    shape: tuple[int, int],
    visit: Callable[[Any, _Step], Any],
    carry: Any,
    some: Some | None = None,
) -> Any:
    """Fold ``visit(carry, step)`` over the steps of a walk through the window of ``shape``, or ``some`` of its rows.

    ``offset`` is the window's first row and, if it has a second element, its first column.
    """
    rows, length = shape
    size = jitc.block_size(prob)
    tables = jnp.asarray(jitc.gap_tables(prob))
    cells = tables.shape[1]
    aligned = offset.shape == (1,)
    start = jnp.uint32(0) if aligned else offset[1]
    blocks = -(-length // size) + (not aligned)
    row = jnp.arange(rows, dtype=jnp.uint32) if some is None else some.rows.astype(jnp.uint32)
    row = offset[0] + row[:, None]
    block = (start // size + jnp.arange(blocks, dtype=jnp.uint32))[None]
    key0, key1 = jitc.block_keys(seed, row, block)
    # Columns are relative to the window, and negative before it.
    begin = (block * size - start).astype(jnp.int32)
    end = jnp.where(begin < length - size, size, jnp.clip(length - begin, 0, size)).astype(jnp.uint32)
    if some is not None:
        end = jnp.where(some.exists[:, None], end, jnp.uint32(0))

    def walking(state: Any) -> Any:
        return jnp.any(state[1] < end)

    def step(state: Any) -> Any:
        count, at, carry = state
        digits = []
        for place in range(len(tables)):
            drawn = jitc.draw(key0, key1, count * len(tables) + place)
            entry = tables[place].at[jitc.own_cell(drawn, cells)].get(mode="promise_in_bounds")
            digits.append(jitc.outcome(drawn, entry, cells))
        ends = digits[0] < cells - 1
        gap = digits[0]
        for digit in digits[1:]:
            gap = gap * cells + jnp.where(ends, digit, 0)
        reached = at + gap
        found = ends & (at < end) & (reached < end)
        column = begin + reached.astype(jnp.int32)
        visited = _Step(found & (column >= 0), column, lambda: jitc.draw(key0, key1, count + jitc.WEIGHT_COUNTER))
        carry = visit(carry, visited)
        return count + 1, jnp.where(at < end, reached + ends, at), carry

    return jax.lax.while_loop(walking, step, (jnp.uint32(0), jnp.zeros(key0.shape, jnp.uint32), carry))[2]


def jitc_matmul(
    data: Any,
    seed: Any,
    row_offset: Any,
    x: Any,
    *,
    rule: ConnectionRule,
    shape: tuple[int, int],
    transpose: bool,
    encoding: Encoding,
) -> Any:
    """``A @ x``, or ``A.T @ x``, for the matrix of ``shape`` that begins at row ``row_offset`` of the network, or at a
    row and a column if this has two elements."""
    rows, length = shape
    x = encoding.decode(x, rows if transpose else length)
    return jitc_sum(
        data, seed, row_offset, x, rule=rule, shape=shape, transpose=transpose, encoding=encoding, some=None
    )


def jitc_sum(
    data: Any,
    seed: Any,
    row_offset: Any,
    x: Any,
    *,
    rule: ConnectionRule,
    shape: tuple[int, int],
    transpose: bool,
    encoding: Encoding,
    some: Some | None,
) -> Any:
    """The product with decoded x; for ``A.T @ x``, optionally only over ``some`` rows of A, with their entries of x."""
    rows, length = shape
    wide = accumulator(data.dtype)
    vectors = x[:, None] if x.ndim == 1 else x
    vectors = vectors if encoding.event else vectors.astype(wide)
    data_wide = data.astype(wide)

    def visit(out: Any, step: _Step) -> Any:
        weight = rule.law.weights(data_wide, step.drawn())[..., None]
        if transpose:
            source = vectors[:, None, :]
        else:
            source = vectors.at[step.column].get(mode="fill", fill_value=0, wrap_negative_indices=False)
        terms = jnp.where(step.connected[..., None], contribution(weight, source, encoding), 0)
        if transpose:
            return out.at[step.column].add(terms, mode="drop", wrap_negative_indices=False)
        return out + terms.sum(axis=1)

    out = jnp.zeros((length if transpose else rows, vectors.shape[1]), wide)
    if rows and length:
        out = _walk(seed, row_offset, rule.prob, shape, visit, out, some)
    return out.reshape(-1, *x.shape[1:]).astype(data.dtype)


def jitc_to_dense(seed: Any, offset: Any, *, rule: ConnectionRule, shape: tuple[int, int]) -> tuple[Any, Any]:
    """Whether each element of a window of the network is a connection, and the draw for its weight (0 if not)."""
    rows, length = shape
    empty = jnp.zeros(shape, jnp.bool_), jnp.zeros(shape, jnp.uint32)
    if not (rows and length):
        return empty
    row = jnp.arange(rows, dtype=jnp.int32)[:, None]

    def visit(found: Any, step: _Step) -> Any:
        at = (row, jnp.where(step.connected, step.column, length))
        connected, draws = found
        return connected.at[at].set(True, mode="drop"), draws.at[at].set(step.drawn(), mode="drop")

    return _walk(seed, offset, rule.prob, shape, visit, empty)


def jitc_to_coo(
    seed: Any, row_offset: Any, *, rule: ConnectionRule, shape: tuple[int, int], nse: int
) -> tuple[Any, Any, Any]:
    """Connections per row, and the column and draw of each of the first ``nse`` connections, row by row.

    Entries after the last connection have the column ``shape[1]``, outside the matrix.
    """
    rows, length = shape
    columns, draws = jnp.full(nse, length, jnp.int32), jnp.zeros(nse, jnp.uint32)
    if not (rows and length):
        return jnp.zeros(rows, jnp.int32), columns, draws
    blocks = -(-length // jitc.block_size(rule.prob))
    none = jnp.zeros((rows, blocks), jnp.int32)
    per_block = _walk(seed, row_offset, rule.prob, shape, lambda count, step: count + step.connected, none)
    counts = per_block.sum(axis=1, dtype=jnp.int32)
    if nse == 0:
        return counts, columns, draws
    before = jnp.cumsum(per_block, dtype=jnp.int32).reshape(per_block.shape) - per_block

    def visit(found: Any, step: _Step) -> Any:
        entry, columns, draws = found
        at = jnp.where(step.connected, entry, nse)
        columns = columns.at[at].set(step.column, mode="drop", wrap_negative_indices=False)
        draws = draws.at[at].set(step.drawn(), mode="drop", wrap_negative_indices=False)
        return entry + step.connected, columns, draws

    _, columns, draws = _walk(seed, row_offset, rule.prob, shape, visit, (before, columns, draws))
    return counts, columns, draws
