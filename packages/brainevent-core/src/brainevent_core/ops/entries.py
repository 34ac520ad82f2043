"""Where the entries of a matrix stand, and how they add up to elements: what is not a product is made of this."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from brainevent_core._jax import replicate, replicated
from brainevent_core.errors import UnsupportedOperationError
from brainevent_core.formats import get_format, within
from brainevent_core.jitc import ConnectionRule
from brainevent_core.ops.spec import MatrixSpec
from brainevent_core.reference import accumulator

__all__ = ["Entries", "entries_of", "per_entry", "segment_sum"]


class Entries(NamedTuple):
    """The entries of a matrix, the right way round, in the shape of one weight per entry (or broadcasting to it).

    Attributes:
        row: the row of each.
        col: the column of each.
        exists: whether both are inside of the matrix; otherwise the entry does not exist.
    """

    row: Any
    col: Any
    exists: Any


def entries_of(stored: MatrixSpec) -> Entries:
    """The entries of a matrix in storage order.

    Raises:
        DTypeError: if index arrays have become floats.
        UnsupportedOperationError: if the matrix is generated, and has no entries to list.
    """
    if isinstance(stored.format, ConnectionRule):
        raise UnsupportedOperationError(
            "This operation needs entries that are stored, and those of just-in-time connectivity are not: write them "
            "down first, with `.tocsr()` or `.todense()`."
        )
    get_format(stored.format).require_integers(stored.structure)
    return _entries(stored.format, stored.shape, stored.transposed, replicate(stored.structure))


@partial(jax.jit, inline=True, static_argnums=(0, 1, 2))
def _entries(format: str, shape: tuple[int, int], transposed: bool, structure: tuple[Any, ...]) -> Entries:
    fmt = get_format(format)
    if fmt.entries is None:
        line, position = (jnp.arange(size, dtype=jnp.int32) for size in shape)
        return Entries(line[:, None], position[None, :], jnp.ones((1, 1), bool))
    per_entry = fmt.data_shape(structure, shape)
    line, position = (
        within(index, size).reshape(per_entry) for index, size in zip(fmt.entries(structure, shape), shape, strict=True)
    )
    exists = (line >= 0) & (position >= 0)
    return Entries(position, line, exists) if transposed else Entries(line, position, exists)


def per_entry(stored: MatrixSpec, data: Any) -> Any:
    """``data`` as one weight for each entry, if it is one for all."""
    return jnp.broadcast_to(data, get_format(stored.format).data_shape(stored.structure, stored.shape))


@replicated
def segment_sum(values: Any, at: Any, shape: tuple[int, ...]) -> Any:
    """The array of that shape to which values add up; those outside of it are dropped.

    Args:
        values: numbers; booleans add up to whether any is True, as in NumPy.
        at: one array of indices for each axis.
        shape: of the result.
    """
    wide = accumulator(values.dtype) if jnp.issubdtype(values.dtype, jnp.floating) else values.dtype
    elements = jnp.zeros(shape, wide).at[at]
    combine = elements.max if wide == jnp.bool_ else elements.add
    return combine(values.astype(wide), mode="drop", wrap_negative_indices=False).astype(values.dtype)
