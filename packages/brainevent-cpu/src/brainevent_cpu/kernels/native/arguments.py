"""Arguments that the parts of a kernel share."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...bridge.specialise import internal

__all__ = ["Rows", "Sizes", "sizes_of"]

U = np.uint64


class Rows(NamedTuple):
    """A matrix of compressed rows.

    Attributes:
      data: the weights, one per entry or one for all.
      indices: the column of each entry, read as unsigned.
      indptr: where rows begin, see `rows`; sanitised by the kernel `pointers`.
      perm: the index of each entry's weight in `data`, if weights are in another order.
    """

    data: Any
    indices: Any
    indptr: Any
    perm: Any


class Sizes(NamedTuple):
    """The numbers among the arguments of a call, as uint64.

    Attributes:
      batch: the number of columns of x.
      bound: the exclusive upper bound of valid indices; others are outside the matrix.
      inner: the length of a decoded column of x.
      outer: the length of a column of the result.
      reach: as `bound`, for the second kind of index, if there is one.
      size: the length of an encoded column of x.
      width: the length of a row, if rows have no pointers.
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
