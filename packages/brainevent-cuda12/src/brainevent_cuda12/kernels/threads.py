"""Launch geometry: threads per block, lanes per warp, and how many warps are worthwhile."""

from __future__ import annotations

from .compiled import host_threads

__all__ = ["SHORT", "WARPS", "block_of", "lanes_of"]

# Threads per block and lanes per warp on a GPU.
_BLOCK, _LANES = 256, 32

#: The number of warps that keeps a GPU busy, or a CPU's tests short. With about this many rows, a warp checks one row.
WARPS = {"cuda": 8192, "cpu": 16}

#: Rows with fewer entries than this, on average, are summed by a single thread.
SHORT = 16


def block_of(platform: str, *, uneven: bool = False) -> int:
    """Threads per block; `uneven` as in `KernelSpec`."""
    return _BLOCK if platform == "cuda" else host_threads(uneven=uneven).block


def lanes_of(platform: str) -> int:
    """Lanes per warp."""
    return _LANES if platform == "cuda" else host_threads().lanes
