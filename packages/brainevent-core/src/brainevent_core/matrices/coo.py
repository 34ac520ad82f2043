"""Coordinates: a list of entries in any order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from brainevent_core import units
from brainevent_core._jax import replicated
from brainevent_core._typing import Array, ArrayLike, QuantityLike
from brainevent_core.formats import COO_FORMAT, Split
from brainevent_core.matrices.annotations import annotated, annotations_of, taken, turned
from brainevent_core.matrices.arguments import dense_parts, nonzero
from brainevent_core.matrices.stored import StoredMatrix
from brainevent_core.ops import coordinate_order, require_whole

__all__ = ["COO"]


class COO(StoredMatrix):
    """Coordinates: entry k has weight ``data[k]`` at position ``(row[k], col[k])``; duplicates add up.

    Args:
        data: weights, ``(nse,)``, or one for all (a scalar or ``(1,)``); numbers, an array or a quantity.
        row: row of every entry, ``(nse,)``, any integer dtype.
        col: column of every entry, ``(nse,)``, any integer dtype.
        shape: (rows, columns).
        rows_sorted: declares that ``row`` does not decrease.
        cols_sorted: declares that ``col`` does not decrease.
        delay: delays of events in steps, see :meth:`with_delay`.
        check: whether to check the values of ``row`` and ``col``; see :class:`CSR`.
        split: splits the matrix into blocks over devices, see :func:`brainevent.sharding.shard`.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> weights = brainevent.COO((2.0, jnp.array([0, 1]), jnp.array([1, 0])), shape=(2, 2))
        >>> weights @ brainevent.BinaryArray(jnp.array([True, False]))
        Array([0., 2.], dtype=float32)
    """

    _format = COO_FORMAT
    rows_sorted: bool
    cols_sorted: bool

    def __init__(
        self,
        data: QuantityLike,
        row: ArrayLike | None = None,
        col: ArrayLike | None = None,
        *,
        shape: Sequence[int],
        rows_sorted: bool = False,
        cols_sorted: bool = False,
        delay: ArrayLike | None = None,
        check: bool = True,
        split: Split | None = None,
    ) -> None:
        super().__init__(data, row, col, shape=shape, delay=delay, check=check, split=split)
        self._set_sorted(rows_sorted, cols_sorted)

    def _set_sorted(self, rows_sorted: bool, cols_sorted: bool) -> None:
        object.__setattr__(self, "rows_sorted", bool(rows_sorted))
        object.__setattr__(self, "cols_sorted", bool(cols_sorted))

    def _set(self, data: Any, structure: tuple[Any, ...], *static: Any) -> None:
        super()._set(data, structure, *static)
        self._set_sorted(*static[2:] or (False, False))

    @property
    def _static(self) -> tuple[Any, ...]:
        return *super()._static, self.rows_sorted, self.cols_sorted

    @property
    def row(self) -> Array:
        """Row of every entry, ``(nse,)``."""
        return self._structure[0]

    @property
    def col(self) -> Array:
        """Column of every entry, ``(nse,)``."""
        return self._structure[1]

    @replicated
    def sort_indices(self) -> COO:
        """The same matrix with its entries sorted by row, then by column; duplicates keep their order.

        Example:
            >>> import brainevent
            >>> brainevent.COO([1.0, 2.0, 3.0], [1, 0, 0], [0, 1, 0], shape=(2, 2)).sort_indices().data
            Array([3., 2., 1.], dtype=float32)
        """
        require_whole(self.__matrix_spec__.format, "order of all its entries")
        self._format.require_integers(self._structure)
        if self.__matrix_spec__.changes_entries:
            return self.tocoo().sort_indices()
        order = coordinate_order(self.row, self.col)
        data = self.data if self.data.size == 1 else self.data[order]
        spec = self.__matrix_spec__
        aux = (self.shape, spec.unannotated.format, True, False)
        ordered = COO.tree_unflatten(aux, (data, self.row[order], self.col[order]))
        return annotated(ordered, taken(annotations_of(spec), order))

    def _transpose(self) -> COO:
        spec = self.__matrix_spec__
        aux = (self.shape[::-1], spec.unannotated.format.turned, self.cols_sorted, self.rows_sorted)
        _, _, *further = spec.unannotated.structure
        transposed = COO.tree_unflatten(aux, (self.data, self.col, self.row, *further))
        return annotated(transposed, turned(annotations_of(spec), spec.format))

    @classmethod
    def fromdense(cls, dense: QuantityLike, *, nse: int | None = None) -> Self:
        """Convert a dense array or quantity, see :meth:`CSR.fromdense`."""
        elements, unit = dense_parts(dense)
        values, row, col = nonzero(elements, nse)
        return cls(units.attach(values, unit), row, col, shape=elements.shape, rows_sorted=True, check=False)
