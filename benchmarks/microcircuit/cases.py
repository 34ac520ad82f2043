"""The sizes of the microcircuit. Needs only the standard library, for the environments of other packages."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CASES", "Case"]


@dataclass(frozen=True)
class Case:
    """The microcircuit with ``scale`` times its 77,169 neurons, each with ``scale`` times its synapses."""

    scale: float
    seed: int = 0

    @property
    def name(self) -> str:
        return f"microcircuit/scale={self.scale:g}"

    @property
    def is_quick(self) -> bool:
        """Whether it is in the selection that ``--quick`` takes."""
        return self.scale <= 0.1


CASES = [Case(0.1), Case(0.3), Case(1)]
