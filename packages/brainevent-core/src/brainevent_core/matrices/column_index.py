"""Matrices with an optional column index, which makes products in their other direction event-driven."""

from __future__ import annotations

from typing import Self

from brainevent_core.formats import CSC_INDEX
from brainevent_core.matrices.stored import StoredMatrix
from brainevent_core.ops import index_of_columns

__all__ = ["ColumnIndexed"]


class ColumnIndexed(StoredMatrix):
    """Base class of the matrices that are compressed along one axis and can be indexed along the other."""

    @property
    def has_csc_index(self) -> bool:
        """Whether the matrix has the column index."""
        return bool(self.__matrix_spec__.format.carries(CSC_INDEX))

    def with_csc_index(self) -> Self:
        """The same matrix with an index of its entries along the axis by which it is not compressed.

        With the index, the other product (``A @ spikes`` for :class:`CSR` and :class:`FixedPostNumConn`, ``spikes @ A``
        for :class:`CSC` and :class:`FixedPreNumConn`) is event-driven as well. It never changes a result. The index
        takes 8 bytes per entry and 4 per column (row) and is computed once (on the host, unless inside ``jit``);
        ``with_data``, ``.T``, and every transformation keep it.

        Returns:
            A matrix that shares all arrays with this one; the matrix itself if it already has the index.

        Raises:
            MathError: for more entries than 32-bit integers can count, unless JAX's 64-bit mode is on.

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
