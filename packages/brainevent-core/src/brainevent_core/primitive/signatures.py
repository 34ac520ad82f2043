"""Checks whether the signatures of a primitive's rules are compatible."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

__all__ = ["keyword_only", "mismatch"]


class _Signature(NamedTuple):
    """The arguments that a function accepts.

    A parameter that can be passed by position or by name counts as one or the other, depending on the function with
    which it is compared.
    """

    required: list[str]  # positional parameters without default
    optional: list[str]
    any_number: bool
    keywords: set[str]  # required keywords
    accepted: set[str] | None  # None for all

    def operands(self, other: _Signature) -> tuple[float, float]:
        """The least and greatest number of positional arguments, if keywords of ``other`` are passed by name."""
        least = sum(name not in other.keywords for name in self.required)
        most = math.inf if self.any_number else least + sum(name not in other.keywords for name in self.optional)
        return 0 if other.accepted is None else least, most


def _signature(fn: Callable[..., Any], leading: int) -> _Signature | None:
    """The signature of a function without its first ``leading`` parameters; None if Python can't determine it."""
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        return None
    by_position = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    by_position = by_position[leading:]
    by_name = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return _Signature(
        [p.name for p in by_position if p.default is p.empty],
        [p.name for p in by_position if p.default is not p.empty],
        any_number,
        {p.name for p in by_name if p.default is p.empty},
        None if takes_all else {p.name for p in (*by_position, *by_name)},
    )


def keyword_only(fn: Callable[..., Any]) -> set[str]:
    """The keyword-only parameters; static parameters are declared in this way."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return set()
    return {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}


def mismatch(
    rule: Callable[..., Any], leading: int, shapes: Callable[..., Any], injected: Collection[str] = ()
) -> str | None:
    """Why a rule can't be called with the arguments of ``shapes``; None if there is no visible conflict.

    Args:
        rule: takes ``leading`` arguments, then the operands, and the static parameters by name.
        leading: number of arguments before the operands.
        shapes: takes the operands, and the static parameters by name.
        injected: keywords that only ``rule`` gets.
    """
    one, other = _signature(rule, leading), _signature(shapes, 0)
    if one is None or other is None:
        return None
    lacking = sorted(set(injected) - one.accepted) if one.accepted is not None else []
    if lacking:
        return f"it gets {lacking[0]!r} by name and doesn't take it"
    one = one._replace(keywords=one.keywords - set(injected))
    for own, theirs in ((one, other), (other, one)):
        unknown = sorted(own.keywords - theirs.accepted) if theirs.accepted is not None else []
        if unknown:
            return f"the static parameter {unknown[0]!r} is known to one of them alone"
    fewest, most = one.operands(other)
    least, greatest = other.operands(one)
    if fewest > greatest or least > most:
        return f"they take {_counted(fewest, most)} and {_counted(least, greatest)} operands"
    return None


def _counted(fewest: float, most: float) -> str:
    return f"{fewest:g}" if fewest == most else f"{fewest:g} to {most:g}" if most < math.inf else f"{fewest:g} or more"
