"""The cells of all operations on all backends, and the numbering of cases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from brainevent_core.testing.pairwise import rows
from fuzz.operations import Operation, Row, missing

__all__ = ["Case", "Cell", "Table", "table"]

SELDOM = 10
"""Large structures take ten times as long as small ones, and are drawn in one of so many rounds."""


@dataclass(frozen=True)
class Cell:
    """What all calls of a cell have in common: the operation, a row of its columns, and the backend."""

    operation: Operation
    row: Row
    backend: str

    def __str__(self) -> str:
        values = (f"{name}={value}" for name, value in self.row.items())
        return f"{self.operation.name} [{', '.join(values)}] on {self.backend}"


@dataclass(frozen=True)
class Case:
    """A call. Its number determines the cell, and together with the seed the arguments."""

    number: int
    cell: Cell


@dataclass(frozen=True)
class Table:
    """All cells, and the operations that are left out, each with the missing name."""

    cells: Sequence[Cell]
    left_out: dict[str, str]

    def case(self, number: int) -> Case:
        return Case(number, self.cells[number % len(self.cells)])

    def cases(self, cell: int, rounds: int) -> list[int]:
        """The numbers of the cases of a cell in this many rounds."""
        step = SELDOM if self.cells[cell].row.get("size") == "large" else 1
        return [cell + round_ * len(self.cells) for round_ in range(0, rounds, step)]

    def rounds_for(self, calls: int) -> int:
        """The number of rounds that make at least this many calls."""
        large = sum(cell.row.get("size") == "large" for cell in self.cells)
        return -(-calls * SELDOM // ((len(self.cells) - large) * SELDOM + large)) + 1


def table(operations: Sequence[Operation], select: Sequence[re.Pattern[str]] = ()) -> Table:
    """The cells of the available operations whose names match all patterns."""
    left_out: dict[str, str] = {}
    cells: list[Cell] = []
    for operation in operations:
        name = missing(operation)
        if name is not None:
            left_out[operation.name] = name
            continue
        columns: dict[str, list[Any]] = {key: list(values) for key, values in operation.columns.items()}
        for row in rows(columns, whole=len(columns) < 2, allowed=operation.allowed):
            cells += [Cell(operation, row, backend) for backend in operation.backends]
    chosen = [cell for cell in cells if all(pattern.search(str(cell)) for pattern in select)]
    return Table(chosen, left_out)
