"""Specifications of kernels: everything that the code of a kernel depends on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, Final

from brainevent_core.encodings import BINARY, BITPACKED, FLOAT, SPARSE_FLOAT, Encoding

__all__ = ["CHUNK", "C_TYPES", "POINTERS", "SIZES", "KernelSpec"]

#: The numbers of parameters of every kernel for addresses and for sizes.
POINTERS, SIZES = 8, 8

#: The C++ types of elements. No arithmetic is done in half precision: these numbers are widened when they are read.
C_TYPES: Final[Mapping[str, str]] = {
    "bool": "unsigned char",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long long",
    "uint8": "unsigned char",
    "uint16": "unsigned short",
    "uint32": "unsigned int",
    "uint64": "unsigned long long",
    "float16": "wp::half",
    "bfloat16": "unsigned short",
    "float32": "float",
    "float64": "double",
}

#: The number of pointers per chunk, of which there is one maximum, see `bodies`.
CHUNK: Final = 256

_LAYOUTS = ("", "csr", "fixed_num", "dense", "columns")
_ENCODINGS = (FLOAT, SPARSE_FLOAT, BINARY, BITPACKED)


@dataclasses.dataclass(frozen=True)
class KernelSpec:
    """One kind of call.

    Attributes:
      strategy: which body, see `bodies`.
      layout: how rows are bounded: "csr" by pointers, "fixed_num" by their common width, "dense" likewise, with an
        entry in every column; "columns" walks the columns of a row-major dense matrix; "" without rows.
      value: the dtype of weights, and of x unless it is encoded.
      homogeneous: whether all entries have the same weight.
      permuted: whether an array has the positions of the weights of entries.
      encoding: the encoding of x.
      batched: whether x and the result have several columns.
      index: the dtype of indices.
      second: the dtype of pointers, or of the second of two coordinates.
      perm: the dtype of positions of weights.

    Raises:
      NotImplementedError: for values that no body supports.
    """

    strategy: str
    layout: str = ""
    value: str = "float32"
    homogeneous: bool = False
    permuted: bool = False
    encoding: Encoding = BINARY
    batched: bool = False
    index: str = "int32"
    second: str = "int32"
    perm: str = "int32"

    strategies: ClassVar[tuple[str, ...]] = ("pointers", "gather", "scatter", "coordinates")

    def __post_init__(self) -> None:
        for given, known in (
            (self.strategy, self.strategies),
            (self.layout, _LAYOUTS),
            (self.encoding, _ENCODINGS),
            (self.value, ("float16", "bfloat16", "float32", "float64")),
            *((dtype, tuple(C_TYPES)) for dtype in (self.index, self.second, self.perm)),
        ):
            if given not in known:
                raise NotImplementedError(f"No kernel is written for {given!r}, only for {', '.join(map(str, known))}.")

    @property
    def uneven(self) -> bool:
        """Whether the warps of a block exchange values unequally often. If so, a block on a CPU has a single warp."""
        return False

    @property
    def wide(self) -> str:
        """The dtype in which sums are accumulated and returned."""
        return "float64" if self.value == "float64" else "float32"

    @property
    def x(self) -> str:
        """The dtype of x."""
        return {BINARY: "bool", BITPACKED: "uint32"}.get(self.encoding, self.value)

    @property
    def inputs(self) -> dict[str, str]:
        """The arrays that the kernel reads, in order, and their dtypes."""
        if self.strategy == "pointers":
            return {"pointer": self.second}
        return {"data": self.value, **self.structure, "x": self.x}

    @property
    def structure(self) -> dict[str, str]:
        """The arrays with the positions of entries and of their weights."""
        found: dict[str, str] = {}
        if self.strategy == "coordinates":
            found |= {"target": self.index, "source": self.second}
        elif self.layout in ("csr", "fixed_num"):
            found["indices"] = self.index
        if self.layout == "csr":
            found["pointer"] = self.second
        if self.permuted:
            found["perm"] = self.perm
        return found

    @property
    def arrays(self) -> dict[str, str]:
        """All arrays of the kernel, in the order of its parameters: inputs, results, then auxiliary arrays."""
        outputs = {} if self.strategy == "pointers" else {"out": self.wide}
        return self.inputs | outputs | ({"maxima": "int64"} if "pointer" in self.inputs else {})

    @property
    def sizes(self) -> tuple[str, ...]:
        """The numbers of a call, in the order of the kernel's parameters; the same for all kernels.

        `nse`: number of entries; `lines`: number of rows, or of pointers; `width`: entries per row; `bound`: exclusive
        upper bound of indices, the length of the result or of x; `bound2`: the same for the second coordinates;
        `batch`: number of columns of x; `share`: log2 of the lanes per row (gather), or the number of rows that a warp
        checks (scatter); `columns`: log2 of the lanes for the columns of an entry (scatter).
        """
        return ("nse", "lines", "width", "bound", "bound2", "batch", "share", "columns")

    @property
    def name(self) -> str:
        """A C identifier that contains all attributes."""
        if self.strategy == "pointers":
            return f"be_pointers_{self.second}"
        return "_".join(["be", *self.words])

    @property
    def words(self) -> list[str]:
        """The attributes as words, without those that make no difference."""
        words = [self.strategy, *([self.layout] if self.layout else []), self.value, self.encoding.name]
        words += [word for word in ("homogeneous", "permuted", "batched") if getattr(self, word)]
        words += [self.index] if "indices" in self.inputs or "target" in self.inputs else []
        words += [self.second] if {"pointer", "source"} & set(self.inputs) else []
        return [*words, *([self.perm] if self.permuted else [])]
