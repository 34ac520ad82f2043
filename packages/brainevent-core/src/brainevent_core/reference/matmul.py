"""Products of a stored matrix with a vector or a matrix, and their adjoint, for every format and encoding.

With entries e = (row, col, weight) of the stored matrix A, and (out, in) = (row, col), or (col, row) if transposed:

- ``matmul``:  ``result[out] += weight · x[in]`` over all entries; for events ``weight · [x[in] is an event]``. If the
  encoding skips zeros, a silent row or column is left out rather than multiplied by zero, so its Inf or NaN weights
  have no effect;
- ``sddmm``: ``result[e] = y[out] · x[in]``, the derivative of ``<y, matmul(weight, x)>`` with respect to the weights.

x is decoded first, whatever its encoding. Sums of float16 and bfloat16 are accumulated in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from brainevent_core.encodings import Encoding
from brainevent_core.formats import Format, Shape, within

__all__ = [
    "OrientedEntries",
    "accumulator",
    "contribution",
    "entry_terms",
    "matmul",
    "oriented_entries",
    "sddmm",
    "sum_over_entries",
]


def matmul(data: Any, *structure_and_x: Any, format: Format, shape: Shape, transpose: bool, encoding: Encoding) -> Any:
    """``A @ x``, or ``A.T @ x`` if ``transpose``, for x that represents entries of shape (n,) or (n, batch)."""
    *structure, x = structure_and_x
    x = encoding.decode(x, shape[0] if transpose else shape[1])
    if format.stores_all:
        return _dense_matmul(data, x, encoding, transpose=transpose)
    entries = oriented_entries(structure, format, shape, transpose)
    length, homogeneous = shape[1] if transpose else shape[0], format.is_homogeneous(data)
    return sum_over_entries(data.reshape(-1), entries, x, length, encoding, homogeneous=homogeneous)


def sum_over_entries(
    weights: Any, entries: OrientedEntries, x: Any, length: int, encoding: Encoding, *, homogeneous: bool
) -> Any:
    """The product with ``length`` rows, from the entries, the weights as a vector, and decoded x."""
    terms = entry_terms(weights, entries, x, encoding, homogeneous=homogeneous)
    out = jnp.zeros((length, *x.shape[1:]), terms.dtype)
    return out.at[entries.target].add(terms, mode="drop", wrap_negative_indices=False).astype(weights.dtype)


def entry_terms(weights: Any, entries: OrientedEntries, x: Any, encoding: Encoding, *, homogeneous: bool) -> Any:
    """The term that each entry adds to its target, in the dtype of sums."""
    exists = entries.source >= 0
    if entries.weight is not None and not homogeneous:
        weights, exists = _take(weights, entries.weight), exists & (entries.weight >= 0)
    weights = _columns(weights, x).astype(accumulator(weights.dtype))
    return jnp.where(_columns(exists, x), contribution(weights, _take(x, entries.source), encoding), 0)


def sddmm(y: Any, *structure_and_x: Any, format: Format, shape: Shape, transpose: bool, encoding: Encoding) -> Any:
    """``y[out] · x[in]`` per entry, summed over the batch; y and x of shapes (m,) and (n,), or with (…, batch)."""
    *structure, x = structure_and_x
    x = encoding.decode(x, shape[0] if transpose else shape[1])
    if not encoding.event:
        x = x.astype(y.dtype)
    if format.stores_all:
        ys, xs = (v[:, None] if v.ndim == 1 else v for v in (y, x))
        if not encoding.selects:
            return (_dot(xs, ys.T) if transpose else _dot(ys, xs.T)).astype(y.dtype)
        products = _sum_of_products(ys[:, None, :], xs[None, :, :], encoding)
        return (products.T if transpose else products).astype(y.dtype)
    entries = oriented_entries(structure, format, shape, transpose)
    y_at, x_at = _take(y, entries.target), _take(x, entries.source)
    if y_at.ndim == 1:
        y_at, x_at = y_at[:, None], x_at[:, None]
    products = _sum_of_products(y_at, x_at, encoding)
    per_entry = jnp.where((entries.target >= 0) & (entries.source >= 0), products, 0)
    if entries.weight is not None:
        zeros = jnp.zeros_like(per_entry)
        per_entry = zeros.at[entries.weight].add(per_entry, mode="drop", wrap_negative_indices=False)
    return per_entry.reshape(format.weights_shape(structure, shape)).astype(y.dtype)


def contribution(weights: Any, x: Any, encoding: Encoding) -> Any:
    """``weights · x``, elementwise and in the dtype of the weights, for decoded entries x."""
    if encoding.event:
        return jnp.where(x, weights, 0)
    products = weights * x.astype(weights.dtype)
    return jnp.where(x != 0, products, 0) if encoding.selects else products


class OrientedEntries(NamedTuple):
    """The entries in the orientation of a product; indices and positions that are outside are -1.

    Attributes:
        target: index of every entry into the result.
        source: index of every entry into x.
        weight: position of its weight; None if entry k has weight k.
    """

    target: Any
    source: Any
    weight: Any


def oriented_entries(structure: Any, format: Format, shape: Shape, transpose: bool) -> OrientedEntries:
    """The entries of a stored matrix, or of its transpose."""
    row, col, weight = format.entries(structure, shape)
    row, col = within(row, shape[0]), within(col, shape[1])
    weight = None if weight is None else within(weight, format.nse(structure, shape))
    return OrientedEntries(col, row, weight) if transpose else OrientedEntries(row, col, weight)


def _sum_of_products(y: Any, x: Any, encoding: Encoding) -> Any:
    """Sum of ``y · x`` over the last axis."""
    return jnp.sum(contribution(y.astype(accumulator(y.dtype)), x, encoding), axis=-1)


def _dense_matmul(data: Any, x: Any, encoding: Encoding, *, transpose: bool) -> Any:
    numbers = x.astype(data.dtype)
    # Not `data.T @ x`, for which XLA on CPU takes 60 times as long.
    product = _dot(numbers.T, data).T if transpose else _dot(data, numbers)
    if encoding.selects:
        # The dot product also multiplies by zeros, which has the same effect as skipping them if no weight is infinite
        # or NaN; otherwise the product isn't finite. A select and a sum alone took 20 to 200 times as long on CPU.
        weights = data.T if transpose else data
        product = _finite_or(product, lambda weights, x: _selected_sum(weights, x, encoding), weights, x)
    return product.astype(data.dtype)


def _finite_or(product: Any, slow: Callable[..., Any], *operands: Any) -> Any:
    """``product`` if all of it is finite, otherwise ``slow(*operands)``.

    Under ``vmap``, one branch runs for the whole batch; a plain ``cond`` would become a select that always runs both.
    """

    @jax.custom_batching.custom_vmap
    def choose(product: Any, *operands: Any) -> Any:
        return jax.lax.cond(jnp.isfinite(product).all(), lambda: product, lambda: slow(*operands))

    @choose.def_vmap
    def choose_for_batch(size: int, mapped: Sequence[bool], product: Any, *operands: Any) -> Any:
        if not mapped[0]:
            product = jnp.broadcast_to(product, (size, *product.shape))
        axes = [0 if is_mapped else None for is_mapped in mapped[1:]]
        return _finite_or(product, jax.vmap(slow, in_axes=axes, axis_size=size), *operands), True

    return choose(product, *operands)


def _dot(a: Any, b: Any) -> Any:
    # Widened beforehand: XLA on CPU has no batched dot of bfloat16 with a float32 result.
    wide = accumulator(a.dtype)
    return jnp.dot(a.astype(wide), b.astype(wide), precision=jax.lax.Precision.HIGHEST)


def _selected_sum(weights: Any, x: Any, encoding: Encoding) -> Any:
    columns = x[None] if x.ndim == 1 else x.T
    sums = _sum_of_products(weights[None], columns[:, None, :], encoding)
    return sums[0] if x.ndim == 1 else sums.T


def _take(x: Any, indices: Any) -> Any:
    """``x[indices]``, zero where the index is outside."""
    if x.shape[0] == 0:  # there is nothing to index, every index is outside
        return jnp.zeros((*indices.shape, *x.shape[1:]), x.dtype)
    return x.at[indices].get(mode="fill", fill_value=0, wrap_negative_indices=False)


def _columns(per_entry: Any, x: Any) -> Any:
    """A vector over the entries, shaped to multiply rows of ``x``."""
    return per_entry.reshape(per_entry.shape + (1,) * (x.ndim - 1))


def accumulator(dtype: Any) -> Any:
    """The dtype in which numbers of ``dtype`` are accumulated."""
    dtype = jnp.dtype(dtype)
    return dtype if dtype.itemsize >= 4 else jnp.dtype(jnp.float32)
