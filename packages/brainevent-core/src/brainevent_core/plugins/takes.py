"""The calls that a kernel supports, as lists. New formats, encodings and laws can be registered at any time, and a
kernel would compute wrong results for unknown ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FirstOf", "Takes", "lists_nothing"]


def lists_nothing(static: dict[str, Any]) -> str | None:
    """Why a kernel without ``supports`` declines a call; None if no parameter of the call is from an open table."""
    for parameter, attribute in (("format", "components"), ("encoding", "decode"), ("rule", "law")):
        if hasattr(static.get(parameter), attribute):
            return f"it does not say which values of {parameter!r} it takes: register it with supports=Takes(...)"
    return None


@dataclass(frozen=True)
class Takes:
    """The calls that a kernel supports, for the argument ``supports`` of :meth:`KernelRegistry.register_kernel`.

    A call is declined if one of its parameters is of a listed kind but not in the list. New formats, components,
    encodings and laws run on the reference until a kernel lists them.

    Attributes:
        formats: the supported values of ``format``; formats with components are listed separately.
        encodings: the supported values of ``encoding``.
        laws: the supported laws of ``rule``.
        dtypes: names of the supported dtypes of the first operand.
        further: ``further(*avals, **static)``: a condition for calls that pass all lists, or None.

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
        """Whether it supports a call with these abstract operands and static parameters."""
        return self.why_not(*avals, **static) is None

    def why_not(self, *avals: Any, **static: Any) -> str | None:
        """The reason why it doesn't support the call, or None."""
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
    """The calls supported by a kernel with several strategies: the first strategy that supports a call computes it. For
    the argument ``supports``.

    Attributes:
        strategies: the calls that each strategy supports, by its name, in the order in which they are tried.
    """

    strategies: Mapping[str, Takes]

    def __call__(self, *avals: Any, **static: Any) -> bool:
        """Whether any strategy supports a call with these abstract operands and static parameters."""
        return self.first(*avals, **static) is not None

    def first(self, *avals: Any, **static: Any) -> str | None:
        """The name of the first strategy that supports the call, or None."""
        return next((name for name, takes in self.strategies.items() if takes(*avals, **static)), None)

    def why_not(self, *avals: Any, **static: Any) -> str | None:
        """The reason why no strategy supports the call, or None."""
        reasons = {}
        for name, takes in self.strategies.items():
            reason = takes.why_not(*avals, **static)
            if reason is None:
                return None
            reasons[name] = reason
        return "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
