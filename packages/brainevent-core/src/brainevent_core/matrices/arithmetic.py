"""Operators between matrices, numbers and arrays, the same for every format that stores entries.

``+`` and ``-`` with an array give an array, comparisons an array of booleans. All others act on the entries and keep
the format: an element without an entry stays without. What is not linear in the entries has to see the sum of those at
one place, see :mod:`brainevent_core.matrices.duplicates`.
"""

import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._jax import replicate
from brainevent_core.errors import MathError, UnsupportedOperationError
from brainevent_core.matrices.duplicates import first_of_place, is_first, may_repeat, totals
from brainevent_core.ops import MatrixSpec, broadcast_weights, entries_of
from brainevent_core.ops.matmul import as_array

__all__ = ["Arithmetic"]

_Operator = Callable[[Any, Any], Any]


def _method(combine: Callable[..., Any], op: _Operator, *, reflected: bool = False, **options: Any) -> Any:
    """A method for an operator. ``combine`` sees the operands in their order: the matrix is the first, or the last."""
    ordered = (lambda mine, other: op(other, mine)) if reflected else op

    def method(self: Any, other: Any) -> Any:
        try:
            other = _operand(other)
        except TypeError:
            return NotImplemented  # Python asks the other side then
        # What acts on the weights alone leaves them split over a mesh as they are.
        if hasattr(other, "__matrix_spec__") or (not isinstance(other, units.Unit) and np.ndim(other) > 0):
            self, other = replicate((self, other))
        return combine(self, other, ordered, **options)

    return method


def _operand(other: Any) -> Any:
    """A matrix, a unit, a Python number (which is of no dtype of its own), or an array or quantity."""
    if isinstance(other, (bool, int, float, complex, units.Unit)) or hasattr(other, "__matrix_spec__"):
        return other
    if isinstance(other, (str, bytes)):
        raise TypeError("Text is no number.")
    return as_array(other.value if hasattr(other, "__event_spec__") else other)


def _entrywise(matrix: Any, other: Any, op: _Operator, *, linear: bool) -> Any:
    """``op`` on the entries, with a number, an array, or a matrix of the same structure."""
    if hasattr(other, "__matrix_spec__"):
        if same_structure(matrix, other):
            return _on_entries(matrix, op, other, linear=False)
        other = _elements(matrix, other)
    return _on_entries(matrix, op, _at_entries(matrix, other), linear=linear)


def _sum(matrix: Any, other: Any, op: _Operator) -> Any:
    """``op``, which is + or -, on the entries of matrices of the same structure, and on all elements otherwise."""
    if hasattr(other, "__matrix_spec__"):
        if same_structure(matrix, other):
            return _on_entries(matrix, op, other, linear=True)
        other = _elements(matrix, other)
    _require_broadcast(matrix, other)
    return op(matrix.todense(), other)


def _compare(matrix: Any, other: Any, op: _Operator) -> Any:
    """An array of booleans, one for each element."""
    other = other.todense() if hasattr(other, "__matrix_spec__") else other
    _require_broadcast(matrix, other)
    return op(matrix.todense(), other)


def _power(matrix: Any, exponent: Any, op: _Operator) -> Any:
    if isinstance(exponent, jax.core.Tracer) or not isinstance(exponent, (int, float)) or exponent <= 0:
        raise UnsupportedOperationError(
            f"{type(matrix).__name__} ** {exponent!r}: with a positive Python number, elements without an entry stay "
            "zero. For others use `.todense() ** ...`, or `.apply(...)` for the entries alone."
        )
    return _on_entries(matrix, lambda data: op(data, exponent), linear=False)


class Arithmetic:
    """The operators of a matrix, which has ``__matrix_spec__``, ``shape``, ``data``, ``todense`` and ``_replace``."""

    __matrix_spec__: MatrixSpec
    shape: tuple[int, int]
    data: Any
    _replace: Callable[[Any], Any]
    with_data: Callable[..., Any]

    __mul__ = _method(_entrywise, operator.mul, linear=True)
    __rmul__ = _method(_entrywise, operator.mul, linear=True, reflected=True)
    __truediv__ = _method(_entrywise, operator.truediv, linear=True)
    __rtruediv__ = _method(_entrywise, operator.truediv, linear=False, reflected=True)
    __floordiv__ = _method(_entrywise, operator.floordiv, linear=False)
    __rfloordiv__ = _method(_entrywise, operator.floordiv, linear=False, reflected=True)
    __mod__ = _method(_entrywise, operator.mod, linear=False)
    __rmod__ = _method(_entrywise, operator.mod, linear=False, reflected=True)
    __pow__ = _method(_power, operator.pow)
    __add__ = _method(_sum, operator.add)
    __radd__ = _method(_sum, operator.add, reflected=True)
    __sub__ = _method(_sum, operator.sub)
    __rsub__ = _method(_sum, operator.sub, reflected=True)
    __lt__ = _method(_compare, operator.lt)
    __le__ = _method(_compare, operator.le)
    __gt__ = _method(_compare, operator.gt)
    __ge__ = _method(_compare, operator.ge)

    def __pos__(self) -> Any:
        return self

    def __neg__(self) -> Any:
        return self._replace(-self.data)

    def __abs__(self) -> Any:
        # Entries of one weight never cancel.
        return _on_entries(self, abs, linear=self.data.size == 1)

    def astype(self, dtype: Any) -> Any:
        """The same matrix with weights of another dtype."""
        return self._replace(self.data.astype(dtype))

    def apply(self, fn: Callable[[Any], Any]) -> Any:
        """The same structure with the weights ``fn(data)``.

        ``fn`` sees the stored weights as they are, in the shape of ``data``, which it must keep; entries at the same
        place add up afterwards.

        Raises:
            MathError: if the shape changes.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> weights = brainevent.CSR.fromdense(jnp.array([[0.0, 4.0], [9.0, 0.0]]))
            >>> weights.apply(jnp.sqrt).todense()
            Array([[0., 2.],
                   [3., 0.]], dtype=float32)
        """
        return self.with_data(fn(self.data))


