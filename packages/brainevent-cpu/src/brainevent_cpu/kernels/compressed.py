"""Products with matrices whose rows are compressed: `csr` and `fixed_num`, as kernels of the primitive `matmul`."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..bridge import NativeKernel, native_call
from ..bridge.selftest import bridge_works

__all__ = ["matmul", "supports_matmul"]

_STRUCTURES = {"csr": 2, "fixed_num": 1}
_SOURCES = (str(Path(__file__).with_name("rows.py")),)


def supports_matmul(*avals: Any, format: str, shape: Any, operand: str, **_: Any) -> bool:
    """Whether `matmul` takes operands of these abstract values, and native kernels run at all."""
    if operand not in ("float", "binary") or len(avals) != _STRUCTURES.get(format, -2) + 2:
        return False
    data, *structure, x = avals
    sizes = (*shape, *(size for aval in avals for size in aval.shape))
    return (
        data.dtype in (np.float32, np.float64)
        # Not jnp.issubdtype: int4 has no native arrays.
        and all(np.dtype(array.dtype).kind in "iu" for array in structure)
        and x.ndim in (1, 2)
        and all(isinstance(size, int) for size in sizes)
        and bridge_works()
    )


def matmul(
    data: jax.Array, *operands: jax.Array, format: str, shape: tuple[int, int], transpose: bool, operand: str, **_: Any
) -> list[jax.Array]:
    """`A @ x`, or `A.T @ x` if `transpose`, for a matrix A of `shape` (m, n) with compressed rows.

    Entries outside `shape` are dropped and duplicates add up; pointers are clipped to [0, nse] and replaced by their
    running maximum.

    Args:
      data: weights, float32 or float64: one per entry, of shape (nse,) for csr and (m, k) for fixed_num, or (1,)
        for all.
      *operands: the structure, of any integer dtypes, and x. csr: indices (nse,), indptr (m + 1,). fixed_num: indices
        (m, k). x has shape (length,) or (length, batch), and the dtype of the weights if `operand` is "float".
      format: "csr" or "fixed_num".
      shape: of A.
      transpose: multiply by the transpose.
      operand: "float", or "binary": nonzero entries of x, NaN included, count as exactly 1, the others don't take part.

    Returns:
      The product in a list, of shape (lines,) or (lines, batch) and the dtype of the weights.

    Raises:
      ValueError: if the arrays don't fit `shape`.
      jax.errors.JaxRuntimeError: at run time, if there is no memory for intermediate sums.
    """
    *structure, x = operands
    event = operand == "binary"
    _check_shapes(data, structure, x, format, shape, transpose)
    indices = _signed(structure[0])
    # fixed_num has no pointers; its indices stand in, unread.
    indptr = _pointers(structure[1], indices.size) if format == "csr" else indices
    if event and x.dtype != jnp.bool_:
        x = x != 0
    batch = x.shape[1] if x.ndim == 2 else 1
    lines = shape[1] if transpose else shape[0]
    kernel = row_kernel(
        csr=format == "csr", homogeneous=data.shape == (1,), event=event, transpose=transpose, batched=batch != 1
    )
    # Arrays go in flat, which costs XLA nothing.
    (out,) = native_call(
        kernel,
        *(array.reshape(-1) for array in (data, indices, indptr, x)),
        outs=[jax.ShapeDtypeStruct((lines * batch,), data.dtype)],
        attributes={
            "batch": np.int64(batch),
            "cols": np.int64(shape[1]),
            "rows": np.int64(shape[0]),
            "width": np.int64(0 if format == "csr" else indices.shape[1]),
        },
    )
    return [out.reshape(lines, *x.shape[1:])]


def _signed(indices: jax.Array) -> jax.Array:
    """Indices as int32 or int64, so that kernels are compiled for two dtypes rather than eight.

    An unsigned number too large for the signed type turns negative, and stays outside the matrix.
    """
    dtype = np.dtype(indices.dtype)
    wide = np.dtype(np.int64 if dtype.itemsize == 8 else np.int32)
    if dtype.kind == "u" and dtype.itemsize == wide.itemsize:
        return jax.lax.bitcast_convert_type(indices, wide)
    return indices.astype(wide)


def _pointers(indptr: jax.Array, nse: int) -> jax.Array:
    """Pointers as int32, or int64 if there are more entries than that counts; clipped where they would not fit."""
    wide = np.dtype(np.int32 if nse <= np.iinfo(np.int32).max else np.int64)
    if np.can_cast(indptr.dtype, wide):
        return indptr.astype(wide)
    limit = min(nse, np.iinfo(indptr.dtype).max)
    return jnp.clip(indptr, 0, limit).astype(wide)


def _check_shapes(
    data: Any, structure: list[Any], x: Any, format: str, shape: tuple[int, int], transpose: bool
) -> None:
    """The native code relies on these lengths; what the arrays hold it checks itself."""
    m, n = shape
    indices = structure[0]
    if format == "csr":
        fits = indices.ndim == 1 and structure[1].shape == (m + 1,)
    else:
        fits = indices.ndim == 2 and indices.shape[0] == m
    if not fits or data.shape not in ((1,), indices.shape) or x.shape[0] != (m if transpose else n):
        given = ", ".join(str(tuple(array.shape)) for array in (data, *structure, x))
        raise ValueError(
            f"Arrays of shapes {given} don't make a product with a {format!r} matrix of shape {tuple(shape)} "
            f"(transpose={transpose})."
        )


@functools.cache
def row_kernel(*, csr: bool, homogeneous: bool, event: bool, transpose: bool, batched: bool) -> NativeKernel:
    """The native kernel for one kind of call; see `rows.build`."""
    facts = (
        "csr" if csr else "fixed_num",
        "homogeneous" if homogeneous else "entries",
        "event" if event else "float",
        "scatter" if transpose else "gather",
        "matrix" if batched else "vector",
    )

    def build() -> Any:
        from . import rows

        return rows.build(facts, csr=csr, homogeneous=homogeneous, event=event, transpose=transpose, batched=batched)

    return NativeKernel("_".join(("matmul", *facts)), build, threads=True, sources=_SOURCES)
