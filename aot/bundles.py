"""Loops and their bundles, read from libtpu's dumps of final code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Loop", "estimated", "largest_loop", "loops", "main_loop", "weighted"]

#: A bundle: its address, whether a loop body begins, and the depth of the loops that it is in, as so many ">".
_BUNDLE = re.compile(r"\s*(?:0x[0-9a-f]+|\d+)\s+(L[HBE]|P[BF]|CT)?\s*:\s*(>*)\s*\{")

#: How often a loop runs: what its index is compared with.
_BOUND = re.compile(r"scmp\.(?:lt|ge|eq|ne)\.s32\.totalorder [^,]+, (\d+)")


@dataclass
class Loop:
    """A loop body.

    Attributes:
        depth: how deep it is nested.
        around: the loop that it is in.
        first: its first bundle, by number.
        last: its last one.
        turns: how often it runs, as far as the code says; 0 if it doesn't.
        inner: bundles of the loops in it.
    """

    depth: int
    around: Loop | None
    first: int
    last: int
    turns: int = 0
    inner: int = 0

    @property
    def bundles(self) -> int:
        """Its bundles without those of the loops in it. A loop's branch and the empty bundles behind it run in each
        turn, but aren't marked as the loop's: what lies between marked ones belongs to it."""
        return self.last - self.first + 1 - self.inner


def loops(text: str) -> list[Loop]:
    """The loop bodies of a program, in the order of its code."""
    found: list[Loop] = []
    here: list[Loop] = []  # the loops that a bundle can be in, from the outermost
    for number, line in enumerate(filter(_BUNDLE.match, text.splitlines())):
        match = _BUNDLE.match(line)
        assert match is not None
        depth = len(match[2])
        if match[1] == "LB":
            here = [loop for loop in here if loop.depth < depth]
            here.append(Loop(depth, here[-1] if here else None, number, number))
            found.append(here[-1])
        for loop in here:
            if loop.depth <= depth:
                loop.last = number
            if loop.depth == depth:
                loop.turns = loop.turns or max(map(int, _BOUND.findall(line)), default=0)
    for loop in found:
        if loop.around is not None:
            loop.around.inner += loop.last - loop.first + 1
    return found


def main_loop(text: str) -> int:
    """Bundles of the loop that runs most often: of the innermost ones, the largest."""
    found = loops(text)
    deepest = max((loop.depth for loop in found), default=0)
    return max((loop.bundles for loop in found if loop.depth == deepest), default=0)


def largest_loop(text: str) -> int:
    """Bundles of the largest loop body, without those of the loops in it."""
    return max((loop.bundles for loop in loops(text)), default=0)


def weighted(files: Iterable[Path]) -> float:
    """Bundles of XLA's gathers and scatters, each as often as its loop over blocks of entries runs."""
    total = 0
    for file in files:
        if re.search(r"-(gather|scatter)[a-z_]*fusion", file.name):
            found = loops(file.read_text(errors="replace"))
            nested = [(loop.around.turns, loop.bundles) for loop in found if loop.around and loop.depth == 2]
            total += max((turns * bundles for turns, bundles in nested), default=0)
    return total


def estimated(text: str) -> int:
    """Cycles that XLA expects of the fusion of a program that takes the longest. It knows what elementwise operations
    and dense products take, and nothing of gathers and scatters."""
    return max(map(int, re.findall(r'"estimated_cycles":"(\d+)"', text)), default=0)
