"""Threads of a launch: how many a block and a warp have, and how many warps are worth while."""

from __future__ import annotations

from .compiled import host_threads

__all__ = ["SHORT", "WARPS", "block_of", "lanes_of"]

# Threads of a block on a GPU, and lanes of a warp.
_BLOCK, _LANES = 256, 32

#: So many warps keep a GPU busy, or a CPU's tests short: a warp looks at one line while there are no more.
WARPS = {"cuda": 8192, "cpu": 16}

#: Below so many entries a thread sums a line by itself.
SHORT = 16


def block_of(platform: str, *, uneven: bool = False) -> int:
    """Threads of a block; `uneven` as `KernelSpec` has it."""
    return _BLOCK if platform == "cuda" else host_threads(uneven=uneven).block


def lanes_of(platform: str) -> int:
    """Lanes of a warp."""
    return _LANES if platform == "cuda" else host_threads().lanes
