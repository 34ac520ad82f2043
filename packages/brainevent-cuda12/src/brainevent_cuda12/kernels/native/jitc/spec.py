"""Specifications of kernels for generated connectivity."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from brainevent_core.jitc import NORMAL, SCALAR, UNIFORM, Law

from ..spec import KernelSpec

__all__ = ["LAWS", "JitcSpec"]

#: The laws of weights whose variates kernels can generate.
LAWS = (SCALAR, UNIFORM, NORMAL)

_PRODUCTS = ("jitc_gather", "jitc_scatter")
_OUTPUTS = {
    "jitc_dense": {"connected": "bool", "drawn": "uint32"},
    "jitc_count": {"counts": "int32"},
    "jitc_list": {"columns": "int32", "drawn": "uint32"},
}


@dataclasses.dataclass(frozen=True)
class JitcSpec(KernelSpec):
    """One kind of call, see `KernelSpec`, for a generated matrix.

    Attributes:
      law: of the weights.
      digits: the number of draws per gap, each of which is a digit of the gap.
      cells: the base of these digits.
      split: whether several groups of lanes gather a row and add their sums atomically.

    Raises:
      NotImplementedError: for values that no body supports.
    """

    law: Law = SCALAR
    digits: int = 1
    cells: int = 1024
    split: bool = False

    strategies: ClassVar[tuple[str, ...]] = (*_PRODUCTS, *_OUTPUTS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.law not in LAWS:
            raise NotImplementedError(f"No kernel is written for {self.law}, only for {', '.join(map(str, LAWS))}.")

    @property
    def uneven(self) -> bool:
        return True  # the number of steps of a block depends on its gaps

    @property
    def product(self) -> bool:
        """Whether it computes a product; otherwise it writes connections, which are the same for all laws."""
        return self.strategy in _PRODUCTS

    @property
    def inputs(self) -> dict[str, str]:
        if self.product:
            return {"data": self.value, "seed": "uint32", "offset": "uint32", "tables": "uint32", "x": self.x}
        before = {"before": "int32"} if self.strategy == "jitc_list" else {}
        return {"seed": "uint32", "offset": "uint32", "tables": "uint32", **before}

    @property
    def outputs(self) -> dict[str, str]:
        """The arrays that the kernel writes, in order, and their dtypes."""
        return {"out": self.wide} if self.product else _OUTPUTS[self.strategy]

    @property
    def arrays(self) -> dict[str, str]:
        return self.inputs | self.outputs

    @property
    def sizes(self) -> tuple[str, ...]:
        """The numbers of a call, in the order of the kernel's parameters; the same for all kernels of one kind.

        `lines`: number of rows; `length`: of a row; `block`: elements per block; `parts`: groups of lanes that share
        the blocks of a row; `turns`: blocks per group; `share`: log2 of the lanes per group, or the number of rows that
        a warp checks (scatter). Products have `batch`, the number of columns of x, and `columns`, log2 of the lanes for
        these; other kernels have `nse`, the capacity for connections.
        """
        common = ("lines", "length", "block", "parts", "turns", "share")
        return (*common, "batch", "columns") if self.product else (*common, "nse")

    @property
    def name(self) -> str:
        words = ["be", self.strategy, f"{self.digits}x{self.cells}"]
        if self.product:
            words += [self.law.name, self.value, self.encoding.name]
            words += [word for word in ("batched", "split") if getattr(self, word)]
        return "_".join(words)
