"""From one format to another. No conversion adds up duplicates or drops entries, so that all work inside ``jit``."""

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from brainevent_core import units
from brainevent_core._jax import replicated
from brainevent_core.errors import MathError
from brainevent_core.formats import signed
from brainevent_core.ops import MatrixSpec, compressed, coordinates

if TYPE_CHECKING:
    from brainevent_core.matrices.coo import COO
    from brainevent_core.matrices.csr import CSC, CSR

__all__ = ["Convertible"]


class Convertible:
    """Conversions of a matrix, which has ``__matrix_spec__``, ``shape`` and ``data``.

    A homogeneous weight stays one. Entries that do not exist stay so. The format that the matrix has already gives the
    matrix itself.
    """

    __matrix_spec__: MatrixSpec
    shape: tuple[int, int]
    data: Any

    @property
    def nse(self) -> int:
        raise NotImplementedError

    @replicated
    def tocoo(self, *, nse: int | None = None) -> "COO":
        """The entries as a list of coordinates, in the order in which they are stored.

        Args:
            nse: number of slots, not less than there are entries; surplus ones point outside of the matrix. A dense
                matrix inside ``jit`` needs it.

        Raises:
            MathError: if there are more entries than ``nse``.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]])).tocoo().col
            Array([1, 0, 1], dtype=int32)
        """
        from brainevent_core.matrices.coo import COO  # these modules import this one

        stored = self.__matrix_spec__
        if stored.stores_all:
            return COO.fromdense(self.data, nse=nse)
        if nse is None and isinstance(self, COO):
            return self
        row, col = coordinates(stored)
        sorted_by_line = stored.format.rows_of(stored.structure, stored.shape) is not None
        return COO(
            self._padded(_flat(self.data), nse),
            self._padded(row, nse, outside=self.shape[0]),
            self._padded(col, nse, outside=self.shape[1]),
            shape=self.shape,
            rows_sorted=sorted_by_line and not stored.transposed,
            cols_sorted=sorted_by_line and stored.transposed,
            check=False,
        )

    @replicated
    def tocsr(self, *, nse: int | None = None) -> "CSR":
        """The entries compressed by rows, each row in the order in which it is stored; see :meth:`tocoo`."""
        from brainevent_core.matrices.csr import CSR

        if self.__matrix_spec__.stores_all:
            return CSR.fromdense(self.data, nse=nse)
        return self if nse is None and isinstance(self, CSR) else CSR(*self._by_lines(0, nse), **self._unchecked)

    @replicated
    def tocsc(self, *, nse: int | None = None) -> "CSC":
        """The entries compressed by columns, each in the order in which it is stored; see :meth:`tocoo`."""
        from brainevent_core.matrices.csr import CSC

        if self.__matrix_spec__.stores_all:
            return CSC.fromdense(self.data, nse=nse)
        return self if nse is None and isinstance(self, CSC) else CSC(*self._by_lines(1, nse), **self._unchecked)

    @property
    def _unchecked(self) -> dict[str, Any]:
        return {"shape": self.shape, "check": False}

    def _by_lines(self, axis: int, nse: int | None) -> tuple[Any, Any, Any]:
        weight, indices, indptr = compressed(self.__matrix_spec__, axis)
        data = _flat(self.data)
        if weight is not None and data.size != 1:
            data = data[weight]
        return self._padded(data, nse), self._padded(indices, nse, outside=self.shape[1 - axis]), indptr

    def _padded(self, array: Any, nse: int | None, *, outside: int | None = None) -> Any:
        """Weights or indices with slots that are not used behind them, up to ``nse``."""
        one_for_all = outside is None and self.data.size == 1
        if nse is None or one_for_all:
            return array
        surplus = nse - self.nse
        if surplus < 0:
            raise MathError(f"The matrix has {self.nse} entries, more than nse={nse}; some would be lost.")
        if outside is not None:
            return jnp.pad(signed(array), (0, surplus), constant_values=outside)
        mantissa, unit = units.detach(array)
        return units.attach(jnp.pad(mantissa, (0, surplus)), unit)


def _flat(data: Any) -> Any:
    return data.reshape(-1)
