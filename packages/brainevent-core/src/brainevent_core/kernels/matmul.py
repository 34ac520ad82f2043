"""The primitive ``matmul`` for events: a loop over active rows, and over pieces of their entries.

Rows are the compressed rows for ``x @ A``, and those of the column index for ``A @ x``. A piece is a contiguous slice,
which XLA reads ten times as fast on CPU as gathered entries. Sums run in the order in which entries are read. For rows,
this is the order of the reference, bit for bit; for the column index, it is the order of columns, as in the reference
if the columns of each row are sorted.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import reference
from brainevent_core.encodings import BINARY, BITPACKED, COMPACT, SPARSE_FLOAT, Encoding, is_event
from brainevent_core.formats import CSC_INDEX, Format, Shape, within
from brainevent_core.kernels.active import ActiveRows, entries_of
from brainevent_core.kernels.lines import COMPRESSED, Lines, lines_of, piece_length
from brainevent_core.plugins import Takes

__all__ = ["DTYPES", "ENCODINGS", "SUPPORTS", "matmul"]

#: The encodings whose silent entries can be skipped.
ENCODINGS = (BINARY, BITPACKED, COMPACT, SPARSE_FLOAT)

DTYPES = ("float16", "bfloat16", "float32", "float64")

#: Number of entries below which the reference is as fast.
_FEWEST = 4096

#: Number of rows whose bounds are looked up at once.
_BLOCK = 32

# Costs on CPU, in units of an entry of the reference, about 2.5 ns: an iteration of the loop; an entry of its piece;
# the extra cost of looking up its weight; and, for an entry in a sum over all entries, the extra cost of computing its
# row as in the reference, or of masking it by bits.
_ITERATION, _IN_PIECE, _LOOK_UP, _COUNTED, _MASKED = 150.0, 0.5, 4.0, 4.0, 0.3

#: Mean number of entries per row below which the rows of the entries are always computed.
_NARROW = 32


def _takes(data: Any, *structure_and_x: Any, format: Format, shape: Shape, transpose: bool, **_: Any) -> bool:
    *structure, x = structure_and_x
    sizes = [size for array in (data, *structure, x) for size in array.shape]
    if not all(isinstance(size, int) for size in (*sizes, *shape)):
        return False
    return (transpose or format.carries(CSC_INDEX)) and format.nse(structure, shape) >= _FEWEST


#: The calls that the kernel supports.
SUPPORTS = Takes(formats=COMPRESSED, encodings=ENCODINGS, dtypes=DTYPES, further=_takes)


def matmul(
    data: jax.Array,
    *structure_and_x: jax.Array,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
) -> jax.Array:
    """``A @ x``, or ``A.T @ x`` if ``transpose``, see the primitive ``matmul``. If so many rows are active that it is
    faster, the sum is over all entries."""
    *structure, x = structure_and_x
    x = encoding.decode(x, shape[0] if transpose else shape[1])
    rows = lines_of(structure, format, shape, transpose)
    active = ActiveRows.of(is_event(x) if x.ndim == 1 else is_event(x).any(axis=1))

    homogeneous = format.is_homogeneous(data)
    weights, length = data.reshape(-1), shape[1] if transpose else shape[0]
    counted = rows.bounds is not None and rows.width < _NARROW
    masked = encoding.event and x.ndim == 1 and rows.bounds is not None and not counted

    def entries() -> reference.OrientedEntries:
        return reference.oriented_entries(structure, format, shape, transpose)

    # Values that are computed inside a branch are recomputed in every step of an enclosing loop. With few entries per
    # row, the rows of the entries take most of the time, so they are computed outside, once before a loop.
    found = entries() if counted else None

    def over_all() -> jax.Array:
        every, of_x = _masked_entries(rows, x, length) if masked else (found or entries(), x)
        return reference.sum_over_entries(weights, every, of_x, length, encoding, homogeneous=homogeneous)

    def over_active() -> jax.Array:
        return _sum_over_rows(weights, rows, active, x, length, encoding, homogeneous=homogeneous)

    looked_up = rows.weight is not None and not homogeneous
    further = 0.0 if counted or rows.bounds is None else _MASKED + looked_up if masked else _COUNTED
    pays = _pays(rows, active, is_event(x), further, looked_up=looked_up)
    return jax.lax.optimization_barrier(jax.lax.cond(pays, over_active, over_all))


def _masked_entries(rows: Lines, events: Any, length: int) -> tuple[reference.OrientedEntries, Any]:
    """All entries, without a source in silent rows, and the single event that they are multiplied by."""
    active = entries_of(events, rows.bounds, rows.nse)
    weight = None if rows.weight is None else within(rows.weight, rows.nse)
    source = jnp.where(active, 0, -1)
    return reference.OrientedEntries(within(rows.indices, length), source, weight), jnp.ones(1, jnp.bool_)


def _pays(rows: Lines, active: ActiveRows, events: Any, further: float, *, looked_up: bool) -> Any:
    """Whether a loop over active rows is faster than the sum over all entries, with a margin of a fifth.

    ``further`` is the cost of an entry of that sum in addition to its cost in the reference.
    """
    batch = 1 if events.ndim == 1 else events.shape[1]
    count = active.count.astype(jnp.float32)
    if rows.bounds is None:
        entries = count * rows.width
    else:
        lengths = (rows.bounds[1:] - rows.bounds[:-1]).astype(jnp.float32)
        entries = jnp.sum(jnp.where(events if events.ndim == 1 else events.any(axis=1), lengths, 0))
    piece = piece_length(rows.width, batch)
    iterations = count + entries / piece
    loop = iterations * (_ITERATION + piece * (_IN_PIECE * batch + _LOOK_UP * looked_up))
    return 1.2 * loop < rows.nse * (batch + further)


def _sum_over_rows(
    weights: Any, rows: Lines, active: ActiveRows, x: Any, length: int, encoding: Encoding, *, homogeneous: bool
) -> Any:
    wide = reference.accumulator(weights.dtype)
    batch = int(np.prod(x.shape[1:]))
    piece = min(piece_length(rows.width, batch), rows.nse)
    positions = None if homogeneous else rows.weight

    def terms_at(at: Any, exists: Any, value: Any) -> Any:
        """The targets and terms of the entries of a piece; the target is -1 for entries that don't exist."""

        def slice_of(array: Any) -> Any:
            return jax.lax.dynamic_slice(array, (at,), (piece,))

        target = jnp.where(exists, within(slice_of(rows.indices), length), -1)
        if homogeneous:
            weight = jnp.broadcast_to(weights[0], (piece,))
        elif positions is None:
            weight = slice_of(weights)
        else:
            position = within(slice_of(positions), weights.shape[0])
            target = jnp.where(position >= 0, target, -1)
            weight = weights.at[position].get(mode="clip")
        weight = weight.astype(wide).reshape(-1, *(1,) * value.ndim)
        return target, reference.contribution(weight, value, encoding)

    def block(carry: Any) -> Any:
        number_of_block, out = carry
        first = number_of_block * _BLOCK
        row = active.take(first + jnp.arange(_BLOCK, dtype=jnp.int32))
        begin, end = rows.begin(row), rows.begin(row + 1)
        values = x[row]
        here = jnp.minimum(active.count - first, _BLOCK)

        def step(carry: Any) -> Any:
            number, position, out = carry
            last = _at(end, number)
            at = jnp.clip(position, 0, rows.nse - piece)  # a slice beyond the end would be shifted
            place = at + jnp.arange(piece, dtype=at.dtype)
            target, terms = terms_at(at, (place >= position) & (place < last), _at(values, number))
            done = position + piece >= last
            following = _at(begin, jnp.minimum(number + 1, _BLOCK - 1))
            out = out.at[target].add(terms, mode="drop", wrap_negative_indices=False)
            return number + done, jnp.where(done, following, position + piece), out

        _, _, out = jax.lax.while_loop(lambda carry: carry[0] < here, step, (jnp.int32(0), begin[0], out))
        return number_of_block + 1, out

    out = jnp.zeros((length, *x.shape[1:]), wide)
    blocks = active.blocks(_BLOCK)
    _, out = jax.lax.while_loop(lambda carry: carry[0] < blocks, block, (jnp.int32(0), out))
    return out.astype(weights.dtype)


def _at(array: Any, index: Any) -> Any:
    return jax.lax.dynamic_index_in_dim(array, index, keepdims=False)
