"""`KernelSpec`: everything that the machine code of a kernel depends on. Imports no Numba."""

from __future__ import annotations

import dataclasses

from brainevent_core.encodings import BINARY, BITPACKED, COMPACT, FLOAT, SPARSE_FLOAT, Encoding
from brainevent_core.primitives import CLIPS

__all__ = ["ENCODINGS", "EXTENTS", "LAYOUTS", "WEIGHTS", "KernelSpec"]

#: What kernels support. Calls with anything else must be declined before they get here.
ENCODINGS = (FLOAT, SPARSE_FLOAT, BINARY, BITPACKED, COMPACT)
LAYOUTS = ("csr", "fixed_num")
EXTENTS = ("all", "source", "target", "entry")
WEIGHTS = ("homogeneous", "entries", "float16", "bfloat16")


@dataclasses.dataclass(frozen=True)
class KernelSpec:
    """One kind of call. A kernel is compiled for each kind that occurs, and for its dtypes.

    Attributes:
      family: the module of `native` that builds the kernel, with its subpackage if it is in one.
      layout: how rows are bounded: "csr" by pointers, "fixed_num" by their common width, "" if it doesn't matter.
      weights: "homogeneous", one for all entries; "entries", one per entry; "float16" or "bfloat16", one per entry, as
        the bits of half-precision numbers.
      encoding: what x holds, one of `ENCODINGS`.
      transpose: whether x runs along the rows of the stored matrix instead of its columns.
      batched: whether x has several columns.
      permuted: whether weights are stored in another order than indices, with an array of their positions.
      shared: whether several entries can share a weight, if permuted.
      lanes: whether to use SIMD loads and gathers, see `bridge.simd`.
      short: whether rows have so few entries, on average, that a mispredicted row end costs more than the entries.
      delays: for deliveries, what each delay belongs to, one of `EXTENTS`.
      clip: for plasticity, which weights are clipped, one of `brainevent_core.primitives.CLIPS`.
      serial: whether there is so little work that one thread suffices; code for several threads isn't compiled.
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
        """Whether zeros of x are skipped."""
        return self.encoding.selects

    @property
    def homogeneous(self) -> bool:
        return self.weights == "homogeneous"

    @property
    def words(self) -> tuple[str, ...]:
        """The specification as words, for names."""
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
