"""All fuzzed operations."""

from __future__ import annotations

from fuzz import functions, generated, long_axes, plasticity, products, synapses, training
from fuzz.operations import Operation

__all__ = ["OPERATIONS"]

OPERATIONS: list[Operation] = [
    *products.OPERATIONS,
    *generated.OPERATIONS,
    *functions.OPERATIONS,
    *plasticity.OPERATIONS,
    *synapses.OPERATIONS,
    *long_axes.OPERATIONS,
    *training.OPERATIONS,
]