def same_structure(one: Any, other: Any) -> bool:
    """Whether two matrices have the same entries in the same order, as far as can be seen: by the identity of their
    arrays, or by the values of concrete ones."""
    if type(one) is not type(other) or one.shape != other.shape:
        return False
    # The column index is derived from what comes before it.
    own = slice(len(one._format.structure))
    return all(_same_array(mine, theirs) for mine, theirs in zip(one._structure[own], other._structure[own]))


def _same_array(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, jax.core.Tracer) or isinstance(other, jax.core.Tracer):
        return False
    return np.array_equal(np.asarray(one), np.asarray(other))


def _elements(matrix: Any, other: Any) -> Any:
    """All elements of another matrix, if it stores them all."""
    if other.__matrix_spec__.stores_all:
        return other.data
    if matrix.__matrix_spec__.stores_all:
        return other.todense()
    raise UnsupportedOperationError(
        f"{type(matrix).__name__} {matrix.shape} and {type(other).__name__} {other.shape} do not have the same "
        "structure, as far as can be seen: inside jit, one has to be the other's `with_data`. Use `.todense()` on one "
        "side."
    )


def _require_broadcast(matrix: Any, other: Any) -> None:
    """Raise a MathError unless an array broadcasts to the shape of a matrix, in front of which it may have axes."""
    shape = () if isinstance(other, units.Unit) else np.shape(units.detach(other)[0])
    if any(given not in (1, size) for given, size in zip(shape[::-1], matrix.shape[::-1])):
        raise MathError(f"An array of shape {tuple(shape)} does not broadcast to the matrix's shape {matrix.shape}.")


def _at_entries(matrix: Any, other: Any) -> Any:
    """A number, or the element of an array that stands at the place of each entry."""
    if isinstance(other, units.Unit) or np.ndim(other) == 0:
        return other
    mantissa, unit = units.detach(other)
    if mantissa.size == 1 and mantissa.ndim <= 2:
        return units.attach(mantissa.reshape(()), unit)
    if mantissa.ndim > 2:
        raise MathError(f"The entries of a matrix are combined with arrays of up to two axes, got {mantissa.shape}.")
    _require_broadcast(matrix, mantissa)
    if matrix.__matrix_spec__.stores_all:
        return other
    elements = jnp.atleast_2d(mantissa)
    if elements.size == 0:
        return units.attach(jnp.ones((), elements.dtype), unit)
    row, col, *_ = entries_of(matrix.__matrix_spec__)
    at = tuple(0 if size == 1 else index for size, index in zip(elements.shape, (row, col)))
    found = elements.at[at].get(mode="fill", fill_value=1, wrap_negative_indices=False)
    return units.attach(found, unit)


def _on_entries(matrix: Any, op: Callable[..., Any], *others: Any, linear: bool) -> Any:
    """The matrix with the weights ``op(data, *others)``. Others are values, or matrices of the same structure."""
    stored = matrix.__matrix_spec__
    if stored.weights_are_permuted:
        raise UnsupportedOperationError(
            f"The weights of this {type(matrix).__name__} are in another order than its entries; use `.tocoo()`."
        )
    if linear or not may_repeat(stored):
        return matrix._replace(
            op(*(value.data if hasattr(value, "__matrix_spec__") else value for value in (matrix, *others)))
        )
    first = first_of_place(stored)

    def summed(value: Any) -> Any:
        if not hasattr(value, "__matrix_spec__"):
            return value
        data, unit = units.detach(value.data)
        return units.attach(totals(first, broadcast_weights(stored, data)), unit)

    combined, unit = units.detach(op(*map(summed, (matrix, *others))))
    at_first = is_first(first).reshape(combined.shape)
    return matrix._replace(units.attach(jnp.where(at_first, combined, 0), unit))
