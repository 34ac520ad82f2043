"""The meaning of every primitive, in jnp: the default lowering everywhere, and what kernels are tested against."""

from brainevent_core.reference.encoding import encode_events
from brainevent_core.reference.jitc import jitc_matmul, jitc_to_coo, jitc_to_dense
from brainevent_core.reference.matmul import accumulator, matmul, sddmm
from brainevent_core.reference.plasticity import stdp_update

__all__ = [
    "accumulator",
    "encode_events",
    "jitc_matmul",
    "jitc_to_coo",
    "jitc_to_dense",
    "matmul",
    "sddmm",
    "stdp_update",
]
