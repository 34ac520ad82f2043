"""Dense matrices, which store every element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import jax

from brainevent_core import units
from brainevent_core._typing import Array, Quantity, QuantityLike
from brainevent_core.errors import MathError
from brainevent_core.formats import DENSE_FORMAT, Split
from brainevent_core.matrices.arguments import as_data
from brainevent_core.matrices.stored import StoredMatrix
from brainevent_core.ops import require_whole

__all__ = ["Dense"]


def _transposed(elements: Any) -> Any:
    if isinstance(elements, jax.ShapeDtypeStruct):  # of jax.eval_shape
        *blocks, rows, columns = elements.shape
        return jax.ShapeDtypeStruct((*blocks, columns, rows), elements.dtype)
    return elements.swapaxes(-2, -1)


class Dense(StoredMatrix):
    """A dense matrix with the interface of the sparse classes. In products, a plain array can be used as well.

    Args:
        data: the elements, (rows, columns): an array or a quantity.
        shape: the shape of ``data``, for consistency with the other classes.
        split: splits the matrix into blocks over devices, see :func:`brainevent.sharding.shard`.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weights = brainevent.Dense(jnp.array([[1.0, 2.0], [3.0, 4.0]]))
        >>> brainevent.BinaryArray(jnp.array([True, True])) @ weights
        Array([4., 6.], dtype=float32)
    """

    _format = DENSE_FORMAT

    def __init__(self, data: QuantityLike, *, shape: Sequence[int] | None = None, split: Split | None = None) -> None:
        if isinstance(data, tuple) and len(data) == 1:
            (data,) = data
        data = as_data(data)
        if data.ndim != 2:
            raise MathError(f"Dense takes a matrix, got an array of shape {tuple(data.shape)}.")
        super().__init__(data, shape=tuple(data.shape) if shape is None else shape, split=split)

    def _transpose(self) -> Dense:
        # Not the constructor: the elements can be abstract.
        static = self.shape[::-1], self.__matrix_spec__.format.turned
        return Dense.tree_unflatten(static, (jax.tree.map(_transposed, self.data),))

    def todense(self) -> Array | Quantity:
        """The elements."""
        require_whole(self.__matrix_spec__.format, "array of all its elements")
        return self.data

    @classmethod
    def fromdense(cls, dense: QuantityLike, *, nse: int | None = None) -> Self:
        """The same as the constructor; ``nse``, if given, must be at least the number of elements."""
        size = units.detach(as_data(dense))[0].size
        if nse is not None and nse < size:
            raise MathError(f"A dense matrix stores all of its {size} elements, more than nse={nse}.")
        return cls(dense)
