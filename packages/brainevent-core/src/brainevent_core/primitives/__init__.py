"""The declarations of primitives: one per operation, for every format, with all its rules."""

from brainevent_core.primitives.delays import deliver_p, take_slot_p
from brainevent_core.primitives.edge_update import edge_update_p
from brainevent_core.primitives.encoding import encode_events_p
from brainevent_core.primitives.jitc import jitc_matmul_p, jitc_to_coo_p, jitc_to_dense_p
from brainevent_core.primitives.matmul import matmul_p, sddmm_p
from brainevent_core.primitives.plasticity import CLIPS, stdp_update_p

__all__ = [
    "CLIPS",
    "deliver_p",
    "edge_update_p",
    "encode_events_p",
    "jitc_matmul_p",
    "jitc_to_coo_p",
    "jitc_to_dense_p",
    "matmul_p",
    "sddmm_p",
    "stdp_update_p",
    "take_slot_p",
]
