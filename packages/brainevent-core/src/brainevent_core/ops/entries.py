"""The row, column and weight of each entry, and sums over them, which all operations except products use."""

from functools import partial, singledispatch
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from brainevent_core._jax import INLINED, replicate, replicated
from brainevent_core.errors import UnsupportedOperationError
from brainevent_core.formats import Format, InBlocks, Shape, index_dtype, within
from brainevent_core.jitc import ConnectionRule
from brainevent_core.ops.spec import MatrixSpec
from brainevent_core.ops.split import not_in_blocks
from brainevent_core.reference import accumulator

__all__ = ["MatrixEntries", "broadcast_weights", "entries_of", "segment_sum", "widened"]


class MatrixEntries(NamedTuple):
    """The entries of a matrix in its own orientation, in the shape of one weight per entry (or broadcasting to it).

    Attributes:
        row: row of each entry.
        col: column of each entry.
        exists: whether row and column are inside the matrix; otherwise the entry does not exist.
        weight: position of the weight in the flattened data; None if entry k has weight k, or all share one weight. An
            entry whose position is outside the data does not exist.
    """

    row: Any
    col: Any
    exists: Any
    weight: Any = None


def entries_of(spec: MatrixSpec) -> MatrixEntries:
    """The entries of a matrix in storage order.

    Raises:
        DTypeError: if index arrays have become floats.
        MathError: if an axis is too long for JAX's integers.
        UnsupportedOperationError: if the matrix is generated, or in blocks.
    """
    return _entries_of(spec.format, spec)


@singledispatch
def _entries_of(format: Any, spec: MatrixSpec) -> MatrixEntries:
    raise UnsupportedOperationError(f"Matrices of the kind {type(format).__name__} list no entries.")


@_entries_of.register
def _generated(rule: ConnectionRule, spec: MatrixSpec) -> MatrixEntries:
    raise UnsupportedOperationError(
        "This operation needs entries that are stored, and those of just-in-time connectivity are not: materialise the "
        "matrix first, with `.tocsr()` or `.todense()`."
    )


@_entries_of.register
def _in_blocks(format: InBlocks, spec: MatrixSpec) -> MatrixEntries:
    raise not_in_blocks("list of all its entries, which this operation needs")


@_entries_of.register
def _stored(format: Format, spec: MatrixSpec) -> MatrixEntries:
    format.require_integers(spec.structure)
    if not format.stores_all:
        index_dtype(*spec.shape)
    entries = _oriented(format, spec.shape, spec.transposed, replicate(spec.structure))
    if entries.weight is None or spec.is_homogeneous:
        return entries._replace(weight=None)
    return entries._replace(exists=entries.exists & (entries.weight >= 0))


@partial(jax.jit, inline=INLINED, static_argnums=(0, 1, 2))
def _oriented(format: Format, shape: Shape, transposed: bool, structure: tuple[Any, ...]) -> MatrixEntries:
    if format.stores_all:
        row, col = (jnp.arange(size, dtype=jnp.int32) for size in shape)
        row, col, exists, weight = row[:, None], col[None, :], jnp.ones((1, 1), bool), None
    else:
        per_entry = format.weights_shape(structure, shape)
        entries = format.entries(structure, shape)
        row, col = (within(index, size).reshape(per_entry) for index, size in zip(entries[:2], shape, strict=True))
        exists, weight = (row >= 0) & (col >= 0), entries.weight
        if weight is not None:
            weight = within(weight, format.nse(structure, shape)).reshape(per_entry)
    return MatrixEntries(col, row, exists, weight) if transposed else MatrixEntries(row, col, exists, weight)


def broadcast_weights(spec: MatrixSpec, data: Any) -> Any:
    """One weight per entry, in the order of entries: ``data``, broadcast, or gathered by the positions of weights.

    An entry whose weight does not exist has the weight 0.
    """
    weight = entries_of(spec._replace(data=data)).weight
    per_entry = spec.format.weights_shape(spec.structure, spec.shape)
    if weight is None:
        return jnp.broadcast_to(data, per_entry)
    return data.reshape(-1).at[weight].get(mode="fill", fill_value=0, wrap_negative_indices=False)


def widened(weights: Any) -> Any:
    """Weights in the dtype of their sums: integers narrower than 32 bits become 32-bit, to hold sums of duplicates."""
    if not jnp.issubdtype(weights.dtype, jnp.integer) or weights.dtype.itemsize >= 4:
        return weights
    return weights.astype(jnp.int32 if jnp.issubdtype(weights.dtype, jnp.signedinteger) else jnp.uint32)


@replicated
def segment_sum(values: Any, at: Any, shape: tuple[int, ...]) -> Any:
    """Scatter-add values to zeros of the given shape; values outside are dropped.

    Args:
        values: numbers. Booleans are combined by logical or, as in NumPy. Integers narrower than 32 bits are summed in
            32 bits, as in NumPy and JAX.
        at: one array of indices for each axis.
        shape: shape of the result.
    """
    values = widened(values)
    wide = accumulator(values.dtype) if jnp.issubdtype(values.dtype, jnp.floating) else values.dtype
    elements = jnp.zeros(shape, wide).at[at]
    combine = elements.max if wide == jnp.bool_ else elements.add
    return combine(values.astype(wide), mode="drop", wrap_negative_indices=False).astype(values.dtype)
