"""What users have as arrays, as NumPy and JAX take it without changing a number."""

import operator
from typing import Any

import numpy as np

__all__ = ["as_numpy", "native"]


def native(array: Any) -> Any:
    """An array of NumPy in this machine's byte order, which is the only one that JAX takes; anything else as it is."""
    if isinstance(array, np.ndarray) and not array.dtype.isnative:
        return array.astype(array.dtype.newbyteorder("="))
    return array


def as_numpy(values: Any) -> np.ndarray:
    """``numpy.asarray`` in this machine's byte order; integers stay integers.

    NumPy makes floats of a list with a uint64 and a signed number, and rounds both.
    """
    array = np.asarray(values)
    if isinstance(values, (list, tuple)) and array.dtype.kind in "fO" and array.size:
        whole = _whole_numbers(values)
        array = array if whole is None else whole
    return native(array)


def _whole_numbers(values: Any) -> np.ndarray | None:
    """Nested lists of integers as int64, the nearest that it holds; None if one of them is no integer."""
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
