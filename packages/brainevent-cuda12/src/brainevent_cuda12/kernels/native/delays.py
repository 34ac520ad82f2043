"""Kernels for the ring buffer of delays, with one slot per step: adding delayed input, and taking the present slot."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Final

from .spec import C_TYPES, KernelSpec
from .walks import walk

__all__ = ["DeliverySpec", "TakingSpec", "deliver", "take"]

#: The index into the delays for an entry, by the extent of one delay.
_DELAY_AT: Final = {"all": "0", "entry": "at", "source": "from", "target": "to"}

#: The slot of this step. The cast is safe: no step is so large that it needs the highest bit of a uint64.
_NOW: Final = "long long now = (long long)t[0] % slots; now = now < 0 ? now + slots : now;"


@dataclasses.dataclass(frozen=True)
class DeliverySpec(KernelSpec):
    """A kernel that adds to a ring, of the dtype `wide`.

    Attributes:
      extent: what one delay applies to: "all" entries, one "entry", or the entries of a "source" or a "target".
      delay: the dtype of delays.
      step: the dtype of the step.
    """

    extent: str = "entry"
    delay: str = "int32"
    step: str = "int32"

    strategies: ClassVar[tuple[str, ...]] = ("gather", "scatter", "coordinates")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.extent not in _DELAY_AT or not {self.delay, self.step} <= set(C_TYPES):
            given = (self.extent, self.delay, self.step)
            raise NotImplementedError(f"No kernel is written for {given!r}, only for {', '.join(_DELAY_AT)}.")

    @property
    def inputs(self) -> dict[str, str]:
        return {"data": self.value, **self.structure, "delay": self.delay, "t": self.step, "x": self.x}

    @property
    def sizes(self) -> tuple[str, ...]:
        """The sizes of `KernelSpec` that the walk needs, and `slots`. All of them together would be too many."""
        walked = {
            "gather": ("lines", "bound", "share"),
            "scatter": ("lines", "bound", "share", "parts"),
            "coordinates": ("bound", "bound2"),
        }[self.strategy]
        return ("nse", *walked, *(["width"] if self.layout == "fixed_num" else []), "slots")

    @property
    def words(self) -> list[str]:
        return ["deliver", self.extent, *super().words, self.delay, self.step]


def deliver(spec: DeliverySpec) -> str:
    """The body: `ring[(t + delay) mod slots, to] += weight · x[from]`, if the delay is in [1, slots)."""
    length = "lines" if spec.strategy == "gather" else "bound"
    each = f"""const long long later = (long long)delay[{_DELAY_AT[spec.extent]}];
            if (later >= 1 && later < slots) {{
                const long long slot = now + later < slots ? now + later : now + later - slots;
                add_to(out + slot * {length} + to, times_x(weight(k), from, 0));
            }}"""
    return f"    {_NOW}\n" + walk(spec, each)


@dataclasses.dataclass(frozen=True)
class TakingSpec(KernelSpec):
    """A kernel that copies a slot of a ring and clears it.

    Attributes:
      step: the dtype of the step.
    """

    step: str = "int32"

    strategies: ClassVar[tuple[str, ...]] = ("take",)

    @property
    def inputs(self) -> dict[str, str]:
        return {"t": self.step}

    @property
    def arrays(self) -> dict[str, str]:
        return {**self.inputs, "out": self.value, "taken": self.value}

    @property
    def sizes(self) -> tuple[str, ...]:
        """`slots`, and the `length` of a slot."""
        return ("slots", "length")

    @property
    def words(self) -> list[str]:
        return ["take", self.value, self.step]


def take(spec: TakingSpec) -> str:
    """The body: one thread per number of the slot."""
    kind = C_TYPES[spec.value]
    return f"""
    if (item < length) {{
        {_NOW}
        {kind}* const place = out + now * length + item;
        const {kind} nothing{{}};
        taken[item] = *place;
        *place = nothing;
    }}
"""
