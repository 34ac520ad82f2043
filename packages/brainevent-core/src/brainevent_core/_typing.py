"""The types of the public interface: of arguments and of results.

Results are ``Array | Quantity``: quantities where a unit was given. Modules that use these names import annotations
from the future, so that ``help`` shows the names and not the unions behind them.
"""

from collections.abc import Callable, Sequence
from types import EllipsisType
from typing import Any, Literal, Protocol, TypeAlias

import jax.typing
import numpy as np

# Not `u.Quantity`: strict type checkers of users accept brainunit's re-export only in this form.
from brainunit import Quantity
from jax import Array
from jax.typing import DTypeLike

__all__ = [
    "Array",
    "ArrayLike",
    "Clip",
    "DTypeLike",
    "Index",
    "LearningRule",
    "Number",
    "OperandLike",
    "Quantity",
    "QuantityLike",
    "Shape",
    "SupportsEvents",
    "SupportsJaxArray",
]


class SupportsJaxArray(Protocol):
    """Objects that JAX converts to arrays by ``__jax_array__``."""

    def __jax_array__(self) -> Any: ...


class SupportsEvents(Protocol):
    """Events, in any encoding: :class:`~brainevent.BinaryArray` and its siblings."""

    @property
    def __event_spec__(self) -> Any: ...


#: Values that JAX or NumPy convert to arrays: arrays, numbers, nested sequences of them.
ArrayLike: TypeAlias = jax.typing.ArrayLike | Sequence[Any] | SupportsJaxArray
#: The same, with a unit or without.
QuantityLike: TypeAlias = ArrayLike | Quantity
#: The other operand of a product with a matrix: numbers or events.
OperandLike: TypeAlias = QuantityLike | SupportsEvents
#: A component of an index: a number, several, a slice or a mask.
_IndexPart: TypeAlias = ArrayLike | slice | EllipsisType | None
#: Any index that NumPy accepts.
Index: TypeAlias = _IndexPart | tuple[_IndexPart, ...]
#: A concrete number.
Number: TypeAlias = float | np.floating[Any] | np.integer[Any]
#: The shape of a matrix.
Shape: TypeAlias = tuple[int, int]
#: Which weights a learning rule clips to its bounds: all, or those it has just changed.
Clip: TypeAlias = Literal["all", "updated"]
#: A learning rule of one synapse: its state, the values of its neurons and parameters, to its new state; all pytrees.
LearningRule: TypeAlias = Callable[[Any, Any, Any, Any], Any]
