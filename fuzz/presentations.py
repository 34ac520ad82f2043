"""The ways in which one and the same array can be given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

__all__ = ["EAGER", "TRACED", "present"]


def _read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
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


#: What jitted functions take: arrays of NumPy in any layout, and of JAX.
TRACED: dict[str, Callable[[np.ndarray], Any]] = {
    "plain": lambda array: array,
    "jax": jnp.asarray,
    "read-only": _read_only,
    "strided": _strided,
    "reversed": _reversed,
    "fortran": lambda array: np.asarray(array, order="F"),
    "unaligned": _unaligned,
}

#: What constructors and functions take beyond that.
EAGER: dict[str, Callable[[np.ndarray], Any]] = {
    **TRACED,
    "lists": lambda array: array.tolist() if array.size and array.dtype.kind in "iub" else array,
}


def present(
    random: np.random.Generator, ways: dict[str, Callable[[np.ndarray], Any]], arrays: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Each array in a way of its own, half of the time all plainly."""
    if random.random() < 0.5:
        return dict(arrays)
    names = list(ways)
    return {label: ways[names[random.integers(len(names))]](array) for label, array in arrays.items()}
