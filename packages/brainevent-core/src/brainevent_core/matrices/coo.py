"""Coordinates: a list of entries in any order."""

from typing import Any, Self

from brainevent_core import units
from brainevent_core._jax import replicated
from brainevent_core.formats import COO_FORMAT
from brainevent_core.matrices.base import DataRepresentation, dense_parts, nonzero
from brainevent_core.ops import coordinate_order

__all__ = ["COO"]


class COO(DataRepresentation):
    """Coordinates: entry k has weight ``data[k]`` and stands at ``(row[k], col[k])``; duplicates add up.

    Args:
        data: weights, ``(nse,)``, or one for all (a scalar or ``(1,)``); numbers, an array or a quantity.
        row: row of every entry, ``(nse,)``, any integer dtype.
        col: column of every entry, ``(nse,)``, any integer dtype.
        shape: (rows, columns).
        rows_sorted: promise that ``row`` does not decrease.
        cols_sorted: promise that ``col`` does not decrease.
        check: whether to look at the values of ``row`` and ``col``; see :class:`CSR`.

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
        data: Any,
        *structure: Any,
        shape: Any = None,
        rows_sorted: bool = False,
        cols_sorted: bool = False,
        check: bool = True,
        **named: Any,
    ) -> None:
        super().__init__(data, *structure, shape=shape, check=check, **named)
        self._set_sorted(rows_sorted, cols_sorted)

    def _set_sorted(self, rows_sorted: bool, cols_sorted: bool) -> None:
        object.__setattr__(self, "rows_sorted", bool(rows_sorted))
        object.__setattr__(self, "cols_sorted", bool(cols_sorted))

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        children, aux = super().tree_flatten()
        return children, (aux, self.rows_sorted, self.cols_sorted)

    @classmethod
    def tree_unflatten(cls, aux: Any, children: Any) -> Self:
        aux, rows_sorted, cols_sorted = aux
        self = super().tree_unflatten(aux, children)
        self._set_sorted(rows_sorted, cols_sorted)
        return self

    @property
    def row(self) -> Any:
        """Row of every entry, ``(nse,)``."""
        return self._structure[0]

    @property
    def col(self) -> Any:
        """Column of every entry, ``(nse,)``."""
        return self._structure[1]

    @replicated
    def sort_indices(self) -> "COO":
        """The same matrix with its entries sorted by row, then by column; duplicates keep their order.

        Example:
            >>> import brainevent
            >>> brainevent.COO([1.0, 2.0, 3.0], [1, 0, 0], [0, 1, 0], shape=(2, 2)).sort_indices().data
            Array([3., 2., 1.], dtype=float32)
        """
        self._format.require_integers(self._structure)
        order = coordinate_order(self.row, self.col)
        data = self.data if self.data.size == 1 else self.data[order]
        aux = ((self.shape, self.__matrix_spec__.format), True, False)
        return COO.tree_unflatten(aux, (data, self.row[order], self.col[order]))

    def _transpose(self) -> "COO":
        aux = ((self.shape[::-1], self.__matrix_spec__.format), self.cols_sorted, self.rows_sorted)
        return COO.tree_unflatten(aux, (self.data, self.col, self.row))

    @classmethod
    def fromdense(cls, dense: Any, *, nse: int | None = None) -> Self:
        """From a dense array or quantity, see :meth:`CSR.fromdense`."""
        elements, unit = dense_parts(dense)
        values, row, col = nonzero(elements, nse)
        return cls(units.attach(values, unit), row, col, shape=elements.shape, rows_sorted=True, check=False)
