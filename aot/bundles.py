"""Loops and their bundles, read from libtpu's dumps of final code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Loop", "estimated", "largest_loop", "loops", "main_loop", "weighted"]

#: A bundle: its address, whether it begins a loop body, and the depth of its loops as a number of ">".
_BUNDLE = re.compile(r"\s*(?:0x[0-9a-f]+|\d+)\s+(L[HBE]|P[BF]|CT)?\s*:\s*(>*)\s*\{")

#: The number of iterations of a loop: the bound that its index is compared with.
_BOUND = re.compile(r"scmp\.(?:lt|ge|eq|ne)\.s32\.totalorder [^,]+, (\d+)")


@dataclass
class Loop:
    """A loop body.

    Attributes:
        depth: its nesting depth.
        around: the enclosing loop.
        first: the number of its first bundle.
        last: the number of its last bundle.
        turns: its number of iterations, 0 if the code doesn't contain it.
        inner: bundles of its inner loops.
    """

    depth: int
    around: Loop | None
    first: int
    last: int
    turns: int = 0
    inner: int = 0

    @property
    def bundles(self) -> int:
        """Its bundles without those of inner loops. A loop's branch and the empty bundles after it run in each
        iteration, but aren't marked as part of the loop, so everything between marked bundles is counted."""
        return self.last - self.first + 1 - self.inner


def loops(text: str) -> list[Loop]:
    """The loop bodies of a program, in the order of its code."""
    found: list[Loop] = []
    here: list[Loop] = []  # the loops that can contain a bundle, outermost first
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
    """Bundles of the largest innermost loop, which runs most often."""
    found = loops(text)
    deepest = max((loop.depth for loop in found), default=0)
    return max((loop.bundles for loop in found if loop.depth == deepest), default=0)


def largest_loop(text: str) -> int:
    """Bundles of the largest loop body, without those of inner loops."""
    return max((loop.bundles for loop in loops(text)), default=0)


def weighted(files: Iterable[Path]) -> float:
    """Bundles of XLA's gathers and scatters, weighted by the iterations of their loops over blocks of entries."""
    total = 0
    for file in files:
        if re.search(r"-(gather|scatter)[a-z_]*fusion", file.name):
            found = loops(file.read_text(errors="replace"))
            nested = [(loop.around.turns, loop.bundles) for loop in found if loop.around and loop.depth == 2]
            total += max((turns * bundles for turns, bundles in nested), default=0)
    return total


def estimated(text: str) -> int:
    """XLA's estimate of cycles for the longest fusion of a program. Estimates exist for elementwise operations and
    dense products, but not for gathers and scatters."""
    return max(map(int, re.findall(r'"estimated_cycles":"(\d+)"', text)), default=0)
