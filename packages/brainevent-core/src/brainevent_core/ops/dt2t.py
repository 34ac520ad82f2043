"""``w[k] · y[row of entry k]``, or of its column: what eligibility traces of learning rules are multiplied by."""

from typing import Any

import jax.numpy as jnp

from brainevent_core import units
from brainevent_core._jax import replicated
from brainevent_core.errors import MathError
from brainevent_core.ops.entries import entries_of
from brainevent_core.ops.matmul import as_array
from brainevent_core.ops.spec import MatrixSpec

__all__ = ["dt2t"]


@replicated
def dt2t(stored: MatrixSpec, y: Any, w: Any, *, axis: int) -> Any:
    """One value per entry of a matrix, times the value of the entry's row (``axis`` 0) or column (1).

    Args:
        stored: the matrix, (m, n). Its weights are not looked at.
        y: (m,) or (n,).
        w: one value per entry, or one for all.

    Returns:
        An array or quantity with one value per entry, of the promoted dtype and the product of the units. An entry
        that does not exist gives 0.

    Raises:
        MathError: if the lengths do not fit.
    """
    (y, y_unit), (w, w_unit) = (units.detach(as_array(value)) for value in (y, w))
    shape = stored.matrix_shape
    row, col, exists, _ = entries_of(stored)
    at = col if axis else row
    per_entry = jnp.broadcast_shapes(row.shape, col.shape)
    if jnp.shape(y) != (shape[axis],) or (jnp.shape(w) != per_entry and jnp.size(w) != 1):
        raise MathError(
            f"y must have shape ({shape[axis]},), one value per {'column' if axis else 'row'}, and w {per_entry}, one "
            f"per entry; got {jnp.shape(y)} and {jnp.shape(w)}."
        )
    w = jnp.broadcast_to(w if jnp.shape(w) == per_entry else jnp.reshape(w, ()), per_entry)
    if shape[axis] == 0:
        return units.attach_product(jnp.zeros(per_entry, jnp.result_type(w, y)), w_unit, y_unit)
    # Selected before and after: an infinite value that is left out must not show in a derivative either.
    values = jnp.where(exists, w, 0) * jnp.asarray(y).at[at].get(mode="clip", wrap_negative_indices=False)
    return units.attach_product(jnp.where(exists, values, 0), w_unit, y_unit)
