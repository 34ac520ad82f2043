"""The primitives ``edge_update`` and ``stdp_update``: a loop over active lines, and over pieces of their entries.

New values are computed piece by piece in the same way as in the reference, and written in place: the loop carries the
arrays, and an enclosing loop makes no copies of their size. Lines are rows, or columns through the column index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core.encodings import BINARY, BITPACKED, COMPACT, Encoding, is_event
from brainevent_core.formats import CSC_INDEX, DENSE_FORMAT, Format, Shape, index_dtype, pointer_dtype, within
from brainevent_core.kernels.active import ActiveRows
from brainevent_core.kernels.lines import COMPRESSED, DenseLines, Lines, dense_lines, lines_of, piece_length
from brainevent_core.plugins import Takes
from brainevent_core.reference import EdgeRule

__all__ = ["EDGE_UPDATE_SUPPORTS", "STDP_UPDATE_SUPPORTS", "edge_update", "stdp_update", "zero_behind"]

#: Number of entries below which the reference is as fast.
_FEWEST = 4096

#: Number of lines whose indices are looked up at once.
_BLOCK = 32

_FORMATS = (DENSE_FORMAT, *COMPRESSED)
_ENCODINGS = (BINARY, BITPACKED, COMPACT)


def _finds_lines(structure: Sequence[Any], format: Format, shape: Shape, transpose: bool) -> bool:
    found = transpose or format is DENSE_FORMAT or format.carries(CSC_INDEX)
    return found and format.nse(structure, shape) >= _FEWEST


def _takes_edges(
    *operands: Any, edge_rule: EdgeRule, format: Format, shape: Shape, transpose: bool, encoding: Encoding
) -> bool:
    if not all(isinstance(size, int) for array in operands for size in (*array.shape, *shape)):
        return False
    return _finds_lines(edge_rule.split(operands, format).structure, format, shape, transpose)


def _takes_weights(data: Any, *operands: Any, format: Format, shape: Shape, transpose: bool, **_: Any) -> bool:
    if not all(isinstance(size, int) for array in (data, *operands) for size in (*array.shape, *shape)):
        return False
    # Shared weights must be clipped once, after all additions.
    shared = any(component.weight is not None for component in format.components)
    return not shared and _finds_lines(operands[:-4], format, shape, transpose)


#: The calls that the kernels support.
EDGE_UPDATE_SUPPORTS = Takes(formats=_FORMATS, encodings=_ENCODINGS, further=_takes_edges)
STDP_UPDATE_SUPPORTS = Takes(formats=_FORMATS, encodings=_ENCODINGS, further=_takes_weights)


def edge_update(
    *operands: jax.Array,
    edge_rule: EdgeRule,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    after: Sequence[jax.Array] = (),
) -> list[jax.Array]:
    """The new state, see the primitive ``edge_update``.

    Args:
        *operands: operands of the primitive; the state is overwritten if XLA allows it.
        edge_rule: the rule.
        format: format of the matrix.
        shape: shape of the stored matrix.
        transpose: whether events are of rows.
        encoding: encoding of the events.
        after: results of prior uses of the state.
    """
    given = edge_rule.split(operands, format)

    def change(state: Sequence[Any], _: Any, line: Any, others: Any) -> Any:
        here = [_at(values, line) for values in (given.rows if transpose else given.cols)]
        there = [values[others] for values in (given.cols if transpose else given.rows)]
        sides, axes = ((here, there), (None, 0)) if transpose else ((there, here), (0, None))
        return jax.vmap(edge_rule, in_axes=(0, *axes, None))(state, *sides, given.params)

    lines = _lines(given.structure, format, shape, transpose)
    events = is_event(encoding.decode(given.x, shape[0] if transpose else shape[1]))
    length = shape[1] if transpose else shape[0]
    per_entry = format.weights_shape(given.structure, shape)
    flat = [array.reshape(lines.nse, *array.shape[len(per_entry) :]) for array in given.state]
    new = _over_active(flat, (), lines, events, length, change, after)
    return [array.reshape(old.shape) for array, old in zip(new, given.state, strict=True)]


def stdp_update(
    data: jax.Array,
    *operands: jax.Array,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    clip: str,
    after: Sequence[jax.Array] = (),
) -> jax.Array:
    """The new weights, see the primitive ``stdp_update``; the other arguments are those of :func:`edge_update`."""
    *structure, x, trace, lower, upper = operands
    bounds = [bound.reshape(-1) for bound in (lower, upper) if bound.ndim]  # one for each entry

    def change(weights: Sequence[Any], bounds: Sequence[Any], line: Any, others: Any) -> Any:
        of_entries = iter(bounds)
        low, high = (next(of_entries) if bound.ndim else bound for bound in (lower, upper))
        return [jnp.clip(weights[0] + trace[others], low, high)]

    lines = _lines(structure, format, shape, transpose)
    events = is_event(encoding.decode(x, shape[0] if transpose else shape[1]))
    length = shape[1] if transpose else shape[0]
    (new,) = _over_active([data.reshape(-1)], bounds, lines, events, length, change, after)
    new = new.reshape(data.shape)
    return jnp.clip(new, lower, upper) if clip == "all" else new


def _lines(structure: Sequence[Any], format: Format, shape: Shape, transpose: bool) -> Lines | DenseLines:
    if format is DENSE_FORMAT:
        return dense_lines(shape, transpose)
    return lines_of(structure, format, shape, transpose)


def _over_active(
    state: Sequence[Any],
    read: Sequence[Any],
    lines: Lines | DenseLines,
    events: Any,
    length: int,
    change: Callable[[Sequence[Any], Sequence[Any], Any, Any], Sequence[Any]],
    after: Sequence[Any],
) -> list[Any]:
    """The state of all entries after those in active lines were changed.

    Args:
        state: arrays indexed by the position of an entry, (nse, ...).
        read: further arrays of this kind, which are only read.
        lines: the lines of the matrix.
        events: which lines are active, booleans.
        length: length of the minor axis.
        change: ``(state, read, line, others) → new state`` for the entries of a piece, which are all in one line and
            have the minor-axis indices ``others``.
        after: results of prior uses of the state.
    """
    active = ActiveRows.of(events)
    nse, piece = lines.nse, min(piece_length(lines.width), lines.nse)
    moved = lines.positions(jnp.int32(0), pointer_dtype(nse)(0), piece) is not None

    def write(state: Sequence[Any], pending: tuple[Any, Sequence[Any]]) -> list[Any]:
        """Write pending values to the state: at positions (-1 for none), or contiguously from a place on."""
        where, values = pending
        if moved:
            pairs = zip(state, values, strict=True)
            return [old.at[where].set(new, mode="drop", wrap_negative_indices=False) for old, new in pairs]
        return [jax.lax.dynamic_update_slice_in_dim(*pair, where, 0) for pair in zip(state, values, strict=True)]

    def changed(line: Any, first: Any, inside: Any, state: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
        """The pending write for the entries at places from ``first`` on; those not ``inside`` the line don't change."""
        others = within(lines.others(line, first, piece), length)
        positions = lines.positions(line, first, piece)
        if moved:
            positions = within(positions, nse)
            inside &= positions >= 0
        inside &= others >= 0

        def load(array: Any) -> Any:
            if moved:
                return array.at[positions].get(mode="clip", wrap_negative_indices=False)
            return jax.lax.dynamic_slice_in_dim(array, first, piece)

        old = list(map(load, state))
        new = change(old, list(map(load, read)), line, jnp.maximum(others, 0))
        if moved:
            return jnp.where(inside, positions, -1), list(new)
        chosen = [
            jnp.where(inside.reshape(-1, *(1,) * (after.ndim - 1)), after, before)
            for after, before in zip(new, old, strict=True)
        ]
        return first, chosen

    def block(carry: Any) -> Any:
        number_of_block, state = carry
        line = active.take(number_of_block * _BLOCK + jnp.arange(_BLOCK, dtype=jnp.int32))
        begin, end = lines.begin(line), lines.begin(line + 1)
        here = jnp.minimum(active.count - number_of_block * _BLOCK, _BLOCK)

        def step(carry: Any) -> Any:
            number, position, state, pending = carry
            # Values are written one iteration after they were computed. Otherwise XLA would fuse the write with the
            # computation, read the old values of one array after another was written, and copy it in every iteration.
            state = write(state, pending)
            last = _at(end, number)
            at = jnp.clip(position, 0, nse - piece)  # a slice beyond the end would be shifted
            place = at + jnp.arange(piece, dtype=at.dtype)
            pending = changed(_at(line, number), at, (place >= position) & (place < last), state)
            done = position + piece >= last
            following = _at(begin, jnp.minimum(number + 1, _BLOCK - 1))
            return number + done, jnp.where(done, following, position + piece), state, pending

        _, _, state, pending = jax.lax.while_loop(
            lambda carry: carry[0] < here, step, (jnp.int32(0), begin[0], state, nothing(state))
        )
        return number_of_block + 1, write(state, pending)

    def nothing(state: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
        """The first pending write, which changes nothing."""
        if moved:
            nowhere = jnp.full(piece, -1, index_dtype(nse))
            return nowhere, [jnp.zeros((piece, *old.shape[1:]), old.dtype) for old in state]
        return jnp.zeros((), pointer_dtype(nse)), [old[:piece] for old in state]

    blocks = active.blocks(_BLOCK)
    _, new = jax.lax.while_loop(lambda carry: carry[0] < blocks, block, (zero_behind(after), list(state)))
    return list(jax.lax.optimization_barrier(new))


def zero_behind(uses: Sequence[Any]) -> Any:
    """0, int32, in a form that XLA can't simplify, and that depends on all of ``uses``.

    XLA copies an array that a loop overwrites unless all its prior uses must come before the loop, so the start of the
    loop depends on them. The product of two consecutive numbers is even, even if it overflows.
    """
    zero = jnp.int32(0)
    for use in uses:
        if use.size:
            number = use.reshape(-1)[0].astype(jnp.int32)
            zero |= number * (number + 1) & 1
    return zero


def _at(array: Any, index: Any) -> Any:
    return jax.lax.dynamic_index_in_dim(array, index, keepdims=False)
