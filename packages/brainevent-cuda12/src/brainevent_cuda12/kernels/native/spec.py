"""What a kernel is for: the facts that its code depends on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, Final

from brainevent_core.encodings import BINARY, BITPACKED, FLOAT, SPARSE_FLOAT, Encoding

__all__ = ["CHUNK", "C_TYPES", "POINTERS", "SIZES", "KernelSpec"]

#: How many parameters of each kind every kernel has.
POINTERS, SIZES = 8, 8

#: The C++ types of elements. There is no arithmetic in half precision: such numbers are widened as they are read.
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

#: How many pointers share one maximum, see `pointers`.
CHUNK: Final = 256

_LAYOUTS = ("", "csr", "fixed_num", "dense", "columns")
_ENCODINGS = (FLOAT, SPARSE_FLOAT, BINARY, BITPACKED)


@dataclasses.dataclass(frozen=True)
class KernelSpec:
    """One kind of call.

    Attributes:
      strategy: which body, see `bodies`.
      layout: how rows are bounded: "csr" by pointers, "fixed_num" by their common width, "dense" likewise, with an
        entry in every column; "columns" are those of a dense matrix stored by rows; "" where there are no rows.
      value: the dtype of weights, and of x unless that is encoded.
      homogeneous: whether one weight is that of all entries.
      permuted: whether an array says where the weight of an entry is.
      encoding: what x holds.
      batched: whether x and the result have several columns.
      index: the dtype of indices.
      second: the dtype of pointers, or of the second of two coordinates.
      perm: the dtype of positions of weights.

    Raises:
      NotImplementedError: for what no body is written for.
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
        """Whether the warps of a block exchange values unequally often. On a CPU a block has one warp, then."""
        return False

    @property
    def wide(self) -> str:
        """The dtype in which sums are made, and results are."""
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
        """The arrays that say where entries are, and where their weights."""
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
        """All arrays of the kernel, in the order of its parameters: inputs, results, then what it needs besides."""
        outputs = {} if self.strategy == "pointers" else {"out": self.wide}
        return self.inputs | outputs | ({"maxima": "int64"} if "pointer" in self.inputs else {})

    @property
    def sizes(self) -> tuple[str, ...]:
        """The numbers of a call, in the order of the kernel's parameters; the same for all kernels.

        `nse` entries; `lines` rows, or pointers; `width` entries of every row; `bound` is the length that indices
        reach, of the result or of x, and `bound2` that of the second coordinates; `batch` columns; `share`: log2 of
        lanes for a row (gather), or how many rows a warp looks at (scatter); `columns`: log2 of lanes for the columns
        of an entry (scatter).
        """
        return ("nse", "lines", "width", "bound", "bound2", "batch", "share", "columns")

    @property
    def name(self) -> str:
        """All facts in words, a C identifier."""
        if self.strategy == "pointers":
            return f"be_pointers_{self.second}"
        return "_".join(["be", *self.words])

    @property
    def words(self) -> list[str]:
        """The facts as words, without those that make no difference."""
        words = [self.strategy, *([self.layout] if self.layout else []), self.value, self.encoding.name]
        words += [word for word in ("homogeneous", "permuted", "batched") if getattr(self, word)]
        words += [self.index] if "indices" in self.inputs or "target" in self.inputs else []
        words += [self.second] if {"pointer", "source"} & set(self.inputs) else []
        return [*words, *([self.perm] if self.permuted else [])]
