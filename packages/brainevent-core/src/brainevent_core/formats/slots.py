"""Weights in another order than entries: entry k has the weight ``data[weight_indices[k]]``.

So a matrix is read by columns whose weights are stored by rows. Weights that no entry has don't matter; where
several entries have one weight, they share it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from brainevent_core.formats.base import Format, Shape, out_of_range
from brainevent_core.formats.extended import extended

__all__ = ["with_slots"]


def with_slots(fmt: Format) -> Format:
    """``fmt`` with an array behind its own that says where the weight of each entry is."""
    own = len(fmt.structure)

    def check_values(structure: Sequence[np.ndarray], shape: Shape) -> str | None:
        slots = structure[own]
        return fmt.check_values(structure[:own], shape) or out_of_range(
            "weight_indices", slots, slots.size, "weights, one per entry"
        )

    def slots(structure: Sequence[Any], shape: Shape) -> Any:
        return structure[own]

    return extended(
        fmt,
        "slots",
        ("weight_indices",),
        lambda nse, shape: (nse,),
        "csr_to_csc_index() gives it.",
        check_values=check_values,
        slots=slots,
    )
