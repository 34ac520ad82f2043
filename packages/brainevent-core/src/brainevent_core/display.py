"""The display of matrices and events in notebooks and terminals, at a bounded cost: larger arrays are sampled.

Nothing here evaluates a traced value, moves a large array off its device, or compiles a kernel.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import numpy as np

from brainevent_core import units

__all__ = ["card", "host_array", "is_sample", "numbers", "picture", "readable", "sampled", "size_in_memory", "take"]

#: Maximum number of entries of an array that is read completely, which takes a few milliseconds.
_WHOLE = 2**18

#: Number of entries that are read of larger arrays: about 40 for each cell of a picture.
_SAMPLE = 2**16

#: The longer side of a picture, in cells and in pixels; and the minimum of the shorter one, in pixels.
_CELLS, _PIXELS, _THINNEST = 40, 160, 16

#: Shades of a cell, by its number of entries relative to the fullest cell.
_SHADES = (0.25, 0.5, 0.75, 1.0)


def readable(array: Any) -> bool:
    """Whether the entries of an array can be read: it is not traced, not abstract, not donated, and on this host."""
    if isinstance(array, jax.core.Tracer):
        return False
    if isinstance(array, jax.Array):
        return not array.is_deleted() and array.is_fully_addressable
    return isinstance(array, (np.ndarray, np.generic))


def sampled(size: int) -> np.ndarray:
    """Positions in an array of that size: all, or a random sample that is the same each time."""
    if size <= _WHOLE:
        return np.arange(size)
    return np.sort(np.random.default_rng(0).integers(size, size=_SAMPLE))


def is_sample(size: int) -> bool:
    """Whether :func:`sampled` leaves entries out."""
    return size > _WHOLE


def host_array(array: Any) -> Any:
    """A NumPy view of an array on a CPU; an array on another device unchanged, so that entries are gathered there."""
    on_host = isinstance(array, jax.Array) and {device.platform for device in array.devices()} == {"cpu"}
    return np.asarray(array) if on_host and len(array.devices()) == 1 else array


def take(array: Any, positions: np.ndarray) -> np.ndarray:
    """Entries of a readable array by their positions in it, flattened."""
    array = host_array(array)
    if not array.ndim:
        return np.asarray(array).reshape(1)[positions]
    # Otherwise, indexing would be traced inside jit.
    with jax.ensure_compile_time_eval():
        return np.asarray(array[np.unravel_index(positions, array.shape)])


def numbers(data: Any, names: Sequence[str] = ()) -> str:
    """Weights in words: dtype, unit, and value or range; if ``names`` are given, the value of each."""
    array, unit = units.detach(data)
    given = f"{array.dtype}" if unit is None else f"{array.dtype}, in {unit}"
    if isinstance(array, jax.core.Tracer):
        return f"{given}, traced"
    if not readable(array) or not array.size or np.iscomplexobj(array):
        return given
    values = take(array, sampled(array.size))
    if names:
        return f"{given}: {', '.join(f'{name} {float(value):.4g}' for name, value in zip(names, values, strict=True))}"
    low, high = (f"{float(end):.4g}" for end in (values.min(), values.max()))
    if array.size == 1:
        return f"{given}: {low}"
    return f"{given}: {low} to {high}{' in a sample' if is_sample(array.size) else ''}"


def size_in_memory(leaves: Iterable[Any]) -> str:
    """The size of arrays in memory, in a suitable unit."""
    size = float(sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves))
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.3g} {unit}"


def picture(row: np.ndarray, col: np.ndarray, shape: Sequence[int]) -> str:
    """Entries at (row, col) of a matrix as a small drawing: the more of them in a cell, the darker it is.

    Entries outside the shape are ignored. The length of the text is bounded by the number of cells.
    """
    if not min(shape):
        return ""
    longest = max(shape)
    rows, columns = (min(size, max(6, round(_CELLS * size / longest))) for size in shape)
    inside = (row >= 0) & (row < shape[0]) & (col >= 0) & (col < shape[1])
    y, x = (at[inside].astype(np.int64) * cells // size for at, cells, size in zip((row, col), (rows, columns), shape))
    count = np.bincount(y * columns + x, minlength=rows * columns).reshape(rows, columns)
    shade = np.ceil(count * (len(_SHADES) / max(count.max(), 1))).astype(int)
    paths = "".join(_path(shade == level, opacity) for level, opacity in enumerate(_SHADES, 1))
    height, width = (max(_PIXELS * cells / max(rows, columns), _THINNEST) for cells in (rows, columns))
    return (
        f'<svg role="img" aria-label="where the entries are" viewBox="-0.1 -0.1 {columns + 0.2} {rows + 0.2}" '
        f'width="{width:.0f}" height="{height:.0f}" preserveAspectRatio="none" style="margin:0 1em 0 0">'
        f'<rect width="{columns}" height="{rows}" fill="none" stroke="currentColor" stroke-width="0.1"/>{paths}</svg>'
    )


def _path(chosen: np.ndarray, opacity: float) -> str:
    """The chosen cells as one path, with a stroke for each run of neighbours in a row."""
    padded = np.pad(chosen.astype(np.int8), ((0, 0), (1, 1)))
    change = np.diff(padded, axis=1)
    starts, ends = np.argwhere(change == 1), np.argwhere(change == -1)
    strokes = "".join(f"M{x} {y}.5h{end - x}" for (y, x), (_, end) in zip(starts, ends, strict=True))
    return f'<path d="{strokes}" stroke="currentColor" stroke-opacity="{opacity}"/>' if strokes else ""


def card(title: str, facts: Iterable[tuple[str, str]], drawing: str = "") -> str:
    """A title, a table of facts, and a picture next to it, as HTML in the colours of the page."""
    cells = "".join(
        f'<tr><th style="text-align:left;font-weight:normal;opacity:0.7">{html.escape(name)}</th>'
        f'<td style="text-align:left">{html.escape(text)}</td></tr>'
        for name, text in facts
    )
    return (
        f'<div style="display:flex;align-items:center">{drawing}<table><thead><tr>'
        f'<th colspan="2" style="text-align:left">{html.escape(title)}</th></tr></thead><tbody>{cells}</tbody></table>'
        "</div>"
    )
