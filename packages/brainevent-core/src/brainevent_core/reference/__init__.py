"""The definition of every primitive, in jnp: the default lowering on every platform, and the reference for tests."""

from brainevent_core.reference.delays import deliver, ring_entries, take_slot, with_slot
from brainevent_core.reference.edge_update import EdgeOperands, EdgeRule, edge_change, edge_update
from brainevent_core.reference.encoding import encode_events
from brainevent_core.reference.jitc import Some, jitc_matmul, jitc_sum, jitc_to_coo, jitc_to_dense
from brainevent_core.reference.matmul import (
    OrientedEntries,
    accumulator,
    contribution,
    matmul,
    oriented_entries,
    sddmm,
    sum_over_entries,
)
from brainevent_core.reference.plasticity import stdp_update

__all__ = [
    "EdgeOperands",
    "EdgeRule",
    "OrientedEntries",
    "Some",
    "accumulator",
    "contribution",
    "deliver",
    "edge_change",
    "edge_update",
    "encode_events",
    "jitc_matmul",
    "jitc_sum",
    "jitc_to_coo",
    "jitc_to_dense",
    "matmul",
    "oriented_entries",
    "ring_entries",
    "sddmm",
    "stdp_update",
    "sum_over_entries",
    "take_slot",
    "with_slot",
]
