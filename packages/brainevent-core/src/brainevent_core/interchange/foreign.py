"""Sparse matrices of SciPy and of JAX."""

from __future__ import annotations

from typing import Any

from brainevent_core.errors import DTypeError, MathError
from brainevent_core.matrices import COO, CSC, CSR

__all__ = ["from_bcoo", "from_bcsr", "from_scipy"]


def from_scipy(matrix: Any) -> CSR | CSC | COO:
    """Convert a SciPy sparse matrix or array, keeping its format.

    Args:
        matrix: ``csr``, ``csc`` and ``coo`` matrices keep their format and the order of their entries, including
            duplicates and stored zeros; others (``bsr``, ``dia``, ``lil``, ``dok``) are converted to CSR by SciPy.
            Weights have the dtype to which JAX converts them: float64 needs its 64-bit mode.

    Raises:
        DTypeError: if it is not a SciPy sparse matrix.
        MathError: if it is not two-dimensional.
        StructureError: if its indices are out of range.

    Example:
        >>> import brainevent, numpy as np, scipy.sparse
        >>> matrix = scipy.sparse.csr_array(np.array([[0.0, 1.0], [2.0, 3.0]], np.float32))
        >>> brainevent.from_scipy(matrix)
        CSR(shape=(2, 2), nse=3, dtype=float32)
    """
    kind = getattr(matrix, "format", None)
    if not isinstance(kind, str) or not hasattr(matrix, "tocsr"):
        raise DTypeError(f"from_scipy takes a sparse matrix or array of SciPy, got {type(matrix).__name__}.")
    if matrix.ndim != 2:
        raise MathError(f"A matrix has two axes, got a sparse array of shape {tuple(matrix.shape)}.")
    made: CSR | CSC | COO
    if kind == COO.__name__.lower():
        made = COO(matrix.data, matrix.row, matrix.col, shape=matrix.shape)
    elif kind == CSC.__name__.lower():
        made = CSC(matrix.data, matrix.indices, matrix.indptr, shape=matrix.shape)
    else:
        rows = matrix.tocsr()
        made = CSR(rows.data, rows.indices, rows.indptr, shape=rows.shape)
    return made


def from_bcoo(matrix: Any) -> COO:
    """Convert a ``jax.experimental.sparse.BCOO`` matrix without batch or dense axes; also inside ``jit``.

    Raises:
        DTypeError: if it is not a BCOO matrix.
        MathError: if it has batch or dense axes, or is not two-dimensional.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> from jax.experimental.sparse import BCOO
        >>> brainevent.from_bcoo(BCOO.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]])))
        COO(shape=(2, 2), nse=3, dtype=float32)
    """
    _require(matrix, "from_bcoo", "BCOO")
    row, col = matrix.indices[:, 0], matrix.indices[:, 1]
    # Indices out of range are padding in both packages.
    return COO(matrix.data, row, col, shape=matrix.shape, rows_sorted=bool(matrix.indices_sorted), check=False)


def from_bcsr(matrix: Any) -> CSR:
    """Convert a ``jax.experimental.sparse.BCSR`` matrix, see :func:`from_bcoo`."""
    _require(matrix, "from_bcsr", "BCSR")
    return CSR(matrix.data, matrix.indices, matrix.indptr, shape=matrix.shape, check=False)


def _require(matrix: Any, function: str, kind: str) -> None:
    if type(matrix).__name__ != kind or not hasattr(matrix, "n_batch"):
        raise DTypeError(f"{function} takes a jax.experimental.sparse.{kind}, got {type(matrix).__name__}.")
    if matrix.n_batch or matrix.n_dense or len(matrix.shape) != 2:
        raise MathError(
            f"{function} takes a matrix without batch and dense axes, got shape {tuple(matrix.shape)} with n_batch="
            f"{matrix.n_batch} and n_dense={matrix.n_dense}."
        )
