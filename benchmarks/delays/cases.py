"""The table of measured deliveries. Needs only the standard library, for the environments of other packages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.products.cases import Case as Product

__all__ = ["CASES", "SLOTS", "Case"]

#: Slots of the ring buffer: delays are from 1 to 15 steps.
SLOTS = 16


@dataclass(frozen=True)
class Case:
    """One step of a ring buffer: adds spikes of n neurons with ``degree`` random targets each, and takes a slot.

    Attributes:
        activity: the fraction of neurons that spike.
        n: number of presynaptic neurons, and of postsynaptic ones.
        degree: synapses per presynaptic neuron. Each has its own float32 weight; indices are int32.
        delays: what a delay applies to; the published package supports one per entry.
    """

    activity: float
    n: int = 20_000
    degree: int = 100
    delays: Literal["entry", "row", "all"] = "entry"

    @property
    def name(self) -> str:
        """Unique, and readable; ``--select`` searches in it."""
        return f"delay-by-{self.delays}/n={self.n}/degree={self.degree}/active={100 * self.activity:g}%"

    @property
    def product(self) -> Product:
        """The product with the same matrix and spikes, which provides the arrays."""
        return Product(True, "left", "fan-out", self.n, self.degree / self.n, self.activity)

    @property
    def is_quick(self) -> bool:
        """Whether it is in the selection that ``--quick`` takes."""
        return self.delays == "entry"


CASES = [Case(activity, delays=delays) for delays in ("entry", "row", "all") for activity in (0.002, 0.01, 0.1)]
