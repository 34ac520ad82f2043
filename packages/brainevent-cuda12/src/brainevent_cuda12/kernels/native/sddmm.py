"""`y[to] · x[from]` for each entry, the derivative of a product with respect to its weights."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from .numbers import writers
from .spec import KernelSpec
from .walks import walk

__all__ = ["SddmmSpec", "sddmm"]


@dataclasses.dataclass(frozen=True)
class SddmmSpec(KernelSpec):
    """A kernel that writes a number for each entry whose source is selected, to an output filled with zeros.

    Attributes:
      shared: whether entries can share a weight, and therefore a number of the result: they add to it, in `wide`.
    """

    shared: bool = False

    strategies: ClassVar[tuple[str, ...]] = ("gather", "scatter", "coordinates")

    @property
    def out(self) -> str:
        """The dtype of the result."""
        return self.wide if self.shared else self.value

    @property
    def inputs(self) -> dict[str, str]:
        return {**self.structure, "y": self.value, "x": self.x}

    @property
    def arrays(self) -> dict[str, str]:
        return self.inputs | {"out": self.out} | ({"maxima": "int64"} if "pointer" in self.inputs else {})

    @property
    def sizes(self) -> tuple[str, ...]:
        """As in `KernelSpec`; for `parts` see `walks`."""
        return ("nse", "lines", "width", "bound", "bound2", "batch", "share", "parts")

    @property
    def words(self) -> list[str]:
        return ["sddmm", *(["shared"] if self.shared else []), *super().words]


def sddmm(spec: SddmmSpec) -> str:
    """The body."""
    put = "add_to(out + at, sum);" if spec.shared else "store(out, at, sum);"
    if spec.batched:
        each = f"""WIDE sum = 0;
            for (long long c = 0; c < batch; ++c)
                if (selects(from, c)) sum += times_x(number(y, to * batch + c), from, c);
            {put}"""
        return _declared(spec) + walk(spec, each)
    of_target = "const WIDE of_y = number(y, to);"
    return _declared(spec) + walk(spec, f"const WIDE sum = times_x(of_y, from, 0); {put}", of_target)


def _declared(spec: SddmmSpec) -> str:
    return "" if spec.shared else writers(spec.value, "number")
