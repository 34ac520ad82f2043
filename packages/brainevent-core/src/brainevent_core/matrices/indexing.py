"""Rows, columns and elements of a matrix by index, as for NumPy arrays; the results are dense."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._arrays import as_numpy
from brainevent_core._jax import replicated
from brainevent_core._typing import Array, Index, Quantity, Shape
from brainevent_core.formats import index_dtype
from brainevent_core.ops import MatrixSpec, columns, elements, rows

__all__ = ["Indexing", "positions", "selected"]


class Indexing:
    """Indexing of a matrix, which has ``__matrix_spec__``, ``shape`` and ``todense``."""

    __matrix_spec__: MatrixSpec
    shape: Shape

    def todense(self) -> Array | Quantity:
        raise NotImplementedError

    @replicated
    def __getitem__(self, index: Index) -> Array | Quantity:
        """Rows ``[i]``, ``[i:j]``, ``[[i, j]]``, columns ``[:, j]`` and elements ``[i, j]`` as an array or quantity.

        Every index that NumPy accepts for an array with two axes has the same meaning here. Indices can be traced,
        except slices and masks.

        Raises:
            IndexError: if a concrete index is out of range, or not an index. A traced index out of range gives zeros.
        """
        components = _components(index, self.shape)
        if len(components) != 2 or any(map(_is_special, components)):
            try:
                return self._by_grid(components)
            except IndexError as error:
                if any(isinstance(one, jax.Array) for one in components):
                    raise
                return self._nothing(components, error)
        try:
            row, col = (_simplified(one, size) for one, size in zip(components, self.shape))
        except IndexError as error:
            if any(isinstance(one, jax.Array) for one in components):
                raise
            return self._nothing(components, error)
        return self._by_axes(row, col)

    def __iter__(self) -> Iterator[Array | Quantity]:
        """The rows, one after another."""
        return (self[i] for i in range(self.shape[0]))

    def _by_axes(self, row: Any, col: Any) -> Any:
        """The elements selected by two indices, each a slice or non-negative positions along its axis."""
        spec = self.__matrix_spec__
        if _is_whole(row, self.shape[0]):
            if _is_whole(col, self.shape[1]):
                return self.todense()
            at = col if not isinstance(col, slice) else _positions_of(col, self.shape[1])
            picked, unit = units.detach(columns(spec, at))
            return units.attach(jnp.moveaxis(picked, -1, 0), unit)
        if not isinstance(row, slice) and not isinstance(col, slice):
            _require_pairs(row, col)
            return elements(spec, row, col)
        at = row if not isinstance(row, slice) else _positions_of(row, self.shape[0])
        if isinstance(row, slice) and not isinstance(col, slice) and col.size < at.size:
            picked, unit = units.detach(columns(spec, col))
            return units.attach(jnp.moveaxis(picked[..., row], -1, 0), unit)
        picked, unit = units.detach(rows(spec, at))
        return units.attach(picked[..., col] if isinstance(col, slice) else _taken(picked, col), unit)

    def _nothing(self, components: Sequence[Any], error: IndexError) -> Any:
        """The result of an index out of range, if the selection is empty: NumPy doesn't check the index then.

        Raises:
            IndexError: otherwise.
        """
        try:
            selection = np.broadcast_to(np.int8(0), self.shape)[tuple(components)]
        except (IndexError, ValueError, OverflowError):  # too many elements for NumPy, or no index
            raise error from None
        if selection.size:  # NumPy interprets the largest unsigned numbers as negative
            raise error
        picked, unit = units.detach(rows(self.__matrix_spec__, np.zeros(0, int)))
        return units.attach(jnp.zeros(selection.shape, picked.dtype), unit)

    def _by_grid(self, components: Sequence[Any]) -> Any:
        """The elements selected by any index: NumPy applies it to the row and the column number of each element.

        A component that selects along one axis is replaced by 0, 1, … in its shape, along a virtual axis of its size.
        NumPy therefore needs only its shape, traced or not, and no array is as long as the axis of the matrix.
        """
        lengths, virtual, chosen, axis = list(self.shape), list[Any](), dict[int, Any](), 0
        for one in components:
            if isinstance(one, slice):
                chosen[axis] = _positions_of(one, self.shape[axis])
                virtual.append(slice(None))
            elif _axes_of(one) == 1:
                chosen[axis] = positions(one, self.shape[axis])
                virtual.append(np.arange(chosen[axis].size).reshape(chosen[axis].shape) if chosen[axis].ndim else 0)
                chosen[axis] = chosen[axis].reshape(-1)
            else:
                virtual.append(one)
            if axis in chosen:
                lengths[axis] = chosen[axis].size
            axis += _axes_of(one)
        row, col = (
            np.asarray(np.broadcast_to(index, lengths)[tuple(virtual)])
            for index in (np.arange(lengths[0])[:, None], np.arange(lengths[1]))
        )
        # Use the axis along which fewer are selected: `matrix[:, None, j]` is one column.
        by_row = np.unique(row).size <= np.unique(col).size
        (major, i), (minor, j) = ((row, 0), (col, 1)) if by_row else ((col, 1), (row, 0))
        asked, which = np.unique(major, return_inverse=True)
        at = chosen[i][asked] if i in chosen else asked
        picked, unit = units.detach((rows if by_row else columns)(self.__matrix_spec__, at))
        if row.size == 0:
            return units.attach(jnp.zeros(row.shape, picked.dtype), unit)
        at = chosen[j][minor] if j in chosen else minor
        return units.attach(picked.at[which.reshape(row.shape), at].get(mode="fill", fill_value=0), unit)


# -- the parts of an index ---------------------------------------------------------------------------------------------


def _components(index: Any, shape: Shape) -> list[Any]:
    """The components of an index, completed for both axes: slices, None, and arrays of integers or booleans, which are
    NumPy arrays if they are concrete."""
    given = [_as_component(one) for one in (index if isinstance(index, tuple) else (index,))]
    missing = len(shape) - sum(_axes_of(one) for one in given)
    where = [i for i, one in enumerate(given) if one is Ellipsis]
    if missing < 0 or len(where) > 1:
        raise IndexError(f"A matrix has two axes, got the index {index!r}.")
    at = where[0] if where else len(given)
    return [*given[:at], *[slice(None)] * missing, *given[at + len(where) :]]


def _as_component(index: Any) -> Any:
    if index is None or index is Ellipsis or isinstance(index, slice):
        return index
    if isinstance(index, units.Quantity):
        raise IndexError(f"Indices are numbers without a unit, got {index}.")
    if any(isinstance(one, jax.core.Tracer) for one in jax.tree.leaves(index)):
        # Also lists of traced and concrete numbers. A uint64 and a signed number would be promoted to floats.
        index = jnp.asarray(jax.tree.map(lambda one: int(one) if isinstance(one, np.integer) else one, index))
        if index.dtype == np.bool_:
            raise IndexError(f"A mask must be concrete, got a traced one of shape {tuple(index.shape)}.")
    else:
        index = as_numpy(index)
        if index.size == 0 and index.dtype == np.float64:
            index = index.astype(np.int64)  # an empty list has no dtype of its own
        if index.dtype == np.bool_:
            return index
    if not jnp.issubdtype(index.dtype, jnp.integer):
        raise IndexError(f"Indices are whole numbers, slices or masks, got {index!r}.")
    return index


def _axes_of(component: Any) -> int:
    """The number of axes that a component indexes."""
    if component is None or component is Ellipsis:
        return 0
    return int(component.ndim) if getattr(component, "dtype", None) == np.bool_ else 1


def _is_special(component: Any) -> bool:
    """Whether a component indexes a number of axes other than one."""
    return component is None or (getattr(component, "dtype", None) == np.bool_ and component.ndim != 1)


def _simplified(component: Any, size: int) -> Any:
    return component if isinstance(component, slice) else positions(component, size)


def _positions_of(given: slice, size: int) -> np.ndarray:
    return np.arange(*given.indices(size))


def _is_whole(component: Any, size: int) -> bool:
    return isinstance(component, slice) and component.indices(size) == (0, size, 1)


def _require_pairs(row: Any, col: Any) -> None:
    try:
        np.broadcast_shapes(row.shape, col.shape)
    except ValueError:
        raise IndexError(
            f"Indices of rows and columns pair, but shapes {row.shape} and {col.shape} do not broadcast; use "
            "`matrix[np.ix_(rows, columns)]` for all combinations."
        ) from None


def selected(index: Index, size: int) -> Any:
    """The non-negative positions that an index selects along an axis of this length; see :func:`positions`."""
    return _positions_of(index, size) if isinstance(index, slice) else positions(index, size)


def positions(index: Any, size: int) -> Any:
    """A number, numbers or a mask as non-negative positions; a traced index that is out of range becomes ``size``.

    Raises:
        IndexError: if a concrete index is out of range, or not an index, or if a mask is traced or of another length.
    """
    index = _as_component(index)
    if isinstance(index, np.ndarray):
        if index.dtype == np.bool_:
            if index.shape != (size,):
                raise IndexError(f"A mask must be concrete and of shape ({size},), got {tuple(index.shape)}.")
            return np.flatnonzero(index)
        outside = (index < -size) | (index >= size)
        if outside.any():
            raise IndexError(f"Index {index[outside].ravel()[0]} is out of range for an axis of length {size}.")
        index = index.astype(np.int64)  # all are in range, so unsigned ones fit
        return np.where(index < 0, index + size, index)
    if not isinstance(index, jax.Array):
        raise IndexError(f"Rows are picked by whole numbers, slices and masks, got {index!r}.")
    wide = index_dtype(size)
    if jnp.issubdtype(index.dtype, jnp.unsignedinteger):
        return jnp.minimum(index, min(size, jnp.iinfo(index.dtype).max)).astype(wide)
    if index.dtype.itemsize < np.dtype(wide).itemsize:
        index = index.astype(wide)
    return jnp.where((index >= -size) & (index < size), jnp.where(index < 0, index + size, index), size)


def _taken(slices: Any, at: Any) -> Any:
    """Gather along the last axis; zeros for positions outside."""
    if slices.shape[-1] == 0:
        return jnp.zeros((*slices.shape[:-1], *at.shape), slices.dtype)
    return slices.at[..., at].get(mode="fill", fill_value=0)
