"""A fixed number of entries per row: ``indices[i, j]`` is the column of the j-th entry of row i.

Fixed fan-out (:class:`~brainevent.FixedPostNumConn`) is stored so directly, fixed fan-in
(:class:`~brainevent.FixedPreNumConn`) as its transpose.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from brainevent_core.formats.format import Format, Shape, Structure
from brainevent_core.formats.indices import index_dtype, out_of_range, pointer_dtype, random_indices

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
    coordinates_at=_coordinates_at,
)
