"""The base class of event arrays: products are event-driven, all other operations act on a plain array."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import display, units
from brainevent_core._typing import Array, DTypeLike, Index, OperandLike, Quantity
from brainevent_core.ops import EventSpec, MatrixLike, matmul
from brainevent_core.ops.matmul import as_array
from brainevent_core.serialization import serializable

__all__ = ["EventRepresentation"]

#: Maximum number of neurons whose entries are all printed.
_PRINTED = 64

_Operator: TypeAlias = Callable[[Any, OperandLike], Array | Quantity]


def _plain(name: str) -> _Operator:
    """An operator that acts on the plain value."""
    plain = getattr(operator, name)

    def method(self: Any, other: OperandLike) -> Array | Quantity:
        return plain(self.value, other.value if isinstance(other, EventRepresentation) else other)

    return method


def _reflected(name: str) -> _Operator:
    plain = getattr(operator, name)

    def method(self: Any, other: OperandLike) -> Array | Quantity:
        return plain(other, self.value)

    return method


def as_plain(value: OperandLike) -> Array | Quantity:
    """The argument of an event class as an array or a quantity; other events are unwrapped."""
    return value.value if isinstance(value, EventRepresentation) else as_array(value)


class EventRepresentation:
    """Base class of arrays whose entries are events in products.

    ``@`` is event-driven. All other operators, indexing and ``numpy.asarray`` return plain arrays. An array on the left
    of ``@`` defers to the event array. For this reason event arrays have no ``__jax_array__``: JAX would use it first,
    and silently turn ``weights @ spikes`` into a dense product that multiplies events by their values.
    """

    __slots__ = ("_array", "_static")
    #: The one leaf of the pytree.
    _array: Any
    #: The static part, hashable.
    _static: Any

    # NumPy defers binary operators to this class.
    __array_ufunc__ = None

    def _set(self, array: Any, static: Any) -> None:
        object.__setattr__(self, "_array", array)
        object.__setattr__(self, "_static", static)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        jax.tree_util.register_pytree_node(cls, lambda self: ((self._array,), self._static), cls._unflatten)
        serializable(cls)

    @classmethod
    def _unflatten(cls, static: Any, children: tuple[Any]) -> Self:
        # Nothing is checked or converted here, because JAX also passes placeholders.
        self = object.__new__(cls)
        self._set(children[0], static)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # Copying and pickling would set attributes otherwise.
        return self._unflatten, (self._static, (self._array,))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable; make a new one with `with_value(...)`.")

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    if not TYPE_CHECKING:  # hidden from type checkers, so that they report unknown attributes

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):  # protocols look these up in every eager product; a hint is slow
                raise AttributeError(name)
            hint = f"; its `.value` is a plain array, which has: `events.value.{name}`"
            fault = f"{type(self).__name__} has no attribute {name!r}{hint if hasattr(jax.Array, name) else ''}."
            raise AttributeError(fault, name=name, obj=self)

    @property
    def value(self) -> Array | Quantity:
        """The events as a plain array, or a quantity over one."""
        raise NotImplementedError

    @property
    def __event_spec__(self) -> EventSpec:
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.value.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def T(self) -> Self:
        return self.with_value(self.value.T)

    def with_value(self, value: OperandLike) -> Self:
        """Events of the same kind over another array."""
        raise NotImplementedError

    def __repr__(self) -> str:
        # Only short arrays are printed in full: 1,000 neurons would take 100 lines.
        if not display.readable(self._numbers) or self.size <= _PRINTED:
            return self._written_out()
        return f"{type(self).__name__}({', '.join(f'{name}={text}' for name, text in self._facts())})"

    def _repr_html_(self) -> str | None:
        """The display in notebooks: properties, and a picture of the events. None: use ``repr`` instead."""
        if not hasattr(self._numbers, "dtype"):
            return None
        shown = {"shape": " × ".join(f"{length:,}" for length in self.shape) or "()", **dict(self._facts())}
        memory = display.size_in_memory([self._numbers])
        return display.card(type(self).__name__, [*shown.items(), ("memory", memory)], self._picture())

    @property
    def _numbers(self) -> Any:
        """The leaf without its unit."""
        return units.detach(self._array)[0]

    def _written_out(self) -> str:
        """``repr`` with all entries."""
        return f"{type(self).__name__}({self._array!r})"

    def _facts(self) -> Iterator[tuple[str, str]]:
        """The properties that are cheap to read, which ``repr`` shows for long arrays."""
        yield "shape", str(self.shape)
        yield "dtype", str(self.dtype)
        if units.unit_of(self._array) is not None:
            yield "unit", str(units.unit_of(self._array))
        if display.readable(self._numbers) and not display.is_sample(self.size):
            yield "events", str(np.count_nonzero(self._entries(np.arange(self.size))))

    def _entries(self, positions: np.ndarray) -> np.ndarray:
        """Entries by their positions in the flattened array; nonzero ones are events."""
        return display.take(units.detach(self.value)[0], positions)

    def _picture(self) -> str:
        if not display.readable(self._numbers) or self.ndim not in (1, 2) or not self.size:
            return ""
        positions = display.sampled(self.size)
        events = positions[self._entries(positions) != 0]
        shape = self.shape if self.ndim == 2 else (1, self.size)
        row, col = np.divmod(events, shape[1])
        return display.picture(row, col, shape)

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Array | Quantity]:
        return iter(self.value)

    def __getitem__(self, index: Index) -> Array | Quantity:
        return self.value[index]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype=dtype, copy=copy)  # an error for a quantity with a unit

    def __bool__(self) -> bool:
        return bool(self.value)

    def __matmul__(self, other: OperandLike | MatrixLike) -> Array | Quantity:
        return matmul(self, other)

    def __rmatmul__(self, other: OperandLike | MatrixLike) -> Array | Quantity:
        return matmul(other, self)

    __add__, __radd__ = _plain("add"), _reflected("add")
    __sub__, __rsub__ = _plain("sub"), _reflected("sub")
    __mul__, __rmul__ = _plain("mul"), _reflected("mul")
    __truediv__, __rtruediv__ = _plain("truediv"), _reflected("truediv")
    __floordiv__, __rfloordiv__ = _plain("floordiv"), _reflected("floordiv")
    __mod__, __rmod__ = _plain("mod"), _reflected("mod")
    __pow__, __rpow__ = _plain("pow"), _reflected("pow")
    __and__, __rand__ = _plain("and_"), _reflected("and_")
    __or__, __ror__ = _plain("or_"), _reflected("or_")
    __xor__, __rxor__ = _plain("xor"), _reflected("xor")
    __lt__, __le__ = _plain("lt"), _plain("le")
    __gt__, __ge__ = _plain("gt"), _plain("ge")
    __eq__, __ne__ = _plain("eq"), _plain("ne")  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]

    def __neg__(self) -> Array | Quantity:
        return -self.value

    def __pos__(self) -> Array | Quantity:
        return +self.value  # type: ignore[operator]

    def __abs__(self) -> Array | Quantity:
        return jnp.abs(self.value)  # type: ignore[arg-type]

    def __invert__(self) -> Array | Quantity:
        return ~self.value  # type: ignore[operator]
