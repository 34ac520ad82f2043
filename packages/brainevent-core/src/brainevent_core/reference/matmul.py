"""Products of a stored matrix with a vector or a matrix, and their adjoint, for every format.

With entries e = (row, col, weight) of the stored matrix A, and (out, in) = (row, col), or (col, row) if transposed:

- ``matmul``:  ``result[out] += weight · x[in]`` over all entries; for events ``weight · [x[in] is one]``. Where the
  operand selects, a silent line is left out rather than multiplied by zero: an Inf or NaN weight of it never shows;
- ``sddmm``: ``result[e] = y[out] · x[in]``, the derivative of ``<y, matmul(weight, x)>`` by the weights.

The operand x is decoded first, whatever its encoding. Sums of float16 and bfloat16 are accumulated in float32.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core.formats import Operand, get_format, get_operand, within

__all__ = ["accumulator", "contribution", "matmul", "sddmm"]


def matmul(data: Any, *structure_and_x: Any, format: str, shape: tuple[int, int], transpose: bool, operand: str) -> Any:
    """``A @ x``, or ``A.T @ x`` if ``transpose``, for x that stands for entries of shape (n,) or (n, batch)."""
    *structure, x = structure_and_x
    x, encoding = _decode(x, operand, shape, transpose)
    if format == "dense":
        return _dense_matmul(data, x, encoding, transpose=transpose)
    target, source, exists = _entries(structure, format, shape, transpose)
    weights, slots = data.reshape(-1), _slots(structure, format, shape)
    if slots is not None and weights.size != 1:
        weights, exists = _take(weights, slots), exists & (slots >= 0)
    weights = _columns(weights, x).astype(accumulator(data.dtype))
    terms = jnp.where(_columns(exists, x), contribution(weights, _take(x, source), encoding), 0)
    lines = shape[1] if transpose else shape[0]
    out = jnp.zeros((lines, *x.shape[1:]), weights.dtype)
    return out.at[target].add(terms, mode="drop", wrap_negative_indices=False).astype(data.dtype)


def sddmm(y: Any, *structure_and_x: Any, format: str, shape: tuple[int, int], transpose: bool, operand: str) -> Any:
    """``y[out] · x[in]`` per entry, summed over the batch; y and x of shapes (m,) and (n,), or with (…, batch)."""
    *structure, x = structure_and_x
    x, encoding = _decode(x, operand, shape, transpose)
    if format == "dense":
        ys, xs = (v[:, None] if v.ndim == 1 else v for v in (y, x))
        if not encoding.selects:
            return (_dot(xs, ys.T) if transpose else _dot(ys, xs.T)).astype(y.dtype)
        products = _sum_of_products(ys[:, None, :], xs[None, :, :], encoding)
        return (products.T if transpose else products).astype(y.dtype)
    target, source, exists = _entries(structure, format, shape, transpose)
    y_at, x_at = _take(y, target), _take(x, source)
    if y_at.ndim == 1:
        y_at, x_at = y_at[:, None], x_at[:, None]
    products = _sum_of_products(y_at, x_at, encoding)
    exists = exists & (target >= 0)
    per_entry, slots = jnp.where(exists, products, 0), _slots(structure, format, shape)
    if slots is not None:
        zeros = jnp.zeros_like(per_entry)
        per_entry = zeros.at[slots].add(per_entry, mode="drop", wrap_negative_indices=False)
    return per_entry.reshape(get_format(format).data_shape(structure, shape)).astype(y.dtype)


def contribution(weights: Any, x: Any, encoding: Operand) -> Any:
    """``weights · x``, elementwise and in the dtype of the weights, for decoded entries x."""
    if encoding.event:
        return jnp.where(x, weights, 0)
    products = weights * x.astype(weights.dtype)
    return jnp.where(x != 0, products, 0) if encoding.selects else products


def _decode(x: Any, operand: str, shape: tuple[int, int], transpose: bool) -> tuple[Any, Operand]:
    """The entries that x stands for, and its encoding."""
    encoding = get_operand(operand)
    return encoding.decode(x, shape[0] if transpose else shape[1]), encoding


def _sum_of_products(y: Any, x: Any, encoding: Operand) -> Any:
    """Sum of ``y · x`` over the last axis."""
    return jnp.sum(contribution(y.astype(accumulator(y.dtype)), x, encoding), axis=-1)


def _dense_matmul(data: Any, x: Any, encoding: Operand, *, transpose: bool) -> Any:
    numbers = x.astype(data.dtype)
    # Not `data.T @ x`, for which XLA on CPU takes 60 times as long.
    product = _dot(numbers.T, data).T if transpose else _dot(data, numbers)
    if encoding.selects:
        # The dot multiplies by zeros, too, which selects as long as no weight is infinite or NaN; the product shows if
        # one is. A select and a sum alone took 20 to 200 times as long on CPU.
        weights = data.T if transpose else data
        product = jax.lax.cond(
            jnp.isfinite(product).all(), lambda: product, lambda: _selected_sum(weights, x, encoding)
        )
    return product.astype(data.dtype)


def _dot(a: Any, b: Any) -> Any:
    # Widened beforehand: XLA on CPU has no batched dot of bfloat16 with a float32 result.
    wide = accumulator(a.dtype)
    return jnp.dot(a.astype(wide), b.astype(wide), precision=jax.lax.Precision.HIGHEST)


def _selected_sum(weights: Any, x: Any, encoding: Operand) -> Any:
    columns = x[None] if x.ndim == 1 else x.T
    sums = _sum_of_products(weights[None], columns[:, None, :], encoding)
    return sums[0] if x.ndim == 1 else sums.T


def _entries(structure: Any, format: str, shape: tuple[int, int], transpose: bool) -> tuple[Any, Any, Any]:
    """Index of every entry into the output and into the operand, and whether the latter exists."""
    entries = get_format(format).entries
    assert entries is not None
    row, col = map(within, entries(structure, shape), shape)
    target, source = (col, row) if transpose else (row, col)
    return target, source, source >= 0


def _slots(structure: Any, format: str, shape: tuple[int, int]) -> Any:
    """Where the weight of every entry is, -1 where there is none; None if they are in the order of entries."""
    fmt = get_format(format)
    weights = math.prod(fmt.data_shape(structure, shape))
    return None if fmt.slots is None else within(fmt.slots(structure, shape), weights)


def _take(x: Any, indices: Any) -> Any:
    """``x[indices]``, zero where the index is outside."""
    if x.shape[0] == 0:  # there is nothing to index, every index is outside
        return jnp.zeros((*indices.shape, *x.shape[1:]), x.dtype)
    return x.at[indices].get(mode="fill", fill_value=0, wrap_negative_indices=False)


def _columns(per_entry: Any, x: Any) -> Any:
    """A vector over the entries, shaped to multiply rows of ``x``."""
    return per_entry.reshape(per_entry.shape + (1,) * (x.ndim - 1))


def accumulator(dtype: Any) -> Any:
    """The dtype in which numbers of ``dtype`` are added up."""
    dtype = jnp.dtype(dtype)
    return dtype if dtype.itemsize >= 4 else jnp.dtype(jnp.float32)
