"""The types of the public interface: of arguments and of results.

Results are ``Array | Quantity``: quantities where a unit was given. Modules that use these names import annotations
from the future, so that ``help`` shows the names and not the unions behind them.
"""

from collections.abc import Callable, Sequence
from types import EllipsisType
from typing import Any, Literal, Protocol, TypeAlias

import jax.typing
import numpy as np

# Not `u.Quantity`: brainunit re-exports it in a way that strict type checkers of users see in this form only.
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
    """What JAX asks for its array."""

    def __jax_array__(self) -> Any: ...


class SupportsEvents(Protocol):
    """Events, in any encoding: :class:`~brainevent.BinaryArray` and its siblings."""

    @property
    def __event_spec__(self) -> Any: ...


#: What JAX or NumPy make an array of: arrays, numbers, nested sequences of them.
ArrayLike: TypeAlias = jax.typing.ArrayLike | Sequence[Any] | SupportsJaxArray
#: The same, with a unit or without.
QuantityLike: TypeAlias = ArrayLike | Quantity
#: What multiplies a matrix: numbers or events.
OperandLike: TypeAlias = QuantityLike | SupportsEvents
#: A part of an index: a number, several, a slice or a mask.
_IndexPart: TypeAlias = ArrayLike | slice | EllipsisType | None
#: Whatever NumPy takes as an index.
Index: TypeAlias = _IndexPart | tuple[_IndexPart, ...]
#: A number that is known when a function is traced.
Number: TypeAlias = float | np.floating[Any] | np.integer[Any]
#: The shape of a matrix.
Shape: TypeAlias = tuple[int, int]
#: Which weights a learning rule clips to its bounds: all, or those it has just changed.
Clip: TypeAlias = Literal["all", "updated"]
#: A learning rule of one synapse: its state, the values of its neurons and parameters, to its new state; all pytrees.
LearningRule: TypeAlias = Callable[[Any, Any, Any, Any], Any]
