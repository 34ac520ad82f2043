"""The lines (rows or columns) in which the entries of a stored matrix can be found: what loops over active ones read.

Places are positions in a list of entries, line by line: that of the matrix, or of its column index. A dense matrix has
no such list; its places are counted, and what stands there follows from the count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core.formats import (
    CSC_INDEX,
    CSR_FORMAT,
    FIXED_NUM_FORMAT,
    WEIGHT_INDICES,
    Format,
    Shape,
    pointer_dtype,
    row_bounds,
)

__all__ = ["COMPRESSED", "DenseLines", "Lines", "dense_lines", "lines_of", "piece_length"]

#: The formats whose lines can be found: those of events of rows, and those of columns too if the format has an index.
COMPRESSED = tuple(
    fmt
    for base in (CSR_FORMAT, FIXED_NUM_FORMAT)
    for weights in (base, base.with_component(WEIGHT_INDICES))
    for fmt in (weights, weights.with_component(CSC_INDEX))
)


@dataclass(frozen=True)
class Lines:
    """Compressed rows, or columns.

    Attributes:
        indices: (nse,), the place of each entry on the other side.
        bounds: where each line begins, and the last one ends, well-formed; None if all have the same width.
        width: the number of entries of a line, rounded up, if it is the same for all; otherwise their mean.
        weight: the positions of the weights, None if they are in the order of places.
    """

    indices: Any
    bounds: Any
    width: int
    weight: Any

    @property
    def nse(self) -> int:
        return int(self.indices.shape[0])

    def begin(self, line: Any) -> Any:
        """Where a line begins."""
        if self.bounds is not None:
            return self.bounds[line]
        return line.astype(pointer_dtype(self.nse)) * self.width

    def others(self, line: Any, first: Any, count: int) -> Any:
        """What stands on the other side at so many places from ``first`` on; any number where that is none."""
        return jax.lax.dynamic_slice(self.indices, (first,), (count,))

    def positions(self, line: Any, first: Any, count: int) -> Any:
        """The positions of the weights at such places, None if these are they."""
        return None if self.weight is None else jax.lax.dynamic_slice(self.weight, (first,), (count,))


@dataclass(frozen=True)
class DenseLines:
    """Rows of a dense matrix, or its columns.

    Attributes:
        count: the number of lines.
        width: the number of elements of a line.
        of_rows: whether they are rows, whose elements follow each other.
    """

    count: int
    width: int
    of_rows: bool

    @property
    def nse(self) -> int:
        return self.count * self.width

    def begin(self, line: Any) -> Any:
        return line.astype(pointer_dtype(self.nse)) * self.width

    def others(self, line: Any, first: Any, count: int) -> Any:
        return first - self.begin(line) + jnp.arange(count, dtype=first.dtype)

    def positions(self, line: Any, first: Any, count: int) -> Any:
        return None if self.of_rows else self.others(line, first, count) * self.count + line


def lines_of(structure: Sequence[Any], format: Format, shape: Shape, transpose: bool) -> Lines:
    """The rows (``transpose``) or columns of a matrix in one of the formats :data:`COMPRESSED`."""
    if transpose:
        weight = format.entries(structure, shape).weight
        if format.base is FIXED_NUM_FORMAT:
            indices = format.named(structure).indices
            return Lines(indices.reshape(-1), None, indices.shape[1], weight)
        compressed = format.rows_of(structure, shape)
        assert compressed is not None, format
        indices, indptr = compressed
    else:
        by_column = format.columns_of(structure)
        assert by_column is not None, format
        indices, indptr, weight = by_column
    nse = indices.shape[0]
    return Lines(indices, row_bounds(indptr, nse), -(-nse // max(indptr.shape[0] - 1, 1)), weight)


def dense_lines(shape: Shape, transpose: bool) -> DenseLines:
    """The rows (``transpose``) or columns of a dense matrix."""
    count, width = shape if transpose else shape[::-1]
    return DenseLines(count, width, transpose)


def piece_length(width: int, batch: int = 1) -> int:
    """How many entries an iteration reads: most lines in one go, and no more than is worth while for a batch."""
    power = 1 << max(width - 1, 1).bit_length()
    return max(8, min(max(power, 32), 1024, 8192 // max(batch, 1)))
