"""Tables of cases: the whole product of some columns, or a small cover of it."""

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["MissingExtra", "round_robin", "rows", "table_rows"]


class MissingExtra(ImportError):
    """A package of the extra ``testing`` is not installed."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"{fault}: pip install 'brainevent[testing]'")


_STRIDE = 7919  # a prime, which has no factor in common with the number of turns

_Row = dict[str, Any]
_Columns = Mapping[str, Sequence[Any]]
_Allowed = Callable[[_Row], bool]


def rows(
    columns: _Columns, *, whole: bool, allowed: _Allowed = lambda row: True, seed: int | None = None
) -> Iterator[_Row]:
    """Rows of the product of ``columns``.

    Args:
        columns: the values of each column.
        whole: all rows; otherwise a pairwise cover, in which any two values of two columns occur together in some row.
        allowed: which combinations exist. It is also called with incomplete rows, and must accept those that can be
            completed.
        seed: each seed gives another cover; None always gives the same one.
    """
    if whole:
        for values in itertools.product(*columns.values()):
            row = dict(zip(columns, values))
            if allowed(row):
                yield row
        return
    try:
        from allpairspy import AllPairs
    except ModuleNotFoundError:
        raise MissingExtra("Covers of cases are made with allpairspy, which is not installed") from None

    if seed is not None:
        shuffle = random.Random(seed)
        columns = {name: shuffle.sample(list(values), len(values)) for name, values in columns.items()}
    names = list(columns)
    missing = dict.fromkeys(_pairs(columns))
    for values in AllPairs(list(columns.values()), filter_func=lambda values: allowed(dict(zip(names, values)))):
        row = dict(zip(names, values))
        yield row
        _strike(missing, row)
    # With a filter, AllPairs misses pairs for which its choice of the other columns is not allowed.
    while missing:
        (a, one), (b, other) = next(iter(missing))
        completed = _completed({a: one, b: other}, columns, allowed, missing)
        if completed is None:
            del missing[(a, one), (b, other)]
        else:
            yield completed
            _strike(missing, completed)


def round_robin(
    first: _Columns, others: _Columns, *, allowed: _Allowed = lambda row: True, seed: int | None = None
) -> Iterator[_Row]:
    """All rows of the product of the columns ``first``, each with the next allowed values of the ``others``.

    The ``seed`` determines the turn with which the rows start.
    """
    turns = [dict(zip(others, values)) for values in itertools.product(*others.values())]
    for count, row in enumerate(rows(first, whole=True, allowed=allowed)):
        begin = (_mixed(count, len(turns)) + (seed or 0)) % len(turns)
        completed = ({**row, **turn} for turn in (*turns[begin:], *turns[:begin]))
        yield from itertools.islice((whole for whole in completed if allowed(whole)), 1)


def table_rows(
    first: _Columns,
    others: _Columns,
    *,
    whole: bool,
    allowed: _Allowed = lambda row: True,
    seed: int | None = None,
) -> Iterator[_Row]:
    """Rows of a table: those of :func:`round_robin` if ``whole``, otherwise a pairwise cover of all columns."""
    if whole:
        return round_robin(first, others, allowed=allowed, seed=seed)
    return rows({**first, **others}, whole=False, allowed=allowed, seed=seed)


def _mixed(count: int, turns: int) -> int:
    """The turn of a row: consecutive rows have distant turns, and no value always meets the same one of another column.

    The turn is the digit sum of the count in base ``turns``. The count itself has the same periods as the columns:
    every even one of 20 turns would meet rows without a unit.
    """
    total = 0
    while count:
        count, digit = divmod(count, max(turns, 2))
        total += digit
    # A stride, because consecutive turns differ in their last columns only.
    return total * _STRIDE % turns


def _pairs(columns: _Columns) -> Iterator[tuple[tuple[str, Any], tuple[str, Any]]]:
    for a, b in itertools.combinations(columns, 2):
        for one, other in itertools.product(columns[a], columns[b]):
            yield (a, one), (b, other)


def _strike(missing: dict[Any, None], row: _Row) -> None:
    for pair in itertools.combinations(row.items(), 2):
        missing.pop(pair, None)


def _completed(row: _Row, columns: _Columns, allowed: _Allowed, missing: dict[Any, None]) -> _Row | None:
    """An allowed row with these values that contains many missing pairs; None if there is none."""
    if not allowed(row):
        return None
    name = next((name for name in columns if name not in row), None)
    if name is None:
        return {name: row[name] for name in columns}

    def gain(value: Any) -> int:
        return sum((pair in missing) or (pair[::-1] in missing) for pair in (((name, value), it) for it in row.items()))

    for value in sorted(columns[name], key=gain, reverse=True):
        completed = _completed({**row, name: value}, columns, allowed, missing)
        if completed is not None:
            return completed
    return None
