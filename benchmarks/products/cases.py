"""The table of measured products. Needs only the standard library, for the environments of other packages."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["CASES", "MEMORY", "Case", "Format"]

Format = Literal["csr", "fan-out", "coo", "dense"]

MEMORY = "memory"
"""The contender that reads memory as fast as it goes, beside cases too large for the caches."""


@dataclass(frozen=True)
class Case:
    """One product of an n × n matrix of float32, with indices of int32.

    Attributes:
        event: whether the vector is of spikes (bool) or of floats (float32).
        side: the side of the vector. On the left of the matrix, entries of active rows are *scattered* to the result;
            on the right, each entry of the result *gathers* a row.
        format: ``fan-out`` is a fixed number of entries per row.
        n: number of rows, and of columns.
        density: the fraction of entries that are stored.
        activity: the fraction of neurons that spike; 1 for floats.
        weights: one per entry, or the same for all.
        batch: the number of vectors that are multiplied at once.
        column_index: whether the matrix has a column index.
    """

    event: bool
    side: Literal["left", "right"]
    format: Format
    n: int
    density: float
    activity: float
    weights: Literal["each", "same"] = "each"
    batch: int = 1
    column_index: bool = False

    @property
    def product(self) -> str:
        """The product as a user writes it."""
        vector = "spikes" if self.event else "v"
        return f"{vector}@{self.format}" if self.side == "left" else f"{self.format}@{vector}"

    @property
    def name(self) -> str:
        """Unique, and readable; ``--select`` searches in it."""
        parts = [self.product, f"n={self.n}", f"density={100 * self.density:g}%"]
        parts += [f"active={100 * self.activity:g}%"] * self.event
        parts += ["same-weight"] * (self.weights == "same")
        parts += [f"batch={self.batch}"] * (self.batch > 1)
        parts += ["column-index"] * self.column_index
        return "/".join(parts)

    @property
    def matrix(self) -> tuple[object, ...]:
        """A key that is equal for cases with the same matrix."""
        return self.format, self.n, self.density, self.weights

    @property
    def shows_threads(self) -> bool:
        """Whether it is large enough, and simple enough, to be measured with two threads by default."""
        plain = self.format in ("csr", "fan-out") and self.batch == 1 and self.weights == "each"
        return plain and not self.column_index and self.density >= 0.01 and self.activity >= 0.01

    @property
    def is_quick(self) -> bool:
        """Whether it is in the selection that ``--quick`` takes."""
        return self.n <= 10_000 and self.density >= 0.01 and self.activity in (0.01, 1.0)

    def bytes_moved(self, stored: int, active: int) -> int:
        """The bytes that a product must read and write at least: each needed byte once.

        These are the active rows, or all rows for a gather and for floats, with one index per entry, and one weight per
        entry unless weights are homogeneous; the vector; and the result.

        Args:
            stored: the number of stored entries.
            active: the number of active entries of the vectors.
        """
        sparse = self.format != "dense"
        selective = self.event and (self.side == "left" or self.column_index or not sparse)
        # A batch reads the rows that at least one of its vectors needs.
        entries = stored * (min(1.0, active / self.n) if selective else 1.0)
        per_entry = 4 * (self.weights == "each") + {"dense": 0, "coo": 8}.get(self.format, 4)
        vector = self.n * self.batch * (1 if self.event else 4)
        return round(entries * per_entry) + vector + 4 * self.n * self.batch


def _grid(**axes: Iterable[Any]) -> list[Case]:
    """All combinations; the axis ``size`` contains pairs of n and density."""
    combinations = (dict(zip(axes, values)) for values in itertools.product(*axes.values()))
    return [Case(n=size[0], density=size[1], **others) for size, others in ((c.pop("size"), c) for c in combinations)]


_SIZES = [(10_000, 0.01), (10_000, 0.001), (50_000, 0.01), (50_000, 0.001)]
_SMALL = [(10_000, 0.01)]
_DENSE = [(10_000, 1.0)]
_ROWS: list[Format] = ["csr", "fan-out"]
_EVENTS: dict[str, Any] = {"event": [True]}
_FLOATS: dict[str, Any] = {"event": [False], "activity": [1.0]}
_SIDES = ["left", "right"]

# Cases with the same matrix are adjacent where possible.
CASES = [
    *_grid(size=_SIZES, format=_ROWS, side=["left"], activity=[0.001, 0.01, 0.1, 1.0], **_EVENTS),
    *_grid(size=_SIZES, format=_ROWS, side=["right"], activity=[0.01, 0.1], **_EVENTS),
    *_grid(size=_SIZES, format=_ROWS, side=_SIDES, **_FLOATS),
    *_grid(size=_SIZES, format=["csr"], side=["right"], activity=[0.001, 0.01], column_index=[True], **_EVENTS),
    *_grid(size=_SMALL, format=["fan-out"], side=["right"], activity=[0.01], column_index=[True], **_EVENTS),
    *_grid(size=_SMALL, format=_ROWS, side=_SIDES, activity=[0.01, 0.1], weights=["same"], **_EVENTS),
    *_grid(size=_SMALL, format=_ROWS, side=_SIDES, activity=[0.01, 0.1], batch=[32], **_EVENTS),
    *_grid(size=_SMALL, format=["csr"], side=_SIDES, batch=[32], **_FLOATS),
    *_grid(size=_SMALL, format=["coo"], side=_SIDES, activity=[0.01], **_EVENTS),
    *_grid(size=_SMALL, format=["coo"], side=_SIDES, **_FLOATS),
    *_grid(size=_DENSE, format=["dense"], side=_SIDES, activity=[0.01, 0.1], **_EVENTS),
]
