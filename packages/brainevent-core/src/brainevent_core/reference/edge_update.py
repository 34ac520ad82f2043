"""A user-defined learning rule, applied to the synapses of active neurons, for every format.

With entries e = (row, col) of the stored matrix, and ``in`` the row (or the column) of e, the new state of e is
``rule(state[e], rows[row], cols[col], params)`` if x has an event at ``in``, and the old one otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from brainevent_core._jax import evaluate
from brainevent_core.encodings import Encoding, is_event
from brainevent_core.formats import Format, Shape
from brainevent_core.reference.matmul import oriented_entries

__all__ = ["EdgeOperands", "EdgeRule", "edge_change", "edge_update"]


@dataclass(frozen=True, eq=False)
class EdgeRule:
    """A rule for one synapse, as a program on arrays. Rules are compared by identity, like functions.

    Attributes:
        program: takes the state of a synapse, the values of its row and of its column, and parameters, in this order;
            returns the new state, in the shapes and dtypes of the old one.
        state: number of arrays in the state of a synapse.
        rows: number of values per row.
        cols: number of values per column.
        closed_over: number of parameters, the first ones, that are closed over by the program.
        params: number of all parameters.
    """

    program: Any
    state: int
    rows: int
    cols: int
    closed_over: int
    params: int

    def __call__(self, state: Sequence[Any], rows: Sequence[Any], cols: Sequence[Any], params: Sequence[Any]) -> Any:
        """The new state of one synapse."""
        closed_over, given = params[: self.closed_over], params[self.closed_over :]
        return evaluate(self.program, closed_over, *state, *rows, *cols, *given)

    def split(self, operands: Sequence[Any], format: Format) -> EdgeOperands:
        """The operands of a call, grouped by kind."""
        sizes = (self.state, len(format.names), 1, self.rows, self.cols, self.params)
        groups, start = [], 0
        for size in sizes:
            groups.append(tuple(operands[start : start + size]))
            start += size
        state, structure, (x,), rows, cols, params = groups
        return EdgeOperands(state, structure, x, rows, cols, params)


class EdgeOperands(NamedTuple):
    """The operands of ``edge_update``.

    Attributes:
        state: arrays with a value (or several, in further axes) for each entry.
        structure: arrays of the matrix's structure.
        x: the encoded events.
        rows: arrays with a value for each row of the stored matrix.
        cols: arrays with a value for each column.
        params: arrays that are shared by all entries.
    """

    state: tuple[Any, ...]
    structure: tuple[Any, ...]
    x: Any
    rows: tuple[Any, ...]
    cols: tuple[Any, ...]
    params: tuple[Any, ...]


def edge_update(
    *operands: Any,
    edge_rule: EdgeRule,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    guarded: bool = False,
) -> list[Any]:
    """The new state: the rule runs for all entries, and those of silent neurons keep the old state.

    If ``guarded``, results of the rule for silent entries get no cotangent: if the rule isn't finite there, even the
    zero cotangent from the selection would become NaN.
    """
    given = edge_rule.split(operands, format)
    entries = _Entries.of(given, format, shape, transpose)
    active = entries.active(given.x, encoding, shape[0] if transpose else shape[1])

    def quiet(values: Any) -> Any:
        return _select(active, values, jax.lax.stop_gradient(values)) if guarded else values

    old = entries.state(given.state)
    new = entries.apply(edge_rule, old, given, quiet, each=guarded)
    return entries.put(given.state, [_select(active, *pair) for pair in zip(new, old, strict=True)])


def edge_change(
    dot: Any, *operands: Any, edge_rule: EdgeRule, format: Format, shape: Shape, transpose: bool, encoding: Encoding
) -> list[Any]:
    """``dot[in] · (new - old)`` for each entry that the rule changes: the derivative with respect to events,
    straight-through. Zero for integer state."""
    given = edge_rule.split(operands, format)
    entries = _Entries.of(given, format, shape, transpose)
    active = entries.active(given.x, encoding, shape[0] if transpose else shape[1])
    old = entries.state(given.state)
    new = entries.apply(edge_rule, old, given, lambda values: values)
    amount = _take(dot, entries.source)

    def change(after: Any, before: Any) -> Any:
        if not jnp.issubdtype(before.dtype, jnp.inexact):
            return jnp.zeros_like(before)
        moved = _columns(amount, before).astype(before.dtype) * (after - before)
        return _select(active, moved, jnp.zeros_like(before))

    changes = [change(*pair) for pair in zip(new, old, strict=True)]
    return entries.put([jnp.zeros_like(state) for state in given.state], changes)


class _Entries(NamedTuple):
    """The entries as vectors.

    Attributes:
        row: row of each entry; -1 if outside the matrix.
        col: column of each entry; -1 if outside.
        source: whichever of row and col the events belong to.
        exists: whether row, column, and the position of the state are inside.
        position: position of the entry's state; None if entry k has state k.
        nse: number of entries.
        axes: number of leading axes of each state array that run over entries, as in the format's weights.
    """

    row: Any
    col: Any
    source: Any
    exists: Any
    position: Any
    nse: int
    axes: int

    @classmethod
    def of(cls, given: EdgeOperands, format: Format, shape: Shape, transpose: bool) -> _Entries:
        target, source, position = oriented_entries(given.structure, format, shape, transpose)
        row, col = (source, target) if transpose else (target, source)
        exists = (row >= 0) & (col >= 0)
        if position is not None:
            exists &= position >= 0
        per_entry = format.weights_shape(given.structure, shape)
        return cls(row, col, source, exists, position, prod(per_entry), len(per_entry))

    def active(self, x: Any, encoding: Encoding, length: int) -> Any:
        """Which entries have an event."""
        return self.exists & _take(is_event(encoding.decode(x, length)), self.source)

    def state(self, state: Sequence[Any]) -> list[Any]:
        """The state of each entry."""
        flat = [self._flat(array) for array in state]
        return flat if self.position is None else [_take(array, self.position) for array in flat]

    def apply(self, rule: EdgeRule, old: Sequence[Any], given: EdgeOperands, quiet: Any, *, each: bool = False) -> Any:
        """Apply the rule to all entries; if ``each``, every entry has its own copy of the parameters."""
        rows = [quiet(_take(values, self.row)) for values in given.rows]
        cols = [quiet(_take(values, self.col)) for values in given.cols]
        params = list(given.params)
        if each:
            params = [quiet(jnp.broadcast_to(values, (self.nse, *values.shape))) for values in params]
        vectorised = jax.vmap(rule, in_axes=(0, 0, 0, 0 if each else None))
        return vectorised([quiet(values) for values in old], rows, cols, params)

    def put(self, state: Sequence[Any], new: Sequence[Any]) -> list[Any]:
        """The arrays of the state, in their own shapes, with the new values of the entries."""
        if self.position is None:
            return [values.reshape(array.shape) for array, values in zip(state, new, strict=True)]
        at = jnp.where(self.exists, self.position, self.nse)
        return [
            self._flat(array).at[at].set(values, mode="drop", wrap_negative_indices=False).reshape(array.shape)
            for array, values in zip(state, new, strict=True)
        ]

    def _flat(self, array: Any) -> Any:
        return array.reshape(self.nse, *array.shape[self.axes :])


def _take(values: Any, indices: Any) -> Any:
    """``values[indices]``; an arbitrary value if the index is outside."""
    if values.shape[0] == 0:
        return jnp.zeros((*indices.shape, *values.shape[1:]), values.dtype)
    return values.at[indices].get(mode="clip", wrap_negative_indices=False)


def _columns(per_entry: Any, like: Any) -> Any:
    return per_entry.reshape(per_entry.shape + (1,) * (like.ndim - 1))


def _select(mask: Any, chosen: Any, other: Any) -> Any:
    return jnp.where(_columns(mask, chosen), chosen, other)
