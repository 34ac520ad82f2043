"""The arguments of connection rules."""

from __future__ import annotations

import operator
from typing import Any, TypeAlias

import numpy as np

from brainevent_core.errors import MathError

__all__ = ["Rows", "as_count", "as_rows", "require_one_population"]

#: A range of neurons: (start, stop) or a slice; None for all.
Rows: TypeAlias = tuple[int, int] | slice | None

_MOST = np.iinfo(np.int32).max


def as_count(name: str, value: Any, most: int = _MOST) -> int:
    """An integer from 0 to ``most``.

    Raises:
        MathError: if it is not.
    """
    try:
        count = operator.index(value)
    except TypeError:
        raise MathError(f"{name} must be a whole number, got {value!r}.") from None
    if not 0 <= count <= most:
        raise MathError(f"{name} must be between 0 and {most}, got {count}.")
    return count


def as_rows(name: str, rows: Rows, length: int) -> tuple[int, int]:
    """The first neuron of a range, and the end of the range.

    Raises:
        MathError: if it isn't a range of existing neurons.
    """
    if rows is None:
        return 0, length
    if isinstance(rows, slice):
        start, stop, step = rows.indices(length)
        if step == 1:
            return start, max(start, stop)
    elif isinstance(rows, (tuple, list)) and len(rows) == 2:
        try:
            start, stop = map(operator.index, rows)
        except TypeError:
            start, stop = -1, -1
        if 0 <= start <= stop <= length:
            return start, stop
    raise MathError(
        f"{name} must be (start, stop) with 0 <= start <= stop <= {length}, or a slice whose step is 1; got {rows!r}."
    )


def require_one_population(what: str, n_pre: int, n_post: int) -> None:
    """Check that a population can connect to itself, for options that are defined only in this case.

    Raises:
        MathError: if the numbers of neurons differ.
    """
    if n_pre != n_post:
        raise MathError(
            f"{what} is for a population that connects to itself, with n_pre == n_post; got n_pre={n_pre} and "
            f"n_post={n_post}. Leave it out for two populations."
        )
