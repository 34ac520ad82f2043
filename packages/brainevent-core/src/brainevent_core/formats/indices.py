"""Index arrays: their dtypes, indices outside a shape, and random indices.

The one rule for malformed structures, on every backend: an entry outside the shape does not exist. A negative index is
outside; it never wraps around.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from brainevent_core._jax import x64_enabled
from brainevent_core.errors import MathError

__all__ = ["INT32_MAX", "index_dtype", "out_of_range", "pointer_dtype", "random_indices", "shifted", "signed", "within"]

#: The longest axis whose indices fit into 32 bits, together with its length, which represents an index outside.
INT32_MAX = int(np.iinfo(np.int32).max)


def index_dtype(*lengths: int) -> Any:
    """The dtype of indices along axes of these lengths: int32, or int64 if one needs it.

    Raises:
        MathError: if one needs int64, and JAX's 64-bit mode is off; or if it needs more than 64 bits.
    """
    longest = max(lengths)
    if longest <= INT32_MAX:
        return np.int32
    if longest > np.iinfo(np.int64).max:
        raise MathError(f"An axis has at most 2**63 - 1 rows or columns, got {longest}.")
    if not x64_enabled():
        raise MathError(
            f"An axis of {longest} rows or columns needs 64-bit indices, and JAX's 64-bit mode is off: call "
            'jax.config.update("jax_enable_x64", True) before arrays are made, or number the neurons from 0 to at most '
            f"{INT32_MAX - 1}."
        )
    return np.int64


def signed(indices: Any, length: int = 0) -> Any:
    """Indices as int32, or int64 where x64 is on and they are 64-bit or ``length`` needs it; a value that does not fit
    becomes -1.

    Both are outside every shape.
    """
    dtype = indices.dtype
    wide = jnp.int64 if x64_enabled() and (dtype.itemsize == 8 or length > INT32_MAX) else jnp.int32
    if np.can_cast(dtype, wide):
        return indices.astype(wide)
    limit = jnp.iinfo(wide).max
    fits = indices <= limit
    if jnp.issubdtype(dtype, jnp.signedinteger):
        fits &= indices >= 0
    return jnp.where(fits, indices.astype(wide), -1)


def within(indices: Any, length: int) -> Any:
    """Indices as int32, or int64 if ``length`` needs it; one outside [0, length) becomes -1.

    JAX narrows 64-bit indices of smaller arrays to 32 bits, and would wrap large ones into valid ones.

    Raises:
        MathError: if ``length`` needs int64, and JAX's 64-bit mode is off.
    """
    dtype = index_dtype(length)
    index = signed(indices, length)
    return jnp.where((index >= 0) & (index < length), index, -1).astype(dtype)


def pointer_dtype(nse: int) -> Any:
    """The dtype of pointers to ``nse`` entries: int32, or int64 if needed.

    Raises:
        MathError: if they need int64, and JAX's 64-bit mode is off.
    """
    if nse <= INT32_MAX:
        return np.int32
    if not x64_enabled():
        raise MathError(
            f"To count {nse} entries takes 64-bit numbers, and JAX's 64-bit mode is off: call "
            'jax.config.update("jax_enable_x64", True) before arrays are made.'
        )
    return np.int64


def shifted(indices: np.ndarray, start: int) -> np.ndarray:
    """NumPy indices minus ``start``, in their own dtype if that holds the result, otherwise in int32 or int64."""
    if start == 0 or not indices.size:
        return indices
    moved = indices.astype(np.int64) - start
    limits = np.iinfo(indices.dtype)
    if limits.min <= moved.min() and moved.max() <= limits.max:
        return moved.astype(indices.dtype)
    return moved.astype(np.int32 if np.abs(moved).max() <= INT32_MAX else np.int64)


def out_of_range(label: str, indices: np.ndarray, bound: int, what: str) -> str | None:
    """A message if any of ``indices`` is outside ``[0, bound)``."""
    if indices.size == 0:
        return None
    low, high = int(indices.min()), int(indices.max())
    if low >= 0 and high < bound:
        return None
    where = int(np.flatnonzero((indices.ravel() < 0) | (indices.ravel() >= bound))[0])
    return (
        f"{label} holds {int(indices.ravel()[where])} at position {where}, but the matrix has {bound} {what}: "
        f"indices run from 0 to {bound - 1}. Correct the indices; a matrix that is made with check=False leaves such "
        "entries out."
    )


def random_indices(rng: np.random.Generator, length: int, count: int, *, malformed: bool = False) -> np.ndarray:
    """``count`` random indices below ``length``; if malformed, some are outside, those nearest to the range first."""
    indices = rng.integers(max(length, 1), size=count)
    if malformed:
        beyond = np.array([length, -1, -length, length + 1, INT32_MAX])
        where = rng.permutation(count)[: max(len(beyond), count // 4)]
        indices[where] = np.resize(beyond, where.size)
    return indices
