"""Different representations of the same array: layouts, byte orders, lists, and JAX arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from brainevent_core._jax import x64_enabled

__all__ = ["EAGER", "TRACED", "for_jax", "narrowed", "present"]


def _read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    if array.ndim:  # NumPy scalars are immutable
        array.flags.writeable = False
    return array


def _strided(array: np.ndarray) -> np.ndarray:
    wide = np.zeros((*array.shape, 2), array.dtype)
    wide[..., 0] = array
    return wide[..., 0]


def _reversed(array: np.ndarray) -> np.ndarray:
    return array[::-1].copy()[::-1] if array.ndim else array


def _unaligned(array: np.ndarray) -> np.ndarray:
    memory = np.zeros(array.nbytes + 1, np.uint8)
    shifted = memory[1:].view(array.dtype).reshape(array.shape)
    shifted[...] = array
    return shifted


def narrowed(array: Any, wide: bool) -> Any:
    """64-bit integers clipped to 32 bits, because JAX would truncate them instead; unchanged if ``wide``."""
    if (
        wide
        or not isinstance(array, (np.ndarray, np.generic))
        or array.dtype.kind not in "iu"
        or array.dtype.itemsize < 8
    ):
        return array
    dtype = np.dtype(np.int32 if array.dtype.kind == "i" else np.uint32)
    limits = np.iinfo(dtype)
    return np.clip(array, limits.min, limits.max).astype(dtype)


def for_jax(array: Any, dtype: Any = None) -> Any:
    """The array as a JAX array, converted to native byte order first, the only one that JAX accepts."""
    return jnp.asarray(array.astype(array.dtype.newbyteorder("=")) if isinstance(array, np.ndarray) else array, dtype)


def _of_jax(array: np.ndarray) -> Any:
    return jnp.asarray(narrowed(array, x64_enabled()))


def _as_list(array: np.ndarray) -> Any:
    """The array as nested lists, unless NumPy would read them as floats, as it does for -1 and 2⁶³ in the same list."""
    if array.size == 0 or array.dtype.kind not in "iub":
        return array
    listed = array.tolist()
    return listed if np.asarray(listed).dtype.kind in "iub" else array


def _byteswapped(array: np.ndarray) -> np.ndarray:
    """The array in the opposite byte order, as in a file from another machine."""
    return array.astype(array.dtype.newbyteorder()) if array.dtype.kind in "iuf" else array


#: Representations that jitted functions accept: NumPy arrays in any layout, and JAX arrays.
TRACED: dict[str, Callable[[np.ndarray], Any]] = {
    "plain": lambda array: array,
    "jax": _of_jax,
    "read-only": _read_only,
    "strided": _strided,
    "reversed": _reversed,
    "fortran": lambda array: np.asarray(array, order="F"),
    "unaligned": _unaligned,
}

#: Constructors and functions outside of `jit` also accept lists and swapped bytes.
EAGER: dict[str, Callable[[np.ndarray], Any]] = {
    **TRACED,
    "lists": _as_list,
    "byte-swapped": _byteswapped,
}


def present(
    random: np.random.Generator, ways: dict[str, Callable[[np.ndarray], Any]], arrays: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Each array in a random representation; in half of the cases, all arrays unchanged."""
    if random.random() < 0.5:
        return dict(arrays)
    names = list(ways)
    return {label: ways[names[random.integers(len(names))]](array) for label, array in arrays.items()}
