"""Whether two functions are equivalent: the same code, which refers to equal values."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import types
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

__all__ = ["identity"]

#: The types whose equal values are interchangeable. Floats aren't: 0.0 is equal to -0.0.
_PLAIN = (int, bool, str, bytes, type(None), type(...), range)


def identity(value: Any, parts: Callable[[Any], Any] = lambda value: None) -> Any:
    """A hashable key that two values share only if either can be used instead of the other.

    Functions are compared by their code, and by the values that it refers to: defaults, closures, annotations,
    attributes, and the globals that it names. Containers, NumPy arrays and data classes are compared by their contents;
    other objects by their own equality if they define one and are hashable, otherwise by identity.

    Args:
        value: a function, or an object that a function may refer to.
        parts: returns the parts of an object that a kernel language makes from functions; None for other objects.
    """
    return _Walk(parts)(value)


@dataclasses.dataclass(frozen=True, eq=False)
class _Same:
    """An object, compared by identity. The reference to it prevents its address from being reused."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


class _Walk:
    def __init__(self, parts: Callable[[Any], Any]) -> None:
        self._parts = parts
        self._inside: dict[int, int] = {}  # the depth of each object being visited, by address

    def __call__(self, value: Any) -> Any:
        if type(value) in _PLAIN:
            return type(value), value
        if id(value) in self._inside:  # a recursive function
            return "outer", self._inside[id(value)]
        self._inside[id(value)] = len(self._inside)
        try:
            return type(value), self._contents(value)
        finally:
            del self._inside[id(value)]

    def _contents(self, value: Any) -> Any:
        parts = self._parts(value)
        if parts is not None:
            return self(parts)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, functools.partial):
            return self(value.func), self(value.args), self(value.keywords)
        if isinstance(value, types.MethodType):
            return self(value.__func__), self(value.__self__)
        if type(value) in (float, complex):
            return repr(value)
        if isinstance(value, np.generic):
            return value.dtype.str, value.tobytes()
        if type(value) is np.ndarray and not value.dtype.hasobject:
            return value.dtype.str, value.shape, value.strides, hashlib.sha256(value.tobytes()).digest()
        if type(value) in (tuple, list):
            return tuple(map(self, value))
        if type(value) in (set, frozenset):
            return frozenset(map(self, value))
        if isinstance(value, (dict, types.MappingProxyType)):
            return tuple((self(key), self(content)) for key, content in value.items())
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return tuple(self(getattr(value, field.name)) for field in dataclasses.fields(value))
        if isinstance(value, (type, jax.Array)) or getattr(type(value), "__eq__", None) is object.__eq__:
            return _Same(value)
        return value if _hashable(value) else _Same(value)

    def _function(self, fn: types.FunctionType) -> Any:
        return (
            fn.__code__,
            fn.__name__,
            self(fn.__defaults__),
            self(fn.__kwdefaults__),
            tuple(map(self._cell, fn.__closure__ or ())),
            self(fn.__annotations__),
            self(vars(fn)),
            # Compared shallowly, not by the values that they refer to in turn: globals change rarely.
            tuple((name, _shallow(fn.__globals__[name])) for name in _names(fn.__code__) if name in fn.__globals__),
        )

    def _cell(self, cell: types.CellType) -> Any:
        try:
            return self(cell.cell_contents)
        except ValueError:  # filled later, as in mutually recursive functions
            return _Same(cell)


def _names(code: types.CodeType) -> Iterator[str]:
    """The names of the globals that code may refer to, and of some attributes."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _shallow(value: Any) -> Any:
    return (type(value), repr(value)) if type(value) in (*_PLAIN, float, complex) else _Same(value)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
