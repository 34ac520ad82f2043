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
    "^(matmul|jitc_matmul)-([a-z_:]+-)?float-": "numbers leave nothing out",
    "^matmul-(dense|coo)[:-]": "their entries are not in order of rows",
    "^(stdp|edge)_update-coo[:-]": "its entries may be in any order",
    "^stdp_update-[a-z_]+:weight_indices[:-]": "weights that entries share are clipped behind all additions",
    "^(matmul|(stdp|edge)_update)-(?!dense)[a-z_]+(:weight_indices)?-[^-]+-forward-": (
        "without a column index, events of columns may be anywhere"
    ),
    "^jitc_matmul-[a-z]+-[^-]+-forward-": "the stream runs along rows, and events of columns may be anywhere",
    "-(0x3|3x0|1x1|13x7|16x16)-": "the reference is as fast where there are few entries",
    "^jitc_matmul-.*-0.0-": "a matrix without connections has nothing to compute",
    "-(vmap_(data|structure|seed|offset|all)|nested)$": "they take no mapped axes but those of x",
    "^(stdp|edge)_update-.*-vmap_[a-z]+$": "they take no mapped axes",
}


def _register(registry: KernelRegistry) -> None:
    from brainevent_core.kernels.register import register

    register(registry)


BACKEND = Backend(name=EVENTS, platforms=PLATFORMS, api=API_VERSION, register=_register, declines=_DECLINES)
