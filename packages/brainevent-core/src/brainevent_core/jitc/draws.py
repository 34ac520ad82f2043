"""Keys and draws, on uint32 arrays of any shape: NumPy, JAX, or traced by a kernel language that JAX understands."""

from typing import Any

import jax.numpy as jnp
import numpy as np

__all__ = ["MULTIPLIERS", "WEIGHT_COUNTER", "block_keys", "draw", "outcome", "own_cell"]

#: The draw for the weight of the connection made by step i has this counter plus i.
WEIGHT_COUNTER = np.uint32(1 << 31)

#: The multipliers of the three rounds of :func:`draw`.
MULTIPLIERS = (np.uint32(0xED5AD4BB), np.uint32(0xAC4C1B51), np.uint32(0x31848BAB))

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)


def block_keys(seed: Any, row: Any, block: Any) -> tuple[Any, Any]:
    """The two key words of a block: Threefry-2x32-20 (Salmon et al. 2011) of (row, block) under the seed.

    Args:
        seed: two uint32 words along the first axis, the most significant first.
        row: uint32.
        block: uint32, of a shape that broadcasts with that of ``row``.
    """
    words = (seed[0], seed[1], seed[0] ^ seed[1] ^ _PARITY)
    x, y = row + words[0], block + words[1]
    for group in range(5):
        for bits in _ROTATIONS[group % 2]:
            x = x + y
            y = (y << bits | y >> (32 - bits)) ^ x
        x = x + words[(group + 1) % 3]
        y = y + (words[(group + 2) % 3] + (group + 1))
    return x, y


def draw(key0: Any, key1: Any, counter: Any) -> Any:
    """The 32-bit draw number ``counter`` of a block.

    Three rounds of xorshift and multiply. The second key word is added after the first round, so that blocks whose
    first key words happen to be close are still separated by two full rounds.
    """
    x = key0 + counter
    x = (x ^ (x >> 17)) * MULTIPLIERS[0]
    x = ((x ^ (x >> 11)) + key1) * MULTIPLIERS[1]
    x = (x ^ (x >> 15)) * MULTIPLIERS[2]
    return x ^ (x >> 14)


def own_cell(drawn: Any, cells: int) -> Any:
    """The cell that a draw selects in a table with ``cells`` cells: its upper bits."""
    return drawn >> (33 - cells.bit_length())


def outcome(drawn: Any, entry: Any, cells: int) -> Any:
    """The digit that a draw yields, given the entry in its own cell of a table with ``cells`` cells."""
    bits = cells.bit_length() - 1
    own = (drawn & ((1 << (32 - bits)) - 1)) < (entry >> bits)
    where = np.where if isinstance(drawn, np.ndarray) else jnp.where
    return where(own, own_cell(drawn, cells), entry & (cells - 1))
