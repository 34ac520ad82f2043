"""Structure arrays on their way in: validated as given, then made JAX arrays without changing what they mean."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core._jax import x64_enabled
from brainevent_core.errors import DTypeError, StructureError
from brainevent_core.formats import Format

__all__ = ["as_index_array", "as_integers", "check_values", "remembered"]

_T = TypeVar("_T")
_Memory = dict[tuple[Any, ...], tuple[tuple[weakref.ref[Any], ...], _T]]

# Structures found well-formed: clients that build a matrix per call must not pay for the check each time (0.9 ms at
# 10⁶ entries).
_checked: _Memory[None] = {}


def remembered(memory: _Memory[_T], key: tuple[Any, ...], arrays: Sequence[Any], compute: Callable[[], _T]) -> _T:
    """``compute()``, a property of ``arrays``, or what it was for these very arrays before.

    Only arrays of JAX are remembered: they cannot change.
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


def as_integers(label: str, array: Any) -> Any:
    """``array`` as a NumPy or JAX array, unconverted, if it holds integers.

    Not ``jnp.asarray``: inside ``jit`` that makes a tracer of a list, and its values could not be checked.

    Raises:
        DTypeError: if it does not hold integers.
        StructureError: if it is no array.
    """
    if not isinstance(array, (jax.Array, np.ndarray)):
        convert = getattr(array, "__jax_array__", None)
        if convert is not None:
            array = convert()
        else:
            try:
                array = np.asarray(array)
            except ValueError:
                raise StructureError(f"{label} must be an array of integers, got lists of different lengths.") from None
        if array.size == 0 and not jnp.issubdtype(array.dtype, jnp.integer):
            array = array.astype(np.int32)  # an empty list has no dtype of its own
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise DTypeError(f"{label} must hold integers, got dtype {array.dtype}; convert it with `.astype('int32')`.")
    return array


def as_index_array(array: Any) -> Any:
    """An array of integers as a JAX array.

    With x64 off JAX narrows 64-bit integers and would wrap what does not fit into another valid index; such values
    are replaced by the nearest 32-bit number, which is outside every shape just as they were.
    """
    if array.dtype.itemsize == 8 and not x64_enabled() and not isinstance(array, jax.core.Tracer):
        limits = np.iinfo(np.int32)
        low = limits.min if jnp.issubdtype(array.dtype, jnp.signedinteger) else 0
        array = np.clip(np.asarray(array), low, limits.max).astype(np.int32)
    return jnp.asarray(array)


def check_values(fmt: Format, structure: Sequence[Any], shape: tuple[int, int]) -> None:
    """Check the values of a structure, unless they are traced or were found right before.

    Args:
        fmt: the format.
        structure: the arrays as they were given, before JAX sees them: inside ``jit`` even a NumPy array becomes a
            tracer once it is converted.
        shape: shape of what is stored.

    Raises:
        StructureError: naming the first fault.
    """
    if any(isinstance(array, jax.core.Tracer) for array in structure):
        return

    def check() -> None:
        fault = fmt.fault_of_values([np.asarray(array) for array in structure], shape)
        if fault:
            raise StructureError(fault)

    remembered(_checked, (fmt, shape), structure, check)
