"""Delivery of events with delays to a ring buffer, which has a slot for each of the next steps.

With entries e = (row, col, weight, delay) of the stored matrix A, and (out, in) = (row, col), or (col, row) if
transposed: ``ring[(t + delay) mod slots, out] += weight · x[in]``, as in ``matmul``. An entry whose delay is outside
[1, slots) does not arrive: it would land in the current slot, or in one that is read too early.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core.encodings import Encoding
from brainevent_core.formats import Entries, Format, Shape, delay_at_entries, index_dtype
from brainevent_core.reference.matmul import OrientedEntries, accumulator, entry_terms, oriented_entries

__all__ = ["deliver", "ring_entries", "take_slot", "with_slot"]


def deliver(
    ring: Any, data: Any, *operands: Any, format: Format, shape: Shape, transpose: bool, encoding: Encoding
) -> Any:
    """The ring, (slots, length of the result), after the events of the current step t were delivered to it."""
    *structure, t, x = operands
    x = encoding.decode(x, shape[0] if transpose else shape[1])
    entries = ring_entries(ring.shape, structure, t, format, shape, transpose)
    terms = entry_terms(data.reshape(-1), entries, x, encoding, homogeneous=format.is_homogeneous(data))
    wide = accumulator(ring.dtype)
    sums = ring.astype(wide).reshape(-1)
    sums = sums.at[entries.target].add(terms.astype(wide), mode="drop", wrap_negative_indices=False)
    return sums.astype(ring.dtype).reshape(ring.shape)


def ring_entries(
    ring: tuple[int, int], structure: Any, t: Any, format: Format, shape: Shape, transpose: bool
) -> OrientedEntries:
    """The entries of an equivalent matrix that has a row for each number in the ring, slot by slot.

    Args:
        ring: shape of the ring.
        structure: the arrays of the stored matrix, with the component ``DELAY``.
        t: the current step.
        format, shape, transpose: of the stored matrix.
    """
    slots, length = ring
    entries = oriented_entries(structure, format, shape, transpose)
    row, col = (entries.source, entries.target) if transpose else (entries.target, entries.source)
    delay = delay_at_entries(format.named(structure).delay, Entries(row, col))
    arrives = (entries.target >= 0) & (delay >= 1) & (delay < slots)
    # Both are below 2³¹, but their sum may not be.
    now = jnp.mod(t, slots).astype(jnp.int32)
    slot = jnp.where(delay < slots - now, now + delay, delay - (slots - now))
    wide = index_dtype(slots * length)
    place = slot.astype(wide) * length + entries.target.astype(wide)
    return OrientedEntries(jnp.where(arrives, place, -1), entries.source, entries.weight)


def take_slot(ring: Any, t: Any) -> tuple[Any, Any]:
    """The ring with zeros in the slot of step t, and the old values of the slot."""
    now = jax.lax.dynamic_index_in_dim(ring, _slot(t, ring), keepdims=False)
    return with_slot(ring, t, jnp.zeros_like(now)), now


def with_slot(ring: Any, t: Any, values: Any) -> Any:
    """The ring with other values in the slot of step t."""
    return jax.lax.dynamic_update_index_in_dim(ring, values, _slot(t, ring), 0)


def _slot(t: Any, ring: Any) -> Any:
    return jnp.mod(t, ring.shape[0]).astype(jnp.int32)
