"""``w[k] · y[row[k]]``, or ``w[k] · y[col[k]]``, for each entry k of a matrix: a term of eligibility traces."""

from functools import singledispatch
from typing import Any

import jax.numpy as jnp

from brainevent_core import units
from brainevent_core._jax import replicated
from brainevent_core.encodings import FLOAT
from brainevent_core.errors import MathError
from brainevent_core.formats import Shape, SplitFormat
from brainevent_core.ops.entries import entries_of
from brainevent_core.ops.matmul import as_array
from brainevent_core.ops.spec import MatrixSpec
from brainevent_core.ops.split import Along, on_blocks

__all__ = ["dt2t"]


def dt2t(stored: MatrixSpec, y: Any, w: Any, *, axis: int) -> Any:
    """One value per entry of a matrix, times the value of the entry's row (``axis`` 0) or column (1).

    Args:
        stored: the matrix, (m, n). Its weights are not used.
        y: (m,) or (n,).
        w: one value per entry, or one for all.

    Returns:
        An array or quantity with one value per entry, of the promoted dtype and the product of the units. An entry
        that does not exist gives 0.

    Raises:
        MathError: if the lengths do not fit.
    """
    (y, y_unit), (w, w_unit) = (units.detach(as_array(value)) for value in (y, w))
    values = _values(stored.format, stored, jnp.asarray(y), jnp.asarray(w), axis)
    return units.attach_product(values, w_unit, y_unit)


def _require_fit(stored: MatrixSpec, y: Any, w: Any, per_entry: tuple[int, ...], axis: int) -> None:
    length = stored.matrix_shape[axis]
    if y.shape != (length,) or (w.shape != per_entry and w.size != 1):
        raise MathError(
            f"y must have shape ({length},), one value per {'column' if axis else 'row'}, and w {per_entry}, one "
            f"per entry; got {y.shape} and {w.shape}."
        )


@singledispatch
@replicated
def _values(format: Any, stored: MatrixSpec, y: Any, w: Any, axis: int) -> Any:
    row, col, exists, _ = entries_of(stored)
    at = col if axis else row
    per_entry = jnp.broadcast_shapes(row.shape, col.shape)
    _require_fit(stored, y, w, per_entry, axis)
    w = jnp.broadcast_to(w if w.shape == per_entry else w.reshape(()), per_entry)
    if y.size == 0:
        return jnp.zeros(per_entry, jnp.result_type(w, y))
    # Masked before and after the product, so that a masked infinite value doesn't affect derivatives either.
    values = jnp.where(exists, w, 0) * y.at[at].get(mode="clip", wrap_negative_indices=False)
    return jnp.where(exists, values, 0)


@_values.register
def _in_blocks(format: SplitFormat, stored: MatrixSpec, y: Any, w: Any, axis: int) -> Any:
    per_entry = format.weights_shape(stored.structure, stored.shape)
    stored = stored.here
    _require_fit(stored, y, w, per_entry, axis)
    w = jnp.broadcast_to(w if w.shape == per_entry else w.reshape(()), per_entry)

    def values(encodings: Any, shape: Shape, entries: Any, operands: Any) -> Any:
        (w, *structure), (y,) = entries, operands
        block = MatrixSpec(format.block, w, tuple(structure), shape, stored.transposed)
        return _values(format.block, block, y, w, axis)

    along = Along(axis if not stored.transposed else 1 - axis, FLOAT)
    return on_blocks(format, stored.shape, values, [w, *stored.structure], [(along, y)], None)
