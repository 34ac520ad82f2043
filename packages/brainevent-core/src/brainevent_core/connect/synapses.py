"""The synapses that a rule has drawn, and their conversion to matrices."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

import jax
import numpy as np

from brainevent_core import units
from brainevent_core.errors import MathError
from brainevent_core.formats import pointer_dtype
from brainevent_core.matrices import COO, CSC, CSR, Dense, FixedPostNumConn, FixedPreNumConn, StoredMatrix

__all__ = ["Facts", "FormatName", "Synapses", "builder", "class_of", "is_homogeneous", "mirrored"]

#: The values of ``format=`` of a rule.
FormatName: TypeAlias = Literal["csr", "csc", "coo", "fixed_post_num", "fixed_pre_num", "dense"]


_C = TypeVar("_C", CSR, CSC)


@dataclass(frozen=True)
class Synapses:
    """Synapses by the row in which they were drawn, ascending in each row.

    Attributes:
        counts: number of synapses of each row.
        partner: the neuron on the other side of each synapse, row by row, int32.
        first: the number of the first row in the whole network.
        partners: number of neurons on the other side.
        by_post: whether rows are postsynaptic neurons.
    """

    counts: np.ndarray
    partner: np.ndarray
    first: int
    partners: int
    by_post: bool = False

    @property
    def size(self) -> int:
        """The number of synapses."""
        return len(self.partner)

    @property
    def shape(self) -> tuple[int, int]:
        """(n_pre, n_post)"""
        shape = len(self.counts), self.partners
        return shape[::-1] if self.by_post else shape

    @functools.cached_property
    def row(self) -> np.ndarray:
        """The row of each synapse, counted from ``first``, int32."""
        return np.repeat(np.arange(len(self.counts), dtype=np.int32), self.counts)

    @property
    def ids(self) -> tuple[np.ndarray, np.ndarray]:
        """The pre- and the postsynaptic neuron of each synapse, by their numbers in the whole network."""
        partner = self.partner.view()
        partner.flags.writeable = False  # passed to users' functions
        ids = self.row + np.int32(self.first), partner
        return ids[::-1] if self.by_post else ids


class Facts(NamedTuple):
    """The properties of synapses: for each property, a scalar for all, or one value per synapse.

    Attributes:
        weight: the weights, an array or a quantity.
        delay: the delays in steps, or None.
    """

    weight: Any
    delay: Any

    def taken(self, order: np.ndarray) -> Facts:
        """The properties of the synapses in another order."""
        return Facts(taken(self.weight, order), None if self.delay is None else taken(self.delay, order))

    @property
    def are_homogeneous(self) -> bool:
        """Whether all synapses have the same properties."""
        return is_homogeneous(self.weight) and (self.delay is None or is_homogeneous(self.delay))


def mirrored(upper: Synapses, facts: Facts, rows: tuple[int, int]) -> tuple[Synapses, Facts]:
    """Rows of the symmetric network that is determined by its synapses (i, j) with i ≤ j, and their properties.

    Args:
        upper: these synapses, from row 0 on, at least up to the end of ``rows``.
        facts: their properties.
        rows: the first row, and the end of the range.
    """
    start, stop = rows
    low, high = upper.row, upper.partner
    back = np.flatnonzero((high >= start) & (high < stop) & (low < high))
    forth = np.flatnonzero(low >= start)
    row = np.concatenate([high[back], low[forth]]) - np.int32(start)
    partner = np.concatenate([low[back], high[forth]])
    # Partners are already ascending within a row, because those below the diagonal come first.
    order = stable_order(row)
    counts = np.bincount(row, minlength=stop - start)
    at = np.concatenate([back, forth])[order]
    return Synapses(counts, partner[order], start, upper.partners), facts.taken(at)


# -- formats -----------------------------------------------------------------------------------------------------------


class Compressed(NamedTuple):
    """Weights and delays, and the structure of compressed rows or columns."""

    facts: Facts
    indices: np.ndarray
    counts: np.ndarray

    @property
    def indptr(self) -> np.ndarray:
        pointers = np.concatenate([[0], np.cumsum(self.counts)])
        return pointers.astype(pointer_dtype(len(self.indices)))

    def rectangle(self, kind: str) -> tuple[Any, np.ndarray, Any]:
        """Weights, indices and delays in the shape (neurons, degree), if all degrees are equal.

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

        def each(values: Any) -> Any:
            return values if values is None or is_homogeneous(values) else values.reshape(shape)

        return each(self.facts.weight), self.indices.reshape(shape), each(self.facts.delay)


