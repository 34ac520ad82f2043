"""A fixed number of entries per row: ``indices[i, j]`` is the column of the j-th entry of row i.

Fixed fan-out (:class:`~brainevent.FixedPostNumConn`) is stored so directly, fixed fan-in
(:class:`~brainevent.FixedPreNumConn`) as its transpose.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from brainevent_core.formats.base import Format, Shape, out_of_range, pointer_dtype

__all__ = ["FIXED_NUM_FORMAT"]


def _check_abstract(structure: Sequence[Any], shape: Shape) -> str | None:
    (indices,) = structure
    if indices.ndim != 2 or indices.shape[0] != shape[0]:
        return (
            f"indices must have shape ({shape[0]}, connections per neuron), one line per neuron of the side that has a "
            f"fixed number of connections; got {tuple(indices.shape)}."
        )
    return None


def _check_values(structure: Sequence[np.ndarray], shape: Shape) -> str | None:
    return out_of_range("indices", structure[0], shape[1], "partners to choose from")


def _entries(structure: Sequence[Any], shape: Shape) -> tuple[Any, Any]:
    (indices,) = structure
    rows = jnp.broadcast_to(jnp.arange(indices.shape[0], dtype=jnp.int32)[:, None], indices.shape)
    return rows.reshape(-1), indices.reshape(-1)


def _by_rows(structure: Sequence[Any], shape: Shape) -> tuple[Any, Any]:
    (indices,) = structure
    pointer = pointer_dtype(indices.size)
    return indices.reshape(-1), jnp.asarray(np.arange(indices.shape[0] + 1, dtype=pointer) * indices.shape[1])


FIXED_NUM_FORMAT = Format(
    name="fixed_num",
    structure=("indices",),
    data_shape=lambda structure, shape: tuple(structure[0].shape),
    check_abstract=_check_abstract,
    check_values=_check_values,
    entries=_entries,
    by_rows=_by_rows,
)
