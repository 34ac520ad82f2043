"""What the parts of a kernel pass on to each other."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...bridge.specialise import internal

__all__ = ["Rows", "Sizes", "sizes_of"]

U = np.uint64


class Rows(NamedTuple):
    """A matrix of compressed rows.

    Attributes:
      data: the weights, one for each entry or one for all.
      indices: the column of each entry, read as unsigned.
      indptr: where rows begin, see `rows`; sound pointers.
      perm: the index of each entry's weight in `data`, where weights are in another order.
    """

    data: Any
    indices: Any
    indptr: Any
    perm: Any


class Sizes(NamedTuple):
    """The numbers that come with a call, as uint64.

    Attributes:
      batch: columns of x.
      bound: how many lines the indices reach; larger ones are outside.
      inner: how many lines x stands for.
      outer: how many lines the result has.
      reach: the same as `bound` for the second kind of index, where there is one.
      size: the length of a column of x as it is encoded.
      width: the length of a row, where rows have no pointers.
    """

    batch: Any
    bound: Any
    inner: Any
    outer: Any
    reach: Any
    size: Any
    width: Any


@internal
def sizes_of(batch, bound, inner, outer, reach, size, width):
    """The attributes of a call as `Sizes`."""
    return Sizes(U(batch), U(bound), U(inner), U(outer), U(reach), U(size), U(width))
