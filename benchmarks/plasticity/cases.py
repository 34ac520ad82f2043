"""The table of measured updates. Needs only the standard library, for the environments of other packages."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.products.cases import Case as Product
from benchmarks.products.cases import Format

__all__ = ["BOUNDS", "CASES", "Case"]

#: Bounds of the weights, which start between 0.5 and 1.5 and grow: some are clipped, and none is out of bounds before.
BOUNDS = (0.0, 1.55)


@dataclass(frozen=True)
class Case:
    """One update of the weights of an n × n matrix of float32, with indices of int32 and bounds.

    Attributes:
        side: which neurons spike.
        clip: which weights are clipped. The published package clips all of them in any case; the result is the same.
        format: ``fan-out`` is a fixed number of entries per row. Entries of coo are sorted by row.
        n: number of rows, and of columns.
        density: the fraction of entries that are stored.
        activity: the fraction of neurons that spike.
        column_index: whether the matrix has a column index.
        shuffled: whether the entries are in random order.
    """

    side: Literal["pre", "post"]
    clip: Literal["updated", "all"]
    format: Format
    n: int
    density: float
    activity: float = 0.01
    column_index: bool = False
    shuffled: bool = False

    @property
    def name(self) -> str:
        """Unique, and readable; ``--select`` searches in it."""
        parts = [self.format, self.side, f"clip={self.clip}", f"n={self.n}"]
        parts += [f"density={100 * self.density:g}%"] * (self.format != "dense")
        parts += [f"active={100 * self.activity:g}%"]
        return "/".join(parts + ["column-index"] * self.column_index + ["shuffled"] * self.shuffled)

    @property
    def product(self) -> Product:
        """The product with the same matrix and spikes, which provides the arrays."""
        return Product(True, "left", self.format, self.n, self.density, self.activity)

    @property
    def event_driven(self) -> bool:
        """Whether the entries of a spiking neuron can be found without searching all entries."""
        return self.format == "dense" or self.side == "pre" or self.column_index

    @property
    def is_quick(self) -> bool:
        """Whether it is in the selection that ``--quick`` takes."""
        return self.format in ("csr", "dense") and self.event_driven


def _grid(**axes: Iterable[Any]) -> list[Case]:
    """All combinations."""
    return [Case(**dict(zip(axes, values))) for values in itertools.product(*axes.values())]


_SPARSE: dict[str, Any] = {"n": [10_000], "density": [0.01]}
_SIDES, _CLIPS = ["pre", "post"], ["updated", "all"]

# Cases with the same matrix are adjacent.
CASES = [
    *_grid(format=["dense"], n=[4_000], density=[1.0], side=_SIDES, clip=_CLIPS),
    *_grid(format=["csr"], side=_SIDES, clip=_CLIPS, **_SPARSE),
    *_grid(format=["csr"], side=["post"], clip=_CLIPS, column_index=[True], **_SPARSE),
    *_grid(format=["csr"], side=["pre"], clip=_CLIPS, activity=[0.001, 0.1], **_SPARSE),
    *_grid(format=["fan-out"], side=["pre"], clip=_CLIPS, **_SPARSE),
    *_grid(format=["coo"], side=_SIDES, clip=_CLIPS, **_SPARSE),
    *_grid(format=["coo"], side=["pre"], clip=_CLIPS, shuffled=[True], **_SPARSE),
]
