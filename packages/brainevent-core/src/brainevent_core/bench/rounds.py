"""Interleaved measurements, so that the drift of a machine's speed affects all contenders equally."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["Effort", "in_turns"]

K = TypeVar("K")


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: the number of rounds, in each of which every contender is measured once.
        seconds: the minimal duration of one measurement.
        patience: the maximal time for one contender in a case; slower contenders take part in fewer rounds, but in at
            least three.
    """

    rounds: int
    seconds: float
    patience: float

    def rounds_for(self, seconds: float) -> int:
        """The number of rounds of a contender whose measurement takes ``seconds``."""
        return min(self.rounds, max(3, int(self.patience / max(seconds, 1e-9))))


def in_turns(rounds: Mapping[K, int], measure: Callable[[K], object], progress: Callable[[str], None]) -> None:
    """Call ``measure`` for every contender once per round.

    Args:
        rounds: the number of rounds in which each contender takes part, the first ones.
        measure: takes the contender.
        progress: a function that gets messages about the progress.
    """
    for number in range(max(rounds.values(), default=0)):
        progress(f"round {number + 1}")
        # Every other round is in reverse order, so that no contender always follows the same one.
        for contender in list(rounds)[:: -1 if number % 2 else 1]:
            if number < rounds[contender]:
                measure(contender)
