"""Registration of the kernels of the backend ``events``."""

from __future__ import annotations

from brainevent_core.config import EVENTS, PLATFORMS
from brainevent_core.kernels import jitc, matmul, plasticity
from brainevent_core.plugins import KernelRegistry

__all__ = ["register"]

#: The platforms on which they run by default. On others, the cost of a loop of small steps is not measured yet.
_MEASURED = frozenset({"cpu"})


def register(registry: KernelRegistry) -> None:
    """Add the kernels, for every platform."""
    for platform in PLATFORMS:
        for primitive, kernel, supports, in_place in (
            ("matmul", matmul.matmul, matmul.SUPPORTS, False),
            ("jitc_matmul", jitc.jitc_matmul, jitc.SUPPORTS, False),
            ("stdp_update", plasticity.stdp_update, plasticity.STDP_UPDATE_SUPPORTS, True),
            ("edge_update", plasticity.edge_update, plasticity.EDGE_UPDATE_SUPPORTS, True),
        ):
            registry.register_kernel(
                primitive,
                platform,
                kernel,
                backend=EVENTS,
                supports=supports,
                on_request=platform not in _MEASURED,
                in_place=in_place,
            )
