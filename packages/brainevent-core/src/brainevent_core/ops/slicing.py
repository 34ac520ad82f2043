"""Rows and columns of a matrix as dense arrays.

A single line is the product with a single event, and costs what such a product does: that line, where a kernel can.
Several lines are gathered in one pass over all entries.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core.formats import within
from brainevent_core.ops.entries import entries_of, per_entry, segment_sum
from brainevent_core.ops.matmul import matrix_product
from brainevent_core.ops.spec import EventSpec, MatrixSpec

__all__ = ["columns", "rows"]


def rows(stored: MatrixSpec, at: Any, *, backend: str | None = None) -> Any:
    """Rows of a matrix.

    Args:
        stored: the matrix, (m, n).
        at: which row, or which rows, (k,): non-negative integers. Those from m on give zeros.
        backend: the backend that must run it. Several lines are then products with single events, too.

    Returns:
        An array or quantity of shape (n,) or (k, n), of the dtype of the weights; duplicates add up.
    """
    return _lines(stored, 0, at, backend)


def columns(stored: MatrixSpec, at: Any) -> Any:
    """Columns of a matrix, as :func:`rows`: of shape (m,), or (k, m) with a column in each line."""
    return _lines(stored, 1, at)


def _lines(stored: MatrixSpec, axis: int, at: Any, backend: str | None = None) -> Any:
    data, unit = units.detach(stored.data)
    size = _shape(stored)[axis]
    at = jnp.asarray(at)
    if stored.format == "dense":
        return units.attach(_dense_lines(axis, data, at), unit)
    # An encoded event has a 32-bit index, and events make floats of integers.
    possible = jnp.issubdtype(data.dtype, jnp.floating) and size < np.iinfo(np.int32).max
    if possible and (at.ndim == 0 or (at.ndim == 1 and backend is not None)):
        events = _single_events(at, size, in_rows=axis == 0)
        lines = matrix_product(stored, events, from_left=axis == 0, backend=backend)
        return lines.T if axis and at.ndim else lines
    static = (axis, stored.format, stored.shape, stored.transposed)
    lines = _gathered_lines(static, stored.structure, data, at.reshape(-1))
    return units.attach(lines.reshape(*at.shape, lines.shape[1]), unit)


def _shape(stored: MatrixSpec) -> tuple[int, int]:
    rows, columns = stored.shape
    return (columns, rows) if stored.transposed else (rows, columns)


def _single_events(at: Any, size: int, *, in_rows: bool) -> EventSpec:
    """For each index the events of which there is one, there."""
    index = within(at, size)
    count_and_index = jnp.stack([jnp.ones_like(index), index], -1 if in_rows else 0)
    return EventSpec("compact", count_and_index, -1 if in_rows else -count_and_index.ndim, size)


def _dense_lines(axis: int, data: Any, at: Any) -> Any:
    if data.shape[axis] == 0:
        return jnp.zeros((*at.shape, data.shape[1 - axis]), data.dtype)
    return (data.T if axis else data).at[at].get(mode="fill", fill_value=0)


@partial(jax.jit, inline=True, static_argnums=0)
def _gathered_lines(static: tuple[int, str, tuple[int, int], bool], structure: Any, data: Any, at: Any) -> Any:
    axis, fmt, shape, transposed = static
    stored = MatrixSpec(fmt, data, structure, shape, transposed)
    row, col, _ = entries_of(stored)
    line, position = (col, row) if axis else (row, col)
    size, width = _shape(stored)[axis], _shape(stored)[1 - axis]
    count = at.shape[0]
    if size == 0 or count == 0:
        return jnp.zeros((count, width), data.dtype)
    # A line that is asked for twice is gathered once: the slot of a line is the last that asked.
    slots = jnp.full(size, count, jnp.int32).at[at].set(jnp.arange(count, dtype=jnp.int32), mode="drop")
    slot = slots.at[line].get(mode="fill", fill_value=count, wrap_negative_indices=False)
    lines = segment_sum(per_entry(stored, data), (slot, position), (count, width))
    own = slots.at[at].get(mode="fill", fill_value=count)
    return lines.at[own].get(mode="fill", fill_value=0)
