"""Core's own kernels, in plain JAX: the backend ``events``, which needs no package. Their cost scales with the events.

They run if no other backend has a kernel, in preference to the reference, whose results they equal up to the order of
sums. This module contains the descriptor and imports no kernel; discovery finds it by its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainevent_core.config import EVENTS, PLATFORMS
from brainevent_core.plugins import API_VERSION, Backend

if TYPE_CHECKING:
    from brainevent_core.plugins import KernelRegistry

__all__ = ["BACKEND"]

# The calls that are left to the reference, by the names of the conformance kit's cases.
_DECLINES = {
    "^(matmul|jitc_matmul)-([a-z_:]+-)?float-": "zeros of float vectors are not skipped",
    "^matmul-(dense|coo)[:-]": "the entries aren't grouped by row",
    "^(stdp|edge)_update-coo[:-]": "the entries aren't grouped by row",
    "^stdp_update-[a-z_]+:weight_indices[:-]": "shared weights are clipped once, after all additions",
    "^(matmul|(stdp|edge)_update)-(?!dense)[a-z_]+(:weight_indices)?-[^-]+-forward-": (
        "without a column index, all entries must be searched for the columns"
    ),
    "^jitc_matmul-[a-z]+-[^-]+-forward-": "connections are generated row by row, so all rows are needed for a column",
    "-(0x3|3x0|1x1|13x7|16x16)-": "the reference is as fast for few entries",
    "^jitc_matmul-.*-0.0-": "there are no connections",
    "-(vmap_(data|structure|seed|offset|all)|nested)$": "only x can have mapped axes",
    "^(stdp|edge)_update-.*-vmap_[a-z]+$": "mapped axes aren't supported",
}


def _register(registry: KernelRegistry) -> None:
    from brainevent_core.kernels.register import register

    register(registry)


BACKEND = Backend(name=EVENTS, platforms=PLATFORMS, api=API_VERSION, register=_register, declines=_DECLINES)
