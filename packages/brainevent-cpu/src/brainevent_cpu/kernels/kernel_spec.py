"""What kind of call a kernel is for: the facts that its machine code depends on. Imports no Numba."""

from __future__ import annotations

import dataclasses

from brainevent_core.encodings import BINARY, BITPACKED, COMPACT, FLOAT, SPARSE_FLOAT, Encoding
from brainevent_core.primitives import CLIPS

__all__ = ["ENCODINGS", "EXTENTS", "LAYOUTS", "WEIGHTS", "KernelSpec"]

#: What kernels know. They are written for these and no others: whatever is not one of them must not get so far.
ENCODINGS = (FLOAT, SPARSE_FLOAT, BINARY, BITPACKED, COMPACT)
LAYOUTS = ("csr", "fixed_num")
EXTENTS = ("all", "source", "target", "entry")
WEIGHTS = ("homogeneous", "entries", "float16", "bfloat16")


@dataclasses.dataclass(frozen=True)
class KernelSpec:
    """One kind of call. A kernel is compiled for each that occurs, and for its dtypes.

    Attributes:
      family: the module of `native` that builds the kernel, with its package if it is in one.
      layout: how rows are bounded: "csr" by pointers, "fixed_num" by their common width; "" where nothing depends on
        it.
      weights: "homogeneous", one for all entries; "entries", one for each; "float16" or "bfloat16", one for each, as
        the bits of such numbers.
      encoding: what x holds, one of `ENCODINGS`.
      transpose: whether x runs along the rows of what is stored, rather than along its columns.
      batched: whether x has several columns.
      permuted: whether weights are stored in another order than indices, and an array says where each is.
      shared: whether several entries can have one weight, then.
      lanes: whether to read and look up vectors of numbers, see `bridge.simd`.
      short: whether rows have so few entries, on average, that where they end costs more than they do.
      delays: of a delivery, what each delay is for, one of `EXTENTS`.
      clip: of plasticity, which weights are clipped, one of `brainevent_core.primitives.CLIPS`.
      serial: whether there is so little work that one thread does it: what others would need isn't compiled.
    """

    family: str
    layout: str = ""
    weights: str = "entries"
    encoding: Encoding = FLOAT
    transpose: bool = False
    batched: bool = False
    permuted: bool = False
    shared: bool = False
    lanes: bool = False
    short: bool = False
    delays: str = ""
    clip: str = ""
    serial: bool = False

    def __post_init__(self) -> None:
        for given, known in (
            (self.layout, ("", *LAYOUTS)),
            (self.weights, WEIGHTS),
            (self.encoding, ENCODINGS),
            (self.delays, ("", *EXTENTS)),
            (self.clip, ("", *CLIPS)),
        ):
            if given not in known:
                names = ", ".join(map(repr, known))
                raise NotImplementedError(f"No kernel is written for {given!r}, only for {names}.")

    @property
    def event(self) -> bool:
        """Whether x holds events that count as 1."""
        return self.encoding.event

    @property
    def selects(self) -> bool:
        """Whether zeros of x select nothing."""
        return self.encoding.selects

    @property
    def homogeneous(self) -> bool:
        return self.weights == "homogeneous"

    @property
    def words(self) -> tuple[str, ...]:
        """All facts as words, for names."""
        return (
            self.family,
            *([self.layout] if self.layout else []),
            self.weights,
            self.encoding.name,
            *(["transposed"] if self.transpose else []),
            *(["batched"] if self.batched else []),
            *(["permuted"] if self.permuted else []),
            *(["shared"] if self.shared else []),
            *(["lanes"] if self.lanes else []),
            *(["short"] if self.short else []),
            *([f"delay_by_{self.delays}"] if self.delays else []),
            *([self.clip] if self.clip else []),
            *(["serial"] if self.serial else []),
        )
