"""The lines (rows or columns) of a stored matrix, for loops over active ones.

Places are positions in a list of entries sorted by line: that of the matrix, or of its column index. A dense matrix has
no such list; indices and positions are computed from its places.
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

#: The formats with lines: always rows, and columns if the format has a column index.
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
        indices: (nse,), the index of each entry along the minor axis.
        bounds: start of each line and end of the last one, well-formed; None if all lines have the same width.
        width: the number of entries of a line if it is the same for all; otherwise the mean, rounded up.
        weight: the positions of the weights; None if they are in the order of places.
    """

    indices: Any
    bounds: Any
    width: int
    weight: Any

    @property
    def nse(self) -> int:
        return int(self.indices.shape[0])

    def begin(self, line: Any) -> Any:
        """The first place of a line."""
        if self.bounds is not None:
            return self.bounds[line]
        return line.astype(pointer_dtype(self.nse)) * self.width

    def others(self, line: Any, first: Any, count: int) -> Any:
        """The minor-axis indices at ``count`` places from ``first`` on; outside the matrix if there is no entry."""
        return jax.lax.dynamic_slice(self.indices, (first,), (count,))

    def positions(self, line: Any, first: Any, count: int) -> Any:
        """The positions of the weights at these places; None if they equal the places."""
        return None if self.weight is None else jax.lax.dynamic_slice(self.weight, (first,), (count,))


@dataclass(frozen=True)
class DenseLines:
    """Rows of a dense matrix, or its columns.

    Attributes:
        count: the number of lines.
        width: the number of elements of a line.
        of_rows: whether lines are rows, whose elements are contiguous.
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
    """The number of entries that an iteration reads: most lines in one iteration, fewer entries for larger batches."""
    power = 1 << max(width - 1, 1).bit_length()
    return max(8, min(max(power, 32), 1024, 8192 // max(batch, 1)))
