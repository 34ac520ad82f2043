"""``A x = b`` for a sparse matrix A, by the LU decomposition of SuperLU in SciPy.

``jax.experimental.sparse.linalg.spsolve`` calls the same solver on CPUs, but supports neither several right-hand sides
nor ``vmap``, and doesn't check indices.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._jax import replicated
from brainevent_core.errors import DTypeError, MathError
from brainevent_core.ops.entries import broadcast_weights, entries_of
from brainevent_core.ops.matmul import as_array, matrix_product, require_products
from brainevent_core.ops.spec import MatrixSpec

__all__ = ["solve"]


@replicated
def solve(stored: MatrixSpec, b: Any) -> Any:
    """x with ``A @ x == b``.

    Args:
        stored: the square matrix A, (n, n).
        b: (n,) or (n, k).

    Returns:
        An array of the shape of ``b`` in the promoted dtype; half precision is computed in float32. Its unit is that
        of ``b`` divided by that of A. NaN if A is singular or not finite.

    Raises:
        MathError: if A is not square or the lengths do not fit.
        DTypeError: for complex numbers.
        UnsupportedOperationError: if the matrix has delays.
    """
    require_products(stored.format)
    (data, unit), (b, b_unit) = units.detach(stored.data), units.detach(as_array(b))
    size = stored.shape[0]
    if stored.shape[1] != size or b.ndim not in (1, 2) or b.shape[0] != size:
        shape = stored.matrix_shape
        raise MathError(
            f"solve takes a square matrix (n, n) and a right-hand side (n,) or (n, k), got {shape} and {b.shape}."
        )
    dtype = jnp.result_type(data, b)
    if jnp.issubdtype(dtype, jnp.complexfloating):
        raise DTypeError(f"solve takes real numbers, got {data.dtype} and {b.dtype}: solve for both parts.")
    dtype = dtype if jnp.issubdtype(dtype, jnp.floating) else jnp.result_type(float)
    precise = jnp.promote_types(dtype, jnp.float32)
    x = _solve(stored._replace(data=data.astype(precise)), b.astype(precise)).astype(dtype)
    return units.attach_product(x, b_unit, None if unit is None else unit**-1)


def _solve(stored: MatrixSpec, b: Any) -> Any:
    row, col, exists = (index.reshape(-1) for index in jnp.broadcast_arrays(*entries_of(stored)[:3]))
    values = jnp.where(exists, broadcast_weights(stored, stored.data).reshape(-1), 0)
    # SuperLU doesn't check indices.
    row, col = jnp.where(exists, row, 0), jnp.where(exists, col, 0)

    def factorise(transposed: bool) -> Any:
        def call(_: Any, b: Any) -> Any:
            out = jax.ShapeDtypeStruct(b.shape, b.dtype)
            host = partial(_superlu, transposed)
            return jax.pure_callback(host, out, values, row, col, b, vmap_method="sequential")

        return call

    def product(x: Any) -> Any:
        return matrix_product(stored, x, from_left=False)

    # Differentiates the equation, not the solver.
    return jax.lax.custom_linear_solve(product, b, factorise(False), factorise(True))


def _superlu(transposed: bool, values: Any, row: Any, col: Any, b: Any) -> np.ndarray:
    from scipy.sparse import csc_matrix  # JAX depends on SciPy, and imports it as late
    from scipy.sparse.linalg import splu

    values, row, col, b = map(np.asarray, (values, row, col, b))
    if b.size == 0:
        return b
    if np.isfinite(values).all():
        matrix = csc_matrix((values, (row, col)), shape=(b.shape[0],) * 2)
        try:
            return splu(matrix).solve(b, trans="T" if transposed else "N").astype(b.dtype)
        except RuntimeError:  # exactly singular
            pass
    return np.full_like(b, np.nan)
