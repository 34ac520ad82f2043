"""What a kernel takes, as a list: formats, encodings and laws are open tables, and what a kernel doesn't know it would
compute wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FirstOf", "Takes", "lists_nothing"]


def lists_nothing(static: dict[str, Any]) -> str | None:
    """Why a kernel without ``supports`` doesn't take a call; None if nothing in the call is of an open table."""
    for parameter, attribute in (("format", "components"), ("encoding", "decode"), ("rule", "law")):
        if hasattr(static.get(parameter), attribute):
            return f"it does not say which values of {parameter!r} it takes: register it with supports=Takes(...)"
    return None


@dataclass(frozen=True)
class Takes:
    """The calls that a kernel takes; to be given as ``supports`` to :meth:`KernelRegistry.register_kernel`.

    A call is declined if one of its parameters is of a kind that is listed and isn't in the list. New formats,
    components, encodings and laws run on the reference until a kernel lists them.

    Attributes:
        formats: the values of ``format`` that it takes, one by one, those with components as well.
        encodings: the values of ``encoding``.
        laws: the laws of ``rule``.
        dtypes: names of dtypes of the first operand.
        further: ``further(*avals, **static)``: a condition on calls that pass all lists, None if there is none.

    Example:
        >>> import jax
        >>> from brainevent_core.encodings import BINARY, FLOAT
        >>> from brainevent_core.formats import COO_FORMAT, CSR_FORMAT
        >>> from brainevent_core.plugins import Takes
        >>> takes = Takes(formats=(CSR_FORMAT,), encodings=(BINARY, FLOAT), dtypes=("float32",))
        >>> takes.why_not(jax.ShapeDtypeStruct((3,), "float32"), format=COO_FORMAT, encoding=BINARY)
        'it takes the formats csr, not coo'
    """

    formats: Collection[Any] | None = None
    encodings: Collection[Any] | None = None
    laws: Collection[Any] | None = None
    dtypes: Collection[str] | None = None
    further: Callable[..., bool] | None = None

    def __call__(self, *avals: Any, **static: Any) -> bool:
        """Whether it takes a call with these abstract operands and static parameters."""
        return self.why_not(*avals, **static) is None

    def why_not(self, *avals: Any, **static: Any) -> str | None:
        """Why it doesn't take the call, None if it does."""
        law = static["rule"].law if "rule" in static else None
        for what, listed, given in (
            ("formats", self.formats, static.get("format")),
            ("encodings", self.encodings, static.get("encoding")),
            ("laws", self.laws, law),
            ("dtypes", self.dtypes, avals[0].dtype.name if avals else None),
        ):
            if given is None:
                continue
            if listed is None:
                if what != "dtypes":
                    return f"it lists no {what}"
            elif given not in listed:
                return f"it takes the {what} {', '.join(map(str, listed))}, not {given}"
        if self.further is not None and not self.further(*avals, **static):
            return "it declines these operands"
        return None


@dataclass(frozen=True)
class FirstOf:
    """What a kernel takes that has several strategies: the first that takes a call computes it. To be given as
    ``supports``.

    Attributes:
        strategies: what each takes, by its name, in the order in which they are asked.
    """

    strategies: Mapping[str, Takes]

    def __call__(self, *avals: Any, **static: Any) -> bool:
        """Whether any takes a call with these abstract operands and static parameters."""
        return self.first(*avals, **static) is not None

    def first(self, *avals: Any, **static: Any) -> str | None:
        """The name of the first that takes the call, None if none does."""
        return next((name for name, takes in self.strategies.items() if takes(*avals, **static)), None)

    def why_not(self, *avals: Any, **static: Any) -> str | None:
        """Why none takes the call, None if one does."""
        reasons = {}
        for name, takes in self.strategies.items():
            reason = takes.why_not(*avals, **static)
            if reason is None:
                return None
            reasons[name] = reason
        return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
