"""Compile the functions that a factory makes from static facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def specialised(*facts: str) -> Callable[[Callable[..., Any]], Any]:
    """A decorator like `numba.njit` for a closure over `facts`, which become part of its symbol.

    Symbols of functions that were compiled by different processes and cached meet in one process. Two specialisations
    of one closure would have the same symbol, and the linker would keep only one of them.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        function.__qualname__ = "_".join((function.__module__, function.__name__, *facts))
        return numba.njit(function)

    return decorate
