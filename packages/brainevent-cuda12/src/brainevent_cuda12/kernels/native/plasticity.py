"""Updates of weights by events, in place."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Final

from .numbers import writers
from .spec import KernelSpec
from .walks import walk

__all__ = ["ACTIONS", "UpdateSpec", "update"]

#: The updates of a weight, in C++. If entries share a weight, all of them add to it before it is clipped.
ACTIONS: Final = {
    "add": "store(out, at, number(out, at) + amount);",
    "add_and_clip": "store(out, at, bounded(number(out, at) + amount, at));",
    "add_to_shared": "add_at(out, at, amount);",
    "clip": "const WIDE w = number(out, at), v = bounded(w, at); if (!(v == w)) store(out, at, v);",
}


@dataclasses.dataclass(frozen=True)
class UpdateSpec(KernelSpec):
    """A kernel that updates weights.

    Its strategy is that of a product with the same active entries: "scatter" walks only rows with an event, "gather"
    and "coordinates" search all entries for events. "weights" processes all weights, independent of entries.

    Attributes:
      action: one of `ACTIONS`.
      lower_each: whether each weight has its own lower bound, rather than one for all.
      upper_each: the same for upper bounds.
    """

    action: str = "add_and_clip"
    lower_each: bool = False
    upper_each: bool = False

    strategies: ClassVar[tuple[str, ...]] = ("gather", "scatter", "coordinates", "weights")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.action not in ACTIONS:
            raise NotImplementedError(f"No kernel is written for {self.action!r}, only for {', '.join(ACTIONS)}.")

    @property
    def adds(self) -> bool:
        return self.action.startswith("add")

    @property
    def clips(self) -> bool:
        return self.action.endswith("clip")

    @property
    def inputs(self) -> dict[str, str]:
        """See `KernelSpec.inputs`; the weights are only an output."""
        walked = {} if self.strategy == "weights" else {**self.structure, "x": self.x}
        trace = {"trace": self.value} if self.adds else {}
        return walked | trace | ({"lower": self.value, "upper": self.value} if self.clips else {})

    @property
    def arrays(self) -> dict[str, str]:
        return self.inputs | {"out": self.value} | ({"maxima": "int64"} if "pointer" in self.inputs else {})

    @property
    def sizes(self) -> tuple[str, ...]:
        """As in `KernelSpec`, but `nse` is the number of weights; for `parts` see `walks`."""
        return ("nse", "lines", "width", "bound", "bound2", "share", "parts")

    @property
    def words(self) -> list[str]:
        each = [word for word in ("lower_each", "upper_each") if self.clips and getattr(self, word)]
        return ["update", self.action, *each, *super().words]


def update(spec: UpdateSpec) -> str:
    """The body: an event of `from` adds `trace[to]` to the weight."""
    declared = writers(spec.value, "number") + (_bounds(spec) if spec.clips else "")
    each = ACTIONS[spec.action]
    if spec.strategy == "weights":
        return f"""{declared}
    if (item < nse) {{
        const long long at = item;
        {each}
    }}
"""
    return declared + walk(spec, each, "const WIDE amount = number(trace, to);" if spec.adds else "")


def _bounds(spec: UpdateSpec) -> str:
    """`bounded(v, at)`: like `jnp.clip`, including NaNs of the value and of the bounds."""
    low, high = (
        f"number({name}, at)" if each else name[:2]
        for name, each in (("lower", spec.lower_each), ("upper", spec.upper_each))
    )
    once = [
        f"    const WIDE {name[:2]} = number({name}, 0);"
        for name, each in (("lower", spec.lower_each), ("upper", spec.upper_each))
        if not each
    ]
    return "\n".join(
        [
            "",
            *once,
            f"""    auto bounded = [=](WIDE v, long long at) -> WIDE {{
        const WIDE low = {low}, high = {high};
        v = v < low || low != low ? low : v;
        return v > high || high != high ? high : v;
    }};""",
        ]
    )
