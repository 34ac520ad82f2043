"""A fixed number of entries per row: ``indices[i, j]`` is the column of the j-th entry of row i.

Fixed fan-out (:class:`~brainevent.FixedPostNumConn`) is stored directly, fixed fan-in
(:class:`~brainevent.FixedPreNumConn`) as its transpose.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from brainevent_core.formats.format import Format, Part, Shape, Structure
from brainevent_core.formats.indices import index_dtype, out_of_range, pointer_dtype, random_indices, shifted

__all__ = ["FIXED_NUM_FORMAT"]


def _check_abstract(structure: Structure, shape: Shape) -> str | None:
    indices = structure.indices
    if indices.ndim != 2 or indices.shape[0] != shape[0]:
        return (
            f"indices must have shape ({shape[0]}, connections per neuron), one row per neuron of the side that has a "
            f"fixed number of connections; got {tuple(indices.shape)}."
        )
    return None


def _check_values(structure: Structure, shape: Shape) -> str | None:
    return out_of_range("indices", structure.indices, shape[1], "neurons on the other side")


def _coordinates(structure: Structure, shape: Shape) -> tuple[Any, Any]:
    indices = structure.indices
    rows = jnp.broadcast_to(jnp.arange(indices.shape[0], dtype=index_dtype(shape[0]))[:, None], indices.shape)
    return rows.reshape(-1), indices.reshape(-1)


def _coordinates_at(structure: Structure, shape: Shape, positions: np.ndarray) -> tuple[Any, Any]:
    row, place = np.divmod(positions, structure.indices.shape[1])
    return row, structure.indices[row, place]


def _compressed_rows(structure: Structure, shape: Shape) -> tuple[Any, Any]:
    indices = structure.indices
    pointer = pointer_dtype(indices.size)
    return indices.reshape(-1), jnp.asarray(np.arange(indices.shape[0] + 1, dtype=pointer) * indices.shape[1])


def _draw(rng: np.random.Generator, shape: Shape, per_row: int, malformed: bool, dtype: str) -> Sequence[np.ndarray]:
    rows, columns = shape
    width = per_row if columns or malformed or not rows else 0
    indices = random_indices(rng, columns, rows * width, malformed=malformed)
    return [indices.reshape(rows, width).astype(dtype)]


def _part(structure: Structure, shape: Shape, axis: int, start: int, stop: int) -> Part:
    indices = structure.indices
    weights = np.arange(indices.size).reshape(indices.shape)
    if axis == 0:
        return Part((indices[start:stop],), weights[start:stop])
    inside = (indices >= start) & (indices < stop)
    (order, exists) = _existing_first(inside)
    found = np.where(exists, shifted(np.take_along_axis(indices, order, 1), start), stop - start)
    return Part((found,), np.where(exists, np.take_along_axis(weights, order, 1), -1))


def _existing_first(exists: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row, the positions of existing entries in order, followed by others up to the length of the fullest row;
    and which of these exist."""
    width = int(exists.sum(1).max(initial=0))
    order = np.argsort(~exists, axis=1, kind="stable")[:, :width]
    return order, np.take_along_axis(exists, order, 1)


def _join(parts: Sequence[Structure], shapes: Sequence[Shape], axis: int) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    offsets = np.cumsum([0, *(part.indices.size for part in parts)])
    weights = [
        offset + np.arange(part.indices.size).reshape(part.indices.shape) for part, offset in zip(parts, offsets)
    ]
    if axis == 0:
        return (np.concatenate([part.indices for part in parts]),), np.concatenate(weights)
    starts = np.cumsum([0, *(shape[1] for shape in shapes)])
    inside = [(part.indices >= 0) & (part.indices < shape[1]) for part, shape in zip(parts, shapes)]
    indices = np.concatenate([shifted(part.indices, -start) for part, start in zip(parts, starts)], axis=1)
    (order, exists) = _existing_first(np.concatenate(inside, axis=1))
    indices = np.where(exists, np.take_along_axis(indices, order, 1), starts[-1])
    return (indices,), np.where(exists, np.take_along_axis(np.concatenate(weights, axis=1), order, 1), -1)


FIXED_NUM_FORMAT = Format(
    name="fixed_num",
    label="FixedPostNumConn or FixedPreNumConn",
    structure=("indices",),
    data_shape=lambda structure, shape: tuple(structure.indices.shape),
    check_abstract=_check_abstract,
    check_values=_check_values,
    coordinates=_coordinates,
    draw=_draw,
    compressed_rows=_compressed_rows,
    column_array="indices",
    coordinates_at=_coordinates_at,
    part=_part,
    join=_join,
)
