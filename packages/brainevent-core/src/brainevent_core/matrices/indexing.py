"""Rows, columns and elements of a matrix by index, as NumPy indexes an array; the results are dense."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._jax import replicated
from brainevent_core.ops import MatrixSpec, columns, rows

__all__ = ["Indexing"]


class Indexing:
    """Indexing of a matrix, which has ``__matrix_spec__``, ``shape`` and ``todense``."""

    __matrix_spec__: MatrixSpec
    shape: tuple[int, int]
    todense: Callable[[], Any]

    @replicated
    def __getitem__(self, index: Any) -> Any:
        """Rows ``[i]``, ``[i:j]``, ``[[i, j]]``, columns ``[:, j]`` and elements ``[i, j]`` as an array or quantity.

        Indices count as in NumPy: negative ones from the end, vectors and masks select, two vectors pair. They may be
        traced, except for slices and masks.

        Raises:
            IndexError: if a concrete index is out of range, or none. A traced one that is out of range gives zeros.
        """
        row, column = (_selection(given, size) for given, size in zip(_both_axes(index), self.shape))
        if row.whole:
            if column.whole:
                return self.todense()
            picked, unit = units.detach(columns(self.__matrix_spec__, column.at))
            return units.attach(jnp.moveaxis(picked, -1, 0), unit)
        picked, unit = units.detach(rows(self.__matrix_spec__, row.at))
        if column.whole:
            return units.attach(picked, unit)
        if row.is_slice or column.is_slice:
            picked = _taken(picked, column.at)
        else:
            lines = picked.reshape(-1, self.shape[1])
            which = jnp.arange(lines.shape[0]).reshape(row.at.shape)
            picked = _element(lines, which, column.at)
        return units.attach(picked, unit)

    def __iter__(self) -> Iterator[Any]:
        """The rows, one after another."""
        return (self[i] for i in range(self.shape[0]))


class _Selection(NamedTuple):
    """What an index selects along an axis: positions from 0 (the axis' length for one that is outside)."""

    at: Any
    is_slice: bool = False
    whole: bool = False


def _both_axes(index: Any) -> tuple[Any, Any]:
    given = index if isinstance(index, tuple) else (index,)
    where = [i for i, one in enumerate(given) if one is Ellipsis]
    if len(where) == 1:
        given = (*given[: where[0]], *(slice(None),) * (3 - len(given)), *given[where[0] + 1 :])
    given = (*given, *(slice(None),) * (2 - len(given)))
    if len(given) != 2 or len(where) > 1:
        raise IndexError(f"A matrix has two axes, got the index {index!r}.")
    return given[0], given[1]


def _selection(index: Any, size: int) -> _Selection:
    if isinstance(index, slice):
        at = np.arange(*index.indices(size))
        return _Selection(at, is_slice=True, whole=index.step in (None, 1) and at.size == size)
    return _Selection(positions(index, size))


def selected(index: Any, size: int) -> Any:
    """Positions from 0 of what an index selects along an axis of that length; see :func:`positions`."""
    return _selection(index, size).at


def positions(index: Any, size: int) -> Any:
    """A number, numbers or a mask as positions from 0; ``size`` stands for a traced index that is out of range.

    Raises:
        IndexError: if a concrete index is out of range, or none, or if a mask is traced or of another length.
    """
    if isinstance(index, units.Quantity):
        raise IndexError(f"Indices are numbers without a unit, got {index}.")
    if any(isinstance(one, jax.core.Tracer) for one in jax.tree.leaves(index)):
        index = jnp.asarray(index)  # a list of traced and other numbers, too
    else:
        index = np.asarray(index)
        if index.size == 0 and index.dtype == np.float64:
            index = index.astype(np.int64)  # an empty list has no dtype of its own
    if index.dtype == np.bool_:
        if isinstance(index, jax.core.Tracer) or index.shape != (size,):
            raise IndexError(f"A mask must be concrete and of shape ({size},), got {tuple(index.shape)}.")
        return np.flatnonzero(index)
    if not jnp.issubdtype(index.dtype, jnp.integer):
        raise IndexError(f"Indices are whole numbers, slices or masks, got {index!r}.")
    if isinstance(index, np.ndarray):
        outside = (index < -size) | (index >= size)
        if outside.any():
            raise IndexError(f"Index {index[outside].ravel()[0]} is out of range for an axis of length {size}.")
        return np.where(index < 0, index.astype(np.int64) + size, index)
    if index.dtype.itemsize < 4:
        index = index.astype(jnp.int32)
    if jnp.issubdtype(index.dtype, jnp.unsignedinteger):
        return jnp.minimum(index, size)
    return jnp.where((index >= -size) & (index < size), jnp.where(index < 0, index + size, index), size)


def _taken(lines: Any, at: Any) -> Any:
    """Positions of the last axis, zeros for those outside."""
    if lines.shape[-1] == 0:
        return jnp.zeros((*lines.shape[:-1], *at.shape), lines.dtype)
    return lines.at[..., at].get(mode="fill", fill_value=0)


def _element(lines: Any, which: Any, at: Any) -> Any:
    if lines.size == 0:
        return jnp.zeros(jnp.broadcast_shapes(which.shape, at.shape), lines.dtype)
    return lines.at[which, at].get(mode="fill", fill_value=0)
