"""A byte for each line: whether it has an event."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....bridge.specialise import specialised
from ...call import Call
from ..events import active_lister

__all__ = ["mask_reader"]

U = np.uint64


def mask_reader(call: Call) -> Any:
    """`mask_of(x, size, lines) -> mask, count`, from events in any encoding."""
    allocating, list_active = specialised(*call.words, allocates=True), active_lister(call)

    @allocating
    def mask_of(x, size, lines):
        mask, active = np.zeros(np.int64(lines), np.uint8), np.empty(np.int64(lines), np.uint64)
        count = list_active(x, U(0), size, lines, active)
        for i in range(count):
            mask[active[i]] = 1
        return mask, count

    return mask_of
