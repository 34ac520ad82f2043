"""The sizes of the network. Needs only the standard library, for the environments of other packages."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CASES", "Case"]


@dataclass(frozen=True)
class Case:
    """The network with ``scale`` times 4,000 neurons, each with 80 inputs.

    Attributes:
        scale: of the number of neurons.
        seed: of connectivity and initial state. How long a network of scale 1 stays active is random; with this seed,
            it is active for longer than the simulated second, with either integration method.
    """

    scale: float
    seed: int = 2

    @property
    def neurons(self) -> int:
        return round(4000 * self.scale)

    @property
    def name(self) -> str:
        return f"coba/scale={self.scale:g}"

    @property
    def is_quick(self) -> bool:
        """Whether it is in the selection that ``--quick`` takes."""
        return self.scale == 1


CASES = [Case(1), Case(4), Case(10)]
