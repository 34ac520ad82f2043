"""Whether the rules of a primitive fit each other, as far as their signatures say."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

__all__ = ["keyword_only", "mismatch"]


class _Signature(NamedTuple):
    """What a function can be called with.

    A parameter that can be given by position or by name is one or the other, depending on whom it is compared with.
    """

    required: list[str]  # parameters that come by position, without default
    optional: list[str]
    any_number: bool
    keywords: set[str]  # that it can't do without
    accepted: set[str] | None  # None for all

    def operands(self, other: _Signature) -> tuple[float, float]:
        """How many it takes by position at least and at most, if what ``other`` takes by name comes by name."""
        least = sum(name not in other.keywords for name in self.required)
        most = math.inf if self.any_number else least + sum(name not in other.keywords for name in self.optional)
        return 0 if other.accepted is None else least, most


def _signature(fn: Callable[..., Any], leading: int) -> _Signature | None:
    """The signature of a function without its first parameters; None if Python doesn't know it."""
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
    """The parameters that come by name and no other way, which is how static parameters are declared."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return set()
    return {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}


def mismatch(
    rule: Callable[..., Any], leading: int, shapes: Callable[..., Any], injected: Collection[str] = ()
) -> str | None:
    """Why a rule can't be called with what the rule for shapes is called with; None if it can, as far as one can see.

    Args:
        rule: takes ``leading`` arguments, then the operands, and the static parameters by name.
        leading: how many arguments come first.
        shapes: takes the operands, and the static parameters by name.
        injected: what the rule alone gets by name.
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
