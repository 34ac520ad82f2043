"""Tables of cases: the whole product of some columns, or a small cover of it."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["rows"]


def rows(
    columns: Mapping[str, Sequence[Any]], *, whole: bool, allowed: Callable[[dict[str, Any]], bool] = lambda row: True
) -> Iterator[dict[str, Any]]:
    """Rows of the product of ``columns``.

    Args:
        columns: the values of each column.
        whole: all rows, or a pairwise cover: every two values of two columns meet in some row.
        allowed: which combinations exist. It sees incomplete rows, too, and must let those pass that can be completed.
    """
    if whole:
        for values in itertools.product(*columns.values()):
            row = dict(zip(columns, values))
            if allowed(row):
                yield row
        return
    from allpairspy import AllPairs

    names = list(columns)
    for values in AllPairs(list(columns.values()), filter_func=lambda values: allowed(dict(zip(names, values)))):
        yield dict(zip(names, values))
