"""``A + diag(v)`` for compressed matrices, whether or not they have entries on the diagonal."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._jax import replicated
from brainevent_core.errors import MathError
from brainevent_core.formats import COO_FORMAT
from brainevent_core.ops import MatrixSpec, broadcast_weights, compressed, coordinate_order, coordinates, widened

__all__ = ["plus_diagonal"]


@replicated
def plus_diagonal(stored: MatrixSpec, values: Any, axis: int) -> tuple[Any, tuple[Any, Any] | None]:
    """Weights and structure of a matrix with values added to its diagonal.

    Args:
        stored: the matrix, (m, n).
        values: one value, or one for each of the min(m, n) elements of the diagonal, an array or a quantity.
        axis: whether the result is compressed by rows (0) or columns (1).

    Returns:
        ``(data, structure)``. The structure is None if it doesn't change, because all elements of the diagonal have an
        entry. Otherwise it has one more entry for each element without one; for all elements if the structure is
        traced.
    """
    shape = stored.matrix_shape
    size = min(shape)
    if values.size != 1 and tuple(values.shape) != (size,):
        raise MathError(
            f"The diagonal of a matrix of shape {shape} has {size} elements, got values of shape {values.shape}."
        )
    mantissa, unit = units.detach(values)
    values = units.attach(jnp.broadcast_to(mantissa.reshape(-1), (size,)), unit)
    data, own_unit = units.detach(stored.data)
    data = widened(broadcast_weights(stored, data).reshape(-1))
    row, col = _visible_coordinates(stored)
    entry = np.full(size, -1) if isinstance(row, jax.core.Tracer) else _diagonal_entries(row, col, size)
    present, missing = np.flatnonzero(entry >= 0), np.flatnonzero(entry < 0)
    # Adding quantities converts their units, and raises an error if they do not fit. A Python number has no dtype of
    # its own.
    dtype = jnp.result_type(data, mantissa)
    more = jnp.zeros(data.size, dtype).at[entry[present]].set(units.detach(values)[0][present])
    data = units.attach(data, own_unit) + units.attach(more, unit)
    if not missing.size:
        return data, None
    added = units.attach(jnp.zeros(missing.size, data.dtype), own_unit) + values[missing]
    data = units.attach(jnp.concatenate([units.detach(data)[0], units.detach(added)[0]]), own_unit)
    module = jnp if isinstance(row, jax.core.Tracer) else np
    row, col = (module.concatenate([index, missing.astype(index.dtype)]) for index in (row, col))
    order = coordinate_order(col, row) if axis else coordinate_order(row, col)
    moved, *structure = compressed(MatrixSpec(COO_FORMAT, None, (row[order], col[order]), shape, False), axis)
    return data[order][moved], (structure[0], structure[1])


def _visible_coordinates(stored: MatrixSpec) -> tuple[Any, Any]:
    """Row and column of every entry: NumPy arrays if the structure is concrete, also inside ``jit``."""
    if stored.is_traced:
        return coordinates(stored)
    with jax.ensure_compile_time_eval():
        row, col = coordinates(stored)
        return np.asarray(row), np.asarray(col)


def _diagonal_entries(row: np.ndarray, col: np.ndarray, size: int) -> np.ndarray:
    """For each element of the diagonal, the position of the first entry there, or -1."""
    entry = np.full(size, -1)
    at = np.flatnonzero((row == col) & (row >= 0) & (row < size))
    # Assigned backwards, so that the first one stays.
    entry[row[at[::-1]]] = at[::-1]
    return entry
