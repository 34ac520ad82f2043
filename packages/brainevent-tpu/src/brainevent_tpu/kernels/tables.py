"""Lookup tables for kernels of the format "fixed_num": packed events, 32 per word and 4,096 per row of 128 words; or
numbers, 128 per row."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core.encodings import FLOAT, Encoding

from .device import VMEM_BYTES
from .lanes import LANES, PER_ROW
from .packed import ENCODINGS, packed_events

__all__ = ["LOOKED_UP", "fits", "per_row", "table_of", "tile_of"]

#: The encodings that tables can be made from.
LOOKED_UP = (*ENCODINGS, FLOAT)

#: Maximum number of rows of a table: each row adds a gather to every lookup, and code.
_MAX_ROWS = 64

#: Maximum number of vectors of numbers: each is looked up separately, while XLA's gathers read all of them at once.
_MAX_VECTORS = 32

#: Neurons per block, unless there is memory only for fewer. Processing 4 registers of neurons in a loop hides the
#: latency of a gather: 78 instead of 116 bundles for 4,096 synapses.
_TILE = 4 * LANES

#: A block of indices and one of weights or results, double-buffered.
_BYTES_PER_SYNAPSE = 2 * (4 + 4)


def per_row(encoding: Encoding) -> int:
    """Entries per row of a table."""
    return PER_ROW if encoding.event else LANES


def fits(encoding: Encoding, indices: Any, *others: Any, shape: tuple[int, int]) -> bool:
    """Whether kernels can look up entries with this encoding, at indices of shape (neurons, synapses)."""
    sizes = (*shape, *indices.shape, *(size for array in others for size in array.shape))
    return (
        all(isinstance(size, int) and size > 0 for size in sizes)
        and (encoding.event or all(size <= _MAX_VECTORS for array in others for size in array.shape[1:]))
        and shape[1] <= _MAX_ROWS * per_row(encoding)
        and indices.dtype in (jnp.int32, jnp.uint32)
        and indices.shape[1] * LANES * _BYTES_PER_SYNAPSE <= VMEM_BYTES
    )


def tile_of(neurons: int, width: int) -> int:
    """Neurons per block."""
    return min(_TILE, VMEM_BYTES // (_BYTES_PER_SYNAPSE * width) // LANES * LANES, -(-neurons // LANES) * LANES)


def table_of(x: jax.Array, encoding: Encoding, length: int) -> jax.Array:
    """The table of each vector: (vectors, rows, 128), int32 for events, float32 for numbers, padded with zeros."""
    rows = -(-length // per_row(encoding))
    if encoding.event:
        table = packed_events(x, encoding, length, rows * LANES)
    else:
        behind = [(0, rows * LANES - length)] + [(0, 0)] * (x.ndim - 1)
        table = jnp.pad(encoding.decode(x, length).astype(jnp.float32), behind)
    return table.reshape(rows, LANES, -1).transpose(2, 0, 1)
