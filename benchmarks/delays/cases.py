"""What is measured: a table of deliveries. Needs only the standard library, for foreign environments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.products.cases import Case as Product

__all__ = ["CASES", "SLOTS", "Case"]

#: Of the ring: delays are from 1 to 15 steps.
SLOTS = 16


@dataclass(frozen=True)
class Case:
    """One step of a ring: spikes of n neurons with so many random targets each are added, and a slot is taken.

    Attributes:
        activity: the fraction of the neurons that spike.
        n: presynaptic neurons, and postsynaptic ones.
        degree: synapses of a presynaptic neuron. Weights are float32, each its own, and indices int32.
        delays: what a delay is for; the published package takes one for each entry.
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
        """The product with the same matrix and spikes: that is where the arrays come from."""
        return Product(True, "left", "fan-out", self.n, self.degree / self.n, self.activity)

    @property
    def is_quick(self) -> bool:
        """Whether it is in the selection that ``--quick`` takes."""
        return self.delays == "entry"


CASES = [Case(activity, delays=delays) for delays in ("entry", "row", "all") for activity in (0.002, 0.01, 0.1)]
