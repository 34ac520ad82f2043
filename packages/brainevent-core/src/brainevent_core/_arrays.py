"""Conversion of users' arrays to forms that NumPy and JAX accept, without changing a number."""

import operator
import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import numpy as np

__all__ = ["Memory", "as_numpy", "native", "remembered"]

_T = TypeVar("_T")

#: The cache of :func:`remembered`.
Memory = dict[tuple[Any, ...], tuple[tuple[weakref.ref[Any], ...], _T]]


def native(array: Any) -> Any:
    """A NumPy array in this machine's byte order, the only one that JAX supports; anything else unchanged."""
    if isinstance(array, np.ndarray) and not array.dtype.isnative:
        return array.astype(array.dtype.newbyteorder("="))
    return array


def as_numpy(values: Any) -> np.ndarray:
    """``numpy.asarray`` in this machine's byte order; integers stay integers.

    NumPy converts a list with a uint64 and a signed number to floats, and rounds both.
    """
    array = np.asarray(values)
    if isinstance(values, (list, tuple)) and array.dtype.kind in "fO" and array.size:
        whole = _whole_numbers(values)
        array = array if whole is None else whole
    return native(array)


def _whole_numbers(values: Any) -> np.ndarray | None:
    """Nested lists of integers as int64, clipped to its range; None if an element is not an integer."""
    given = np.array(values, dtype=object)
    numbers, limits = [], np.iinfo(np.int64)
    for value in given.ravel():
        if isinstance(value, (bool, np.bool_)):
            return None
        try:
            numbers.append(min(max(operator.index(value), limits.min), limits.max))
        except TypeError:
            return None
    return np.array(numbers, np.int64).reshape(given.shape)


def remembered(memory: Memory[_T], key: tuple[Any, ...], arrays: Sequence[Any], compute: Callable[[], _T]) -> _T:
    """``compute()``, a property of ``arrays``, or its cached result for the same array objects.

    Results are cached only for JAX arrays, which cannot change.
    """
    key = (*key, *map(id, arrays))
    seen = memory.get(key)
    if seen is not None and all(ref() is array for ref, array in zip(seen[0], arrays, strict=True)):
        return seen[1]
    result = compute()
    if all(isinstance(array, jax.Array) for array in arrays):
        references = tuple(weakref.ref(array, lambda _: memory.pop(key, None)) for array in arrays)
        memory[key] = (references, result)
    return result
