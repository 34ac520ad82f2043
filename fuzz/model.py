"""The meaning of matrices and products, in plain NumPy, written from the documentation without code of the library.

An index outside the shape means no entry; negative indices don't wrap. Pointers are clipped to the number of entries
and replaced by their running maximum. A nonzero value is an event, which selects entries; products with numbers follow
IEEE 754.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Entries", "Expected", "entries_of", "is_well_formed", "product", "scattered", "sddmm"]

Shape = tuple[int, int]

#: Accumulating this many terms one after the other stays within the tolerances of `brainevent_core.testing`, even if
#: all are rounded in the same direction, as equal terms are.
FEW = 100

#: The classes that contain the transpose of the matrix that their arrays describe.
TRANSPOSED = ("CSC", "FixedPreNumConn")


@dataclass(frozen=True)
class Entries:
    """The valid entries: their positions, and the positions of their weights."""

    row: np.ndarray
    col: np.ndarray
    slot: np.ndarray
    shape: Shape


@dataclass(frozen=True)
class Expected:
    """The expected value of a result.

    Attributes:
        values: float64.
        sizes: for each element, the sum of the absolute values of its terms, to which rounding errors are relative. It
            is larger if there are more terms than the tolerance of a dtype allows for.
    """

    values: np.ndarray
    sizes: np.ndarray

    def __post_init__(self) -> None:
        assert self.values.shape == self.sizes.shape


def _whole(array: np.ndarray) -> np.ndarray:
    """Integers as int64; values that don't fit are mapped to -1, which is outside of every shape."""
    if array.dtype == np.uint64:
        return np.where(array > np.uint64(2**62), np.uint64(0), array).astype(np.int64) - (array > 2**62)
    return array.astype(np.int64)


def _bounds(indptr: np.ndarray, entries: int) -> np.ndarray:
    clipped = np.minimum(indptr, np.array(entries).astype(indptr.dtype)) if indptr.dtype == np.uint64 else indptr
    return np.maximum.accumulate(np.clip(clipped.astype(np.int64), 0, entries))


def entries_of(kind: str, structure: tuple[np.ndarray, ...], shape: Shape) -> Entries:
    """The entries of a matrix of class ``kind``."""
    if kind == "Dense":
        row, col = (axis.ravel() for axis in np.indices(shape))
        return Entries(row, col, np.arange(row.size), shape)
    if kind == "COO":
        row, col = map(_whole, structure)
    else:
        other = _whole(structure[0]).ravel()
        if kind in ("CSR", "CSC"):
            line = np.searchsorted(_bounds(structure[1], other.size), np.arange(other.size), side="right") - 1
        else:
            line = np.repeat(np.arange(structure[0].shape[0]), structure[0].shape[1])
        row, col = (other, line) if kind in TRANSPOSED else (line, other)
    slot = np.flatnonzero((row >= 0) & (row < shape[0]) & (col >= 0) & (col < shape[1]))
    return Entries(row[slot], col[slot], slot, shape)


def is_well_formed(kind: str, structure: tuple[np.ndarray, ...], shape: Shape) -> bool:
    """Whether a constructor that validates accepts the structure."""

    def inside(indices: np.ndarray, bound: int) -> bool:
        return bool(np.all((indices >= 0) & (indices < bound)))

    if kind == "Dense":
        return True
    if kind == "COO":
        return inside(structure[0], shape[0]) and inside(structure[1], shape[1])
    bound = shape[0] if kind in TRANSPOSED else shape[1]
    if kind in ("CSR", "CSC"):
        indices, indptr = structure
        runs = int(indptr[0]) == 0 and int(indptr[-1]) == indices.size and bool(np.all(indptr[1:] >= indptr[:-1]))
        return runs and inside(indices, bound)
    return inside(structure[0], bound)


def product(
    entries: Entries, weights: np.ndarray, x: np.ndarray, *, from_left: bool, event: bool, keeps_value: bool = False
) -> Expected:
    """``x @ A`` if ``from_left``, otherwise ``A @ x``. Events count as 1, or keep their value."""
    if x.ndim == 2:
        vectors = x if from_left else x.T
        how = {"from_left": from_left, "event": event, "keeps_value": keeps_value}
        each = [product(entries, weights, vector, **how) for vector in vectors]
        axis = 0 if from_left else 1
        return Expected(np.stack([e.values for e in each], axis), np.stack([e.sizes for e in each], axis))
    source, target = (entries.row, entries.col) if from_left else (entries.col, entries.row)
    terms = _per_entry(entries, weights)
    if event:
        active = x[source] != 0
        target, terms, source = target[active], terms[active], source[active]
    if keeps_value or not event:
        with np.errstate(invalid="ignore", over="ignore"):
            terms = terms * x.astype(np.float64)[source]
    return _added(target, terms, entries.shape[1] if from_left else entries.shape[0])


def sddmm(
    entries: Entries, data_shape: tuple[int, ...], x: np.ndarray, y: np.ndarray, *, from_left: bool, event: bool
) -> Expected:
    """The derivative of ``sum(y * product)`` by the weights, in their shape; for (1,), the sum over all entries."""
    source, target = (entries.row, entries.col) if from_left else (entries.col, entries.row)
    xs, ys = (v[None] if v.ndim == 1 else v if from_left else v.T for v in (x, y))
    terms = np.zeros(entries.slot.size)
    sizes = np.zeros(entries.slot.size)
    for one, other in zip(xs, ys, strict=True):
        values = other.astype(np.float64)[target]
        with np.errstate(invalid="ignore"):
            part = np.where(one[source] != 0, values, 0.0) if event else values * one.astype(np.float64)[source]
            terms, sizes = terms + part, sizes + np.abs(part)
    if data_shape == (1,):
        with np.errstate(invalid="ignore"):
            return Expected(terms.sum(keepdims=True), sizes.sum(keepdims=True) * max(1.0, terms.size / FEW))
    found, size = np.zeros(data_shape), np.zeros(data_shape)
    found.ravel()[entries.slot], size.ravel()[entries.slot] = terms, sizes
    return Expected(found, size)


def scattered(entries: Entries, weights: np.ndarray) -> Expected:
    """The matrix as an array; duplicates are summed."""
    rows, columns = entries.shape
    flat = _added(entries.row * columns + entries.col, _per_entry(entries, weights), rows * columns)
    return Expected(flat.values.reshape(rows, columns), flat.sizes.reshape(rows, columns))


def _per_entry(entries: Entries, weights: np.ndarray) -> np.ndarray:
    flat = weights.astype(np.float64).ravel()
    return np.broadcast_to(flat, entries.slot.shape) if flat.size == 1 else flat[entries.slot]


def _added(target: np.ndarray, terms: np.ndarray, length: int) -> Expected:
    values, sizes = np.zeros(length), np.zeros(length)
    with np.errstate(invalid="ignore"):
        np.add.at(values, target, terms)
        np.add.at(sizes, target, np.abs(terms))
        sizes = sizes * np.maximum(1.0, np.bincount(target, minlength=length) / FEW)
    return Expected(values, sizes)
