"""Adding and removing synapses in compressed rows with spare capacity.

An entry whose column is outside the matrix does not exist: it is a *vacancy*, which a new synapse of its row can take.
The arrays therefore keep their shapes, and products work unchanged on every backend. The code is plain JAX, and works
in the stored orientation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core._jax import INLINED
from brainevent_core.errors import MathError, UnsupportedOperationError
from brainevent_core.formats import Format, Shape, row_bounds, signed
from brainevent_core.ops.spec import MatrixSpec
from brainevent_core.ops.split import require_whole

__all__ = ["Places", "add", "move", "places_of"]

#: Entries of a row that are compared at a time.
_AT_ONCE = 16


@partial(jax.tree_util.register_dataclass, data_fields=("columns", "bounds"), meta_fields=("shape",))
@dataclass(frozen=True, eq=False)
class Places:
    """The entries of compressed rows, as places for synapses.

    Attributes:
        columns: column of each place, (entries,); outside the matrix if it is vacant.
        bounds: start of each row, and end of the last one, (rows + 1,).
        shape: shape of the stored matrix.
    """

    columns: Any
    bounds: Any
    shape: Shape

    @property
    def number(self) -> int:
        """The number of places. As the index of a place it means none: JAX drops writes to it."""
        return int(self.columns.shape[0])

    @property
    def taken(self) -> Any:
        """Whether each place has a synapse: its column is inside the matrix, and a row contains the place."""
        column, place = self._column(self.columns), jnp.arange(self.number)
        claimed = (place >= self.bounds[0]) & (place < self.bounds[-1])
        return (column >= 0) & (column < self.shape[1]) & claimed

    def row(self, place: Any) -> Any:
        """The row of each of the given places."""
        return jnp.searchsorted(self.bounds, place, side="right").astype(jnp.int32) - 1

    def column(self, place: Any) -> Any:
        """The column of each of the given places."""
        return self._column(self.columns[jnp.minimum(place, self.number - 1)])

    def _column(self, columns: Any) -> Any:
        return signed(columns, self.shape[1])

    def vacate(self, places: Any) -> Places:
        """A copy with vacancies at the given places, a mask or indices."""
        return self._with(places, self._vacancy)

    def occupy(self, places: Any, columns: Any) -> Places:
        """A copy with synapses at the given places, indices."""
        return self._with(places, columns.astype(self.columns.dtype))

    def _with(self, places: Any, columns: Any) -> Places:
        if places.dtype == jnp.bool_:
            return replace(self, columns=jnp.where(places, columns, self.columns))
        return replace(self, columns=self.columns.at[places].set(columns, mode="drop"))

    @property
    def _vacancy(self) -> Any:
        dtype = self.columns.dtype
        return jnp.asarray(self.shape[1] if self.shape[1] <= jnp.iinfo(dtype).max else -1, dtype)

    def has(self, row: Any, column: Any) -> Any:
        """Whether there is a synapse at each of the given pairs. The cost scales with the longest of these rows."""
        begin, end = self.bounds[row], self.bounds[row + 1]

        def compare(carry: tuple[Any, Any]) -> tuple[Any, Any]:
            first, found = carry
            place = (begin + first)[:, None] + jnp.arange(_AT_ONCE, dtype=begin.dtype)
            same = self.column(place) == column[:, None]
            return first + _AT_ONCE, found | (same & (place < end[:, None])).any(axis=1)

        longest = (end - begin).max(initial=0)
        start = jnp.zeros((), begin.dtype), jnp.zeros(row.shape, bool)
        found: Any = jax.lax.while_loop(lambda carry: carry[0] < longest, compare, start)[1]
        return found

    def vacant(self, row: Any, wanted: Any) -> Any:
        """A vacant place of its row for each wanted new synapse, assigned in order; :attr:`number` if there is none."""
        before = jnp.concatenate([jnp.zeros(1, self.bounds.dtype), jnp.cumsum(~self.taken, dtype=self.bounds.dtype)])
        key = jnp.where(wanted, row, self.shape[0])
        order = jnp.argsort(key, stable=True)
        rank = jnp.arange(key.size) - jnp.searchsorted(key[order], key[order], side="left")
        nth = before[self.bounds[row]] + jnp.zeros_like(rank).at[order].set(rank).astype(before.dtype)
        fits = wanted & (nth < before[self.bounds[row + 1]])
        return jnp.where(fits, jnp.searchsorted(before[1:], nth + 1, side="left"), self.number)


def places_of(spec: MatrixSpec) -> Places:
    """The places of a matrix.

    Raises:
        UnsupportedOperationError: if its format has no compressed rows, or a component changes its entries.
        MathError: if the dtype of the indices can't hold all columns and an index for vacancies.
    """
    fmt = spec.format
    require_whole(fmt, "synapses that come and go")
    assert isinstance(fmt, Format)
    fmt.require_integers(spec.structure)
    rows = fmt.rows_of(spec.structure, spec.shape)
    if rows is None or fmt.column_array is None or spec.changes_entries:
        raise UnsupportedOperationError(
            f"The entries of a matrix stored as {fmt.full_name!r} can't change: convert it with `.tocsr()`."
        )
    columns, indptr = rows
    limits = jnp.iinfo(columns.dtype)
    if limits.max - limits.min < spec.shape[1] or limits.max < spec.shape[1] - 1:
        raise MathError(
            f"Indices of dtype {columns.dtype} can't hold each of {spec.shape[1]} neurons, and a number beside for a "
            "place without a synapse: with_capacity(...) makes wider ones."
        )
    return Places(columns, row_bounds(indptr, int(columns.shape[0])), spec.shape)


def repeated(row: Any, column: Any, wanted: Any, shape: Shape) -> Any:
    """Whether each wanted pair repeats an earlier wanted one."""
    row, column = jnp.where(wanted, row, shape[0]), jnp.where(wanted, column, shape[1])
    order = jnp.lexsort((column, row))
    row_sorted, column_sorted = row[order], column[order]
    same = (row_sorted[1:] == row_sorted[:-1]) & (column_sorted[1:] == column_sorted[:-1])
    return jnp.zeros(row.shape, bool).at[order[1:]].set(same) & wanted


@partial(jax.jit, inline=INLINED, static_argnames="allow_multapses")
def add(places: Places, row: Any, column: Any, *, allow_multapses: bool) -> tuple[Places, Any]:
    """The places with new synapses in vacancies, and the place of each, :attr:`Places.number` if it got none.

    A pair gets no place if it is outside the shape, if its row is full, or, without multapses, if it exists already.
    """
    rows, columns = places.shape
    wanted = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    row, column = jnp.where(wanted, row, 0), jnp.where(wanted, column, 0)
    if not rows or not columns or not places.number:
        return places, jnp.full(row.shape, places.number)
    if not allow_multapses:
        wanted &= ~places.has(row, column)
        wanted &= ~repeated(row, column, wanted, places.shape)
    place = places.vacant(row, wanted)
    return places.occupy(place, column), place


def move(
    places: Places,
    old: Any,
    propose: Callable[[Any, Any, Any], tuple[Any, Any, Any]],
    *,
    tries: int,
    allow_multapses: bool,
    in_row: bool,
) -> tuple[Places, Any]:
    """Move synapses to pairs that are proposed for them.

    Args:
        places: all places.
        old: current places of the synapses; :attr:`Places.number` for none.
        propose: ``(try, row, column) → (row, column, whether it is accepted)`` for each synapse.
        tries: maximum number of proposals per synapse.
        allow_multapses: whether a pair may have several synapses.
        in_row: whether synapses stay in their row: each keeps its place, and only its column changes.

    Returns:
        All places, and the new place of each synapse; :attr:`Places.number` if it found none and stays.
    """
    nothing = places.number
    if not nothing or not all(places.shape):
        return places, jnp.full(old.shape, nothing)
    old_row, old_column = places.row(jnp.minimum(old, nothing - 1)), places.column(old)

    def attempt(carry: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        number, columns, new = carry
        now = replace(places, columns=columns)
        row, column, wanted = propose(number, old_row, old_column)
        wanted = wanted & (old < nothing) & (new == nothing)
        if not allow_multapses:
            wanted &= ~now.has(row, column)
            wanted &= ~repeated(row, column, wanted, places.shape)
        if in_row:
            place = jnp.where(wanted, old, nothing)
            now = now.occupy(place, column)
        else:
            place = now.vacant(row, wanted).astype(old.dtype)
            now = now.occupy(place, column).vacate(jnp.where(place < nothing, old, nothing))
        return number + 1, now.columns, jnp.where(place < nothing, place, new)

    def unfinished(carry: tuple[Any, Any, Any]) -> Any:
        number, _, new = carry
        return (number < tries) & ((old < nothing) & (new == nothing)).any()

    start = jnp.zeros((), jnp.int32), places.columns, jnp.full(old.shape, nothing, old.dtype)
    _, columns, new = jax.lax.while_loop(unfinished, attempt, start)
    return replace(places, columns=columns), new
