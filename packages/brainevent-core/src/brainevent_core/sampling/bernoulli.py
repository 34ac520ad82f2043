"""Pairs that are connected with the same probability: the network of just-in-time connectivity, as arrays."""

from __future__ import annotations

import math

import numpy as np

from brainevent_core.jitc import block_keys, block_size, cells, draw, gap_tables, outcome, own_cell
from brainevent_core.sampling.words import CHUNK

__all__ = ["draw_bernoulli"]


def draw_bernoulli(
    seed: np.ndarray, rows: tuple[int, int], columns: int, prob: float, *, omit_own: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The connections of a range of rows of the network that a seed and a probability define.

    Args:
        seed: two words.
        rows: the first row, and the end of the range.
        columns: number of columns, below 2³¹.
        prob: probability of a connection.
        omit_own: whether the diagonal is excluded.

    Returns:
        (counts, column): the number of connections of each row, int64; and the column of each connection, int32, row by
        row and ascending in each row.
    """
    start, stop = rows
    counts = np.zeros(stop - start, np.int64)
    if not prob or not columns:
        return counts, np.empty(0, np.int32)
    size = block_size(prob)
    per_row = -(-columns // size)
    # Enough steps for almost all blocks; the others continue.
    usual = min(size, columns) * prob
    steps = math.ceil(usual + 3 * math.sqrt(usual)) + 2
    step = max(CHUNK // (steps * len(gap_tables(prob))), 1)  # blocks
    found = []
    for first in range(start * per_row, stop * per_row, step):
        row, block = np.divmod(np.arange(first, min(first + step, stop * per_row)), per_row)
        at, position = np.divmod(_walk(seed, row, block, columns, prob, steps), size)
        row, column = row[at], block[at] * size + position
        if omit_own:
            other = column != row
            row, column = row[other], column[other]
        if row.size:
            part = np.bincount(row - row[0])
            low = int(row[0]) - start
            counts[low : low + len(part)] += part
        found.append(column.astype(np.int32))
    return counts, np.concatenate(found) if found else np.empty(0, np.int32)


def _walk(seed: np.ndarray, row: np.ndarray, block: np.ndarray, columns: int, prob: float, steps: int) -> np.ndarray:
    """The connections of some blocks, as ``index among these blocks · size + position in the block``, ascending."""
    size, base, tables = block_size(prob), cells(prob), gap_tables(prob)
    digits = len(tables)
    keys = block_keys(seed.reshape(2, 1), row.astype(np.uint32), block.astype(np.uint32))
    key0, key1 = (key[:, None] for key in keys)
    limit = np.minimum(size, columns - block * size)[:, None]
    silent = (base - 1) * base ** (digits - 1)  # the distance of the leading digit's last outcome
    active = np.arange(len(row))
    at = np.zeros((len(row), 1), np.int64)
    found = []
    first = 0
    while active.size:
        counter = np.arange(first * digits, (first + steps) * digits, dtype=np.uint32)
        drawn = draw(key0[active], key1[active], counter).reshape(len(active), steps, digits)
        gap, connects = _gaps(drawn, tables, base)
        behind = at + np.cumsum(np.where(connects, gap + 1, silent), axis=1)
        position = behind - 1
        inside = connects & (position < limit[active])
        found.append((position + active[:, None] * size)[inside])
        on = behind[:, -1] < limit[active, 0]
        active, at = active[on], behind[on, -1:]
        first, steps = first + steps, max(steps // 4, 8)
    return np.sort(np.concatenate(found)) if len(found) > 1 else found[0]


def _gaps(drawn: np.ndarray, tables: np.ndarray, base: int) -> tuple[np.ndarray, np.ndarray]:
    """The gap of each step, and whether there is a connection after it."""
    leading = _digit(drawn[..., 0], tables[0], base)
    connects = leading != base - 1
    gap = leading.astype(np.int64)
    for place in range(1, len(tables)):
        gap = gap * base + _digit(drawn[..., place], tables[place], base)
    return gap, connects


def _digit(drawn: np.ndarray, table: np.ndarray, base: int) -> np.ndarray:
    return outcome(drawn, table[own_cell(drawn, base)], base)
