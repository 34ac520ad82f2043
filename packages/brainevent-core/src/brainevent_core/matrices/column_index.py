"""Matrices that can carry the column index, which makes products from their other side event-driven, too."""

from __future__ import annotations

from typing import Self

from brainevent_core.formats import CSC_INDEX
from brainevent_core.matrices.stored import StoredMatrix
from brainevent_core.ops import index_of_columns

__all__ = ["ColumnIndexed"]


class ColumnIndexed(StoredMatrix):
    """Base class of the matrices that are compressed along one side, and can be indexed along the other."""

    @property
    def has_csc_index(self) -> bool:
        """Whether the matrix carries the index."""
        return bool(self.__matrix_spec__.format.carries(CSC_INDEX))

    def with_csc_index(self) -> Self:
        """The same matrix with an index of its entries along the side that it is not compressed by.

        Kernels use it to make the other product, ``A @ spikes`` for :class:`CSR` and :class:`FixedPostNumConn` and
        ``spikes @ A`` for :class:`CSC` and :class:`FixedPreNumConn`, event-driven. It never changes a result. It takes
        8 bytes per entry and 4 per column (row), is computed once (on the host, unless inside ``jit``), and is carried
        along by ``with_data``, ``.T``, and every transform.

        Returns:
            A matrix that shares all arrays with this one; this one, if it has the index.

        Raises:
            MathError: for more entries than 32 bits count, unless JAX's 64-bit mode is on.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> weights = brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]])).with_csc_index()
            >>> weights.has_csc_index
            True
            >>> weights @ brainevent.BinaryArray(jnp.array([False, True]))
            Array([1., 3.], dtype=float32)
        """
        if self.has_csc_index:
            return self
        stored = self.__matrix_spec__
        index = index_of_columns(stored)
        children = (self.data, *self._structure, *index)
        return self.tree_unflatten((self.shape, stored.format.with_component(CSC_INDEX)), children)

    build_weight_indices = with_csc_index
