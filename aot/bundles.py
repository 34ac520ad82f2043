"""Loops and their bundles, read from libtpu's dumps of final code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Loop", "estimated", "loops", "main_loop", "weighted"]

#: A bundle: its address, whether a loop body begins, and the depth of the loops that it is in, as so many ">".
_BUNDLE = re.compile(r"\s*(?:0x[0-9a-f]+|\d+)\s+(L[HBE]|P[BF]|CT)?\s*:\s*(>*)\s*\{")

#: How often a loop runs: what its index is compared with.
_BOUND = re.compile(r"scmp\.(?:lt|ge|eq|ne)\.s32\.totalorder [^,]+, (\d+)")


@dataclass
class Loop:
    """A loop body: how deep it is nested, and its bundles without those of the loops in it."""

    depth: int
    bundles: int


def loops(text: str) -> list[Loop]:
    """The loop bodies of a program, in the order of its code."""
    found: list[Loop] = []
    for line in text.splitlines():
        match = _BUNDLE.match(line)
        if match is None:
            continue
        depth = len(match[2])
        if match[1] == "LB":
            found.append(Loop(depth, 0))
        here = next((loop for loop in reversed(found) if loop.depth == depth), None)
        if here is not None:
            here.bundles += 1
    return found


def main_loop(text: str) -> int:
    """Bundles of the loop that runs most often: of the innermost ones, the largest."""
    found = loops(text)
    deepest = max((loop.depth for loop in found), default=0)
    return max((loop.bundles for loop in found if loop.depth == deepest), default=0)


def weighted(files: Iterable[Path]) -> float:
    """Bundles of XLA's gathers and scatters, each as often as its loop over blocks of entries runs."""
    total = 0.0
    for file in files:
        if re.search(r"-(gather|scatter)[a-z_]*fusion", file.name):
            total += max((turns * bundles for turns, bundles in _bodies(file.read_text(errors="replace"))), default=0)
    return total


def estimated(text: str) -> int:
    """Cycles that XLA expects of the fusion of a program that takes the longest. It knows what elementwise operations
    and dense products take, and nothing of gathers and scatters."""
    return max(map(int, re.findall(r'"estimated_cycles":"(\d+)"', text)), default=0)


def _bodies(text: str) -> Iterator[tuple[int, int]]:
    """Of each loop body in another loop, how often the outer loop runs, as far as it says, and its own bundles."""
    bound, turns, bundles = 0, 0, 0
    for line in text.splitlines():
        match = _BUNDLE.match(line)
        if match is None:
            continue
        depth = len(match[2])
        if match[1] == "LB" and depth == 1:
            bound = 0
        if match[1] == "LB" and depth == 2:
            yield turns, bundles
            turns, bundles = bound, 0
        if depth == 1 and not bound:
            bound = max(map(int, _BOUND.findall(line)), default=0)
        bundles += depth == 2
    yield turns, bundles
