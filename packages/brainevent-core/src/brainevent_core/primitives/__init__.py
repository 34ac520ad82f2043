"""The declarations: one per operation, for every format, with their rules side by side."""

from brainevent_core.primitives.encoding import encode_events_p
from brainevent_core.primitives.jitc import jitc_elements_p, jitc_entries_p, jitc_matmul_p
from brainevent_core.primitives.plasticity import CLIPS, update_p
from brainevent_core.primitives.products import matmul_p, sampled_p

__all__ = [
    "CLIPS",
    "encode_events_p",
    "jitc_elements_p",
    "jitc_entries_p",
    "jitc_matmul_p",
    "matmul_p",
    "sampled_p",
    "update_p",
]
