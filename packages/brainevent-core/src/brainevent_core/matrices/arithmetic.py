"""Operators between matrices, numbers and arrays, the same for every class.

``+`` and ``-`` with an array give an array, comparisons an array of booleans. All others act on the entries and keep
the format: elements without an entry remain without. Operators that are not linear in the entries must act on the sum
of duplicates, see :mod:`brainevent_core.matrices.duplicates`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._jax import replicate
from brainevent_core._typing import Array, DTypeLike, OperandLike, Quantity, QuantityLike, Shape
from brainevent_core.errors import MathError, UnsupportedOperationError
from brainevent_core.ops import MatrixLike, MatrixSpec
from brainevent_core.ops.matmul import as_array, matrix_of

__all__ = ["Arithmetic"]

#: The other operand of an operator: numbers, arrays, quantities, units, events, matrices.
_Other: TypeAlias = OperandLike | units.Unit | MatrixLike

_Operator: TypeAlias = Callable[[Any, Any], Any]


class Arithmetic:
    """The operators of a matrix, in terms of the hooks :attr:`_identity`, :meth:`_on_entries`, :meth:`_at_entries`."""

    data: Array | Quantity
    shape: Shape
    __matrix_spec__: MatrixSpec

    @property
    def _identity(self) -> tuple[Any, Sequence[Any]]:
        """The static values and the arrays that determine the entries of a matrix of its class."""
        raise NotImplementedError

    def _on_entries(self, op: Callable[..., Any], *others: Any, linear: bool) -> Self:
        """The matrix with the weights ``op(data, *others)``. Others are values, or matrices of the same structure.

        ``linear``: whether ``op`` of a sum is the sum of ``op`` of its weights.
        """
        raise NotImplementedError

    def _at_entries(self, other: Array | Quantity) -> Array | Quantity:
        """The elements of an array, which broadcasts to the matrix, at the position of each entry."""
        raise NotImplementedError

    def todense(self) -> Array | Quantity:
        raise NotImplementedError

    def with_data(self, data: QuantityLike, /) -> Self:
        raise NotImplementedError

    def _replace(self, data: Any) -> Self:
        raise NotImplementedError

    # -- entry by entry ------------------------------------------------------------------------------------------

    def __mul__(self, other: _Other) -> Self:
        return _operate(_entrywise, self, other, operator.mul, linear=True)

    def __rmul__(self, other: _Other) -> Self:
        return _operate(_entrywise, self, other, _reflected(operator.mul), linear=True)

    def __truediv__(self, other: _Other) -> Self:
        return _operate(_entrywise, self, other, operator.truediv, linear=True)

    def __rtruediv__(self, other: _Other) -> Self:
        return _operate(_entrywise, self, other, _reflected(operator.truediv))

    def __floordiv__(self, other: _Other) -> Self:
        return _operate(_entrywise, self, other, operator.floordiv)

    def __rfloordiv__(self, other: _Other) -> Self:
        return _operate(_entrywise, self, other, _reflected(operator.floordiv))

    def __mod__(self, other: _Other) -> Self:
        return _operate(_entrywise, self, other, operator.mod)

    def __rmod__(self, other: _Other) -> Self:
        return _operate(_entrywise, self, other, _reflected(operator.mod))

    def __pow__(self, exponent: float) -> Self:
        return _operate(_power, self, exponent, operator.pow)

    def __pos__(self) -> Self:
        return self

    def __neg__(self) -> Self:
        return self._on_entries(operator.neg, linear=True)

    def __abs__(self) -> Self:
        # Duplicates of a homogeneous weight never cancel.
        return self._on_entries(abs, linear=self.data.size == 1)

    # -- element by element --------------------------------------------------------------------------------------

    def __add__(self, other: _Other) -> Self | Array | Quantity:
        return _operate(_sum, self, other, operator.add)

    def __radd__(self, other: _Other) -> Self | Array | Quantity:
        return _operate(_sum, self, other, _reflected(operator.add))

    def __sub__(self, other: _Other) -> Self | Array | Quantity:
        return _operate(_sum, self, other, operator.sub)

    def __rsub__(self, other: _Other) -> Self | Array | Quantity:
        return _operate(_sum, self, other, _reflected(operator.sub))

    def __lt__(self, other: _Other) -> Array:
        return _operate(_compare, self, other, operator.lt)

    def __le__(self, other: _Other) -> Array:
        return _operate(_compare, self, other, operator.le)

    def __gt__(self, other: _Other) -> Array:
        return _operate(_compare, self, other, operator.gt)

    def __ge__(self, other: _Other) -> Array:
        return _operate(_compare, self, other, operator.ge)

    # -- the weights alone ---------------------------------------------------------------------------------------

    def astype(self, dtype: DTypeLike) -> Self:
        """The same matrix with the weights converted to another dtype."""
        return self._replace(self.data.astype(dtype))

    def apply(self, fn: Callable[[Any], Any]) -> Self:
        """The same structure with the weights ``fn(data)``.

        ``fn`` gets the stored weights in the shape of ``data``, and must return weights that the structure can hold.
        Entries at the same position add up afterwards.

        Raises:
            MathError: if the structure can't hold the result.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> weights = brainevent.CSR.fromdense(jnp.array([[0.0, 4.0], [9.0, 0.0]]))
            >>> weights.apply(jnp.sqrt).todense()
            Array([[0., 2.],
                   [3., 0.]], dtype=float32)
        """
        return self.with_data(fn(self.data))


# -- how the operands are combined -------------------------------------------------------------------------------------


def _reflected(op: _Operator) -> _Operator:
    return lambda mine, other: op(other, mine)


def _operate(combine: Callable[..., Any], matrix: Any, other: Any, op: _Operator, **options: Any) -> Any:
    """``combine(matrix, other, op)``; NotImplemented if the other operand is not supported."""
    try:
        other = _operand(other)
    except TypeError:
        return NotImplemented  # Python then tries the other operand
    # Operations on the weights alone keep their sharding.
    if isinstance(other, Arithmetic) or (not isinstance(other, units.Unit) and np.ndim(other) > 0):
        matrix, other = replicate((matrix, other))
    return combine(matrix, other, op, **options)


def _operand(other: Any) -> Any:
    """A matrix, a unit, a Python number (which has no dtype of its own), or an array or quantity."""
    other = matrix_of(other)
    if isinstance(other, (bool, int, float, complex, units.Unit, Arithmetic)):
        return other
    if isinstance(other, (str, bytes)):
        raise TypeError("Text is no number.")
    return as_array(other.value if hasattr(other, "__event_spec__") else other)


def _entrywise(matrix: Any, other: Any, op: _Operator, *, linear: bool = False) -> Any:
    """``op`` on the entries, with a number, an array, or a matrix of the same structure."""
    if isinstance(other, Arithmetic):
        if _same_structure(matrix, other):
            return matrix._on_entries(op, other, linear=False)
        other = _elements(matrix, other)
    return matrix._on_entries(op, _number_or_at_entries(matrix, other), linear=linear)


def _sum(matrix: Any, other: Any, op: _Operator) -> Any:
    """``op``, which is + or -, on the entries of matrices of the same structure, and on all elements otherwise."""
    if isinstance(other, Arithmetic):
        if _same_structure(matrix, other):
            return matrix._on_entries(op, other, linear=True)
        other = _elements(matrix, other)
    _require_broadcast(matrix, other)
    return op(matrix.todense(), other)


def _compare(matrix: Any, other: Any, op: _Operator) -> Any:
    """An array of booleans, one for each element."""
    other = other.todense() if isinstance(other, Arithmetic) else other
    _require_broadcast(matrix, other)
    return op(matrix.todense(), other)


def _power(matrix: Any, exponent: Any, op: _Operator) -> Any:
    if isinstance(exponent, jax.core.Tracer) or not isinstance(exponent, (int, float)) or exponent <= 0:
        raise UnsupportedOperationError(
            f"{type(matrix).__name__} ** {exponent!r}: with a positive Python number, elements without an entry stay "
            "zero. For others use `.todense() ** ...`, or `.apply(...)` for the entries alone."
        )
    return matrix._on_entries(lambda data: op(data, exponent), linear=False)


def _same_structure(one: Any, other: Any) -> bool:
    """Whether two matrices are known to have the same entries in the same order: by the identity of their arrays, or by
    the values of concrete ones."""
    if type(one) is not type(other):
        return False
    (static, arrays), (other_static, other_arrays) = one._identity, other._identity
    return bool(static == other_static) and all(map(_same_array, arrays, other_arrays))


def _same_array(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, jax.core.Tracer) or isinstance(other, jax.core.Tracer):
        return False
    return np.array_equal(np.asarray(one), np.asarray(other))


def _elements(matrix: Any, other: Any) -> Any:
    """All elements of another matrix, if one of the two stores them all."""
    if other.__matrix_spec__.stores_all or matrix.__matrix_spec__.stores_all:
        return other.todense()
    raise UnsupportedOperationError(
        f"{type(matrix).__name__} {matrix.shape} and {type(other).__name__} {other.shape} do not have the same "
        "structure, as far as can be seen: inside jit, one has to be the other's `with_data`. Use `.todense()` on one "
        "side."
    )


def _require_broadcast(matrix: Any, other: Any) -> None:
    """Raise a MathError unless an array broadcasts to the shape of a matrix; it may have further leading axes."""
    shape = () if isinstance(other, units.Unit) else np.shape(units.detach(other)[0])
    if any(given not in (1, size) for given, size in zip(shape[::-1], matrix.shape[::-1])):
        raise MathError(f"An array of shape {tuple(shape)} does not broadcast to the matrix's shape {matrix.shape}.")


def _number_or_at_entries(matrix: Any, other: Any) -> Any:
    """A number, or the element of an array at the position of each entry."""
    if isinstance(other, units.Unit) or np.ndim(other) == 0:
        return other
    mantissa, unit = units.detach(other)
    if mantissa.size == 1 and mantissa.ndim <= 2:
        return units.attach(jnp.reshape(mantissa, ()), unit)
    if mantissa.ndim > 2:
        raise MathError(f"The entries of a matrix are combined with arrays of up to two axes, got {mantissa.shape}.")
    _require_broadcast(matrix, mantissa)
    return matrix._at_entries(other)
