"""Seeds of random networks, as two 32-bit words."""

import operator
import secrets
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.errors import DTypeError

__all__ = ["as_seed"]


def as_seed(seed: Any) -> Any:
    """``seed`` as uint32 words, the most significant first.

    Args:
        seed: an integer of any sign, modulo 2⁶⁴; an integer array of shape (); two words, shape (..., 2); a key of
            ``jax.random``, new or old style, whose own words are used if it has two, otherwise two are drawn from it;
            or None, for fresh entropy. Arrays may be traced.

    Returns:
        A uint32 array of shape (..., 2).

    Raises:
        DTypeError: if it is none of these.

    Example:
        >>> from brainevent_core.jitc import as_seed
        >>> as_seed(2**32 + 5)
        Array([1, 5], dtype=uint32)
        >>> as_seed(-1)
        Array([4294967295, 4294967295], dtype=uint32)
    """
    if seed is None:
        seed = secrets.randbits(64)
    if isinstance(seed, jax.Array) and jnp.issubdtype(seed.dtype, jax.dtypes.prng_key):
        words = jax.random.key_data(seed)
        return words if words.shape[-1] == 2 and words.dtype == jnp.uint32 else jax.random.bits(seed, (2,), jnp.uint32)
    if isinstance(seed, (int, np.integer)):
        return jnp.asarray(_words(operator.index(seed)))
    if not isinstance(seed, jax.Array):
        seed = np.asarray(seed)
        if seed.ndim == 0 and seed.dtype.kind in "iu":
            return jnp.asarray(_words(int(seed)))
        if seed.dtype.kind in "iu":
            seed = seed.astype(np.uint32)
    if not jnp.issubdtype(seed.dtype, jnp.integer) or (seed.ndim and seed.shape[-1] != 2):
        raise DTypeError(
            "seed must be a whole number, two 32-bit words in an integer array of shape (2,), or a jax.random key; got "
            f"dtype {seed.dtype} and shape {tuple(seed.shape)}."
        )
    seed = jnp.asarray(seed)
    return seed.astype(jnp.uint32) if seed.ndim else _traceable_words(seed)


def _words(number: int) -> np.ndarray:
    number %= 2**64
    return np.array([number >> 32, number & 0xFFFFFFFF], np.uint32)


def _traceable_words(number: Any) -> Any:
    """The words of an integer array of shape (), of 64 bits or fewer."""
    low = number.astype(jnp.uint32)
    if number.dtype.itemsize == 8:
        high = (number >> 32).astype(jnp.uint32)
    else:
        high = jnp.where(number < 0, jnp.uint32(0xFFFFFFFF), jnp.uint32(0))
    return jnp.stack([high, low])
