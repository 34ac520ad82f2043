"""What a rule has drawn, and the matrices that are made of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import numpy as np

from brainevent_core import units
from brainevent_core.errors import MathError
from brainevent_core.formats import pointer_dtype
from brainevent_core.matrices import COO, CSC, CSR, Dense, FixedPostNumConn, FixedPreNumConn, StoredMatrix

__all__ = ["FormatName", "Synapses", "builder", "is_homogeneous", "mirrored"]

#: What ``format=`` of a rule takes.
FormatName: TypeAlias = Literal["csr", "csc", "coo", "fixed_post_num", "fixed_pre_num", "dense"]


@dataclass(frozen=True)
class Synapses:
    """Synapses by the neuron whose row they were drawn in, ascending in each row.

    Attributes:
        counts: how many each row has.
        partner: the neuron on the other side of each, row by row, int32.
        first: the number of the first row in the whole network.
        partners: how many neurons the other side has.
        by_post: whether rows are postsynaptic neurons.
    """

    counts: np.ndarray
    partner: np.ndarray
    first: int
    partners: int
    by_post: bool = False

    @property
    def size(self) -> int:
        """How many synapses there are."""
        return len(self.partner)

    @property
    def shape(self) -> tuple[int, int]:
        """(n_pre, n_post)"""
        shape = len(self.counts), self.partners
        return shape[::-1] if self.by_post else shape

    @functools.cached_property
    def row(self) -> np.ndarray:
        """The row of each, counted from ``first``, int32."""
        return np.repeat(np.arange(len(self.counts), dtype=np.int32), self.counts)

    @property
    def ids(self) -> tuple[np.ndarray, np.ndarray]:
        """The pre- and the postsynaptic neuron of each, by their numbers in the whole network."""
        partner = self.partner.view()
        partner.flags.writeable = False  # functions of users get it
        ids = self.row + np.int32(self.first), partner
        return ids[::-1] if self.by_post else ids


def mirrored(upper: Synapses, data: Any, rows: tuple[int, int]) -> tuple[Synapses, Any]:
    """Rows of the symmetric network of which ``upper`` has the synapses (i, j) with i ≤ j, with their weights.

    Args:
        upper: from row 0 on, at least up to the last of ``rows``.
        data: a weight for each of them, or one for all.
        rows: the first row, and the one behind the last.
    """
    start, stop = rows
    low, high = upper.row, upper.partner
    back = np.flatnonzero((high >= start) & (high < stop) & (low < high))
    forth = np.flatnonzero(low >= start)
    row = np.concatenate([high[back], low[forth]]) - np.int32(start)
    partner = np.concatenate([low[back], high[forth]])
    # Partners ascend within a row already: those below the diagonal come first.
    order = stable_order(row)
    counts = np.bincount(row, minlength=stop - start)
    at = np.concatenate([back, forth])[order]
    return Synapses(counts, partner[order], start, upper.partners), taken(data, at)


# -- formats -----------------------------------------------------------------------------------------------------------


class Compressed(NamedTuple):
    """Weights, and the structure of compressed rows or columns."""

    data: Any
    indices: np.ndarray
    counts: np.ndarray

    @property
    def indptr(self) -> np.ndarray:
        pointers = np.concatenate([[0], np.cumsum(self.counts)])
        return pointers.astype(pointer_dtype(len(self.indices)))

    def rectangle(self, kind: str) -> tuple[Any, np.ndarray]:
        """Weights and indices of (neurons, degree), if all have the same.

        Raises:
            MathError: otherwise.
        """
        degree = int(self.counts[0]) if self.counts.size else 0
        if (self.counts != degree).any():
            raise MathError(
                f"format={kind!r} needs the same number of synapses for each neuron, and here they have "
                f'{self.counts.min()} to {self.counts.max()}: take format="csr" or "csc".'
            )
        shape = len(self.counts), degree
        return self.data if is_homogeneous(self.data) else self.data.reshape(shape), self.indices.reshape(shape)


def stable_order(keys: np.ndarray) -> np.ndarray:
    """``np.argsort(keys, kind="stable")`` of 31-bit keys: one sort of numbers, which NumPy does with SIMD."""
    if len(keys) >= 2**32:
        return np.argsort(keys, kind="stable")
    packed = keys.astype(np.uint64) << np.uint64(32)
    packed |= np.arange(len(keys), dtype=np.uint32)
    packed.sort()
    return packed.astype(np.uint32)


def taken(data: Any, order: np.ndarray) -> Any:
    """The weights in another order; one for all stays."""
    if is_homogeneous(data):
        return data
    mantissa, unit = units.detach(data)
    each = mantissa if isinstance(mantissa, jax.core.Tracer) else np.asarray(mantissa)
    return units.attach(each[order], unit)


def is_homogeneous(data: Any) -> bool:
    """Whether it is one weight for all: it is a scalar then, see :func:`~brainevent_core.connect.weights.weights`."""
    return bool(np.ndim(units.detach(data)[0]) == 0)


def _compressed(synapses: Synapses, data: Any, *, by_post: bool) -> Compressed:
    if by_post == synapses.by_post:
        return Compressed(data, synapses.partner, synapses.counts)
    rows = max(len(synapses.counts), 1)
    if is_homogeneous(data) and rows * synapses.partners <= 2**32:
        # One number for both, half as wide as a key with a position: half the time.
        codes = synapses.partner.astype(np.uint32)
        codes *= np.uint32(rows)
        codes += synapses.row.view(np.uint32)
        codes.sort()
        starts = np.searchsorted(codes, np.arange(synapses.partners, dtype=np.uint32) * np.uint32(rows))
        partner = codes // np.uint32(rows)
        partner *= np.uint32(rows)
        codes -= partner
        return Compressed(data, codes.view(np.int32), np.diff(starts, append=len(codes)))
    counts = np.bincount(synapses.partner, minlength=synapses.partners)
    order = stable_order(synapses.partner)
    return Compressed(taken(data, order), synapses.row[order], counts)


def _csr(synapses: Synapses, data: Any) -> CSR:
    found = _compressed(synapses, data, by_post=False)
    return CSR(found.data, found.indices, found.indptr, shape=synapses.shape, check=False)


def _csc(synapses: Synapses, data: Any) -> CSC:
    found = _compressed(synapses, data, by_post=True)
    return CSC(found.data, found.indices, found.indptr, shape=synapses.shape, check=False)


def _coo(synapses: Synapses, data: Any) -> COO:
    ids = synapses.row, synapses.partner
    row, col = ids[::-1] if synapses.by_post else ids
    by_row = not synapses.by_post
    return COO(data, row, col, shape=synapses.shape, rows_sorted=by_row, cols_sorted=not by_row, check=False)


def _fixed_post_num(synapses: Synapses, data: Any) -> FixedPostNumConn:
    weights, indices = _compressed(synapses, data, by_post=False).rectangle("fixed_post_num")
    return FixedPostNumConn(weights, indices, shape=synapses.shape, check=False)


def _fixed_pre_num(synapses: Synapses, data: Any) -> FixedPreNumConn:
    weights, indices = _compressed(synapses, data, by_post=True).rectangle("fixed_pre_num")
    return FixedPreNumConn(weights, indices, shape=synapses.shape, check=False)


def _dense(synapses: Synapses, data: Any) -> Dense:
    return Dense(_coo(synapses, data).todense())


_FORMATS: dict[str, Callable[[Synapses, Any], StoredMatrix]] = {
    "csr": _csr,
    "csc": _csc,
    "coo": _coo,
    "fixed_post_num": _fixed_post_num,
    "fixed_pre_num": _fixed_pre_num,
    "dense": _dense,
}


def builder(format: str) -> Callable[[Synapses, Any], StoredMatrix]:
    """What makes a matrix of synapses and weights.

    Raises:
        MathError: if there is no such format.
    """
    if format not in _FORMATS:
        raise MathError(f"format must be one of {', '.join(map(repr, _FORMATS))}, got {format!r}.")
    return _FORMATS[format]