def stable_order(keys: np.ndarray) -> np.ndarray:
    """``np.argsort(keys, kind="stable")`` of 31-bit keys, by a plain sort of numbers, which NumPy does with SIMD."""
    if len(keys) >= 2**32:
        return np.argsort(keys, kind="stable")
    packed = keys.astype(np.uint64) << np.uint64(32)
    packed |= np.arange(len(keys), dtype=np.uint32)
    packed.sort()
    return packed.astype(np.uint32)


def taken(data: Any, order: np.ndarray) -> Any:
    """Weights or delays in another order; a homogeneous one is unchanged."""
    if is_homogeneous(data):
        return data
    mantissa, unit = units.detach(data)
    each = mantissa if isinstance(mantissa, jax.core.Tracer) else np.asarray(mantissa)
    return units.attach(each[order], unit)


def is_homogeneous(data: Any) -> bool:
    """Whether all synapses share one value, a scalar, see :func:`~brainevent_core.connect.weights.facts`."""
    return bool(np.ndim(units.detach(data)[0]) == 0)


def _compressed(synapses: Synapses, facts: Facts, *, by_post: bool) -> Compressed:
    if by_post == synapses.by_post:
        return Compressed(facts, synapses.partner, synapses.counts)
    rows = max(len(synapses.counts), 1)
    if facts.are_homogeneous and rows * synapses.partners <= 2**32:
        # One code for row and column is half as wide as a key with a position, and takes half the time.
        codes = synapses.partner.astype(np.uint32)
        codes *= np.uint32(rows)
        codes += synapses.row.view(np.uint32)
        codes.sort()
        starts = np.searchsorted(codes, np.arange(synapses.partners, dtype=np.uint32) * np.uint32(rows))
        partner = codes // np.uint32(rows)
        partner *= np.uint32(rows)
        codes -= partner
        return Compressed(facts, codes.view(np.int32), np.diff(starts, append=len(codes)))
    counts = np.bincount(synapses.partner, minlength=synapses.partners)
    order = stable_order(synapses.partner)
    return Compressed(facts.taken(order), synapses.row[order], counts)


def _csr(synapses: Synapses, facts: Facts) -> CSR:
    return _of_rows(CSR, synapses, _compressed(synapses, facts, by_post=False))


def _csc(synapses: Synapses, facts: Facts) -> CSC:
    return _of_rows(CSC, synapses, _compressed(synapses, facts, by_post=True))


def _of_rows(cls: Callable[..., _C], synapses: Synapses, found: Compressed) -> _C:
    (weight, delay), indices = found.facts, found.indices
    return cls(weight, indices, found.indptr, shape=synapses.shape, delay=delay, check=False)


def _coo(synapses: Synapses, facts: Facts) -> COO:
    ids = synapses.row, synapses.partner
    row, col = ids[::-1] if synapses.by_post else ids
    options: Any = {"rows_sorted": not synapses.by_post, "cols_sorted": synapses.by_post, "delay": facts.delay}
    return COO(facts.weight, row, col, shape=synapses.shape, check=False, **options)


def _fixed_post_num(synapses: Synapses, facts: Facts) -> FixedPostNumConn:
    weight, indices, delay = _compressed(synapses, facts, by_post=False).rectangle("fixed_post_num")
    return FixedPostNumConn(weight, indices, shape=synapses.shape, delay=delay, check=False)


def _fixed_pre_num(synapses: Synapses, facts: Facts) -> FixedPreNumConn:
    weight, indices, delay = _compressed(synapses, facts, by_post=True).rectangle("fixed_pre_num")
    return FixedPreNumConn(weight, indices, shape=synapses.shape, delay=delay, check=False)


def _dense(synapses: Synapses, facts: Facts) -> Dense:
    if facts.delay is not None:
        raise MathError('A dense matrix has no delays: take another format than format="dense".')
    return Dense(_coo(synapses, facts).todense())


_FORMATS: dict[str, Callable[[Synapses, Facts], StoredMatrix]] = {
    "csr": _csr,
    "csc": _csc,
    "coo": _coo,
    "fixed_post_num": _fixed_post_num,
    "fixed_pre_num": _fixed_pre_num,
    "dense": _dense,
}


#: The class of each format.
_CLASSES: dict[str, type[StoredMatrix]] = {
    "csr": CSR,
    "csc": CSC,
    "coo": COO,
    "fixed_post_num": FixedPostNumConn,
    "fixed_pre_num": FixedPreNumConn,
    "dense": Dense,
}


def class_of(format: str) -> type[StoredMatrix]:
    """The class of the matrices of a format."""
    builder(format)
    return _CLASSES[format]


def builder(format: str) -> Callable[[Synapses, Facts], StoredMatrix]:
    """The function that creates a matrix from synapses and their properties.

    Raises:
        MathError: if there is no such format.
    """
    if format not in _FORMATS:
        raise MathError(f"format must be one of {', '.join(map(repr, _FORMATS))}, got {format!r}.")
    return _FORMATS[format]
