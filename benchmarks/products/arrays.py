"""The arrays of a case, which are the same for every contender, as ``.npy`` files in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.products.cases import Case

__all__ = ["Arrays", "load", "save_matrix", "write_matrix", "write_patterns"]

# Enough patterns that the rows they select don't all stay in a cache until a pattern recurs.
PATTERNS = {"vector": 64, "batch": 8}


@dataclass(frozen=True)
class Arrays:
    """A matrix. Arrays that a format lacks are empty.

    Attributes:
        data: float32 weights, one per entry in the shape of the format, or of shape (1,).
        indices: int32 columns, of shape (entries,), or (n, entries per row) for fan-out.
        indptr: int32 positions of the first entry of each row, (n + 1,).
        row: int32 rows, (entries,), for coo.
    """

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    row: np.ndarray


_FIELDS = tuple(Arrays.__dataclass_fields__)


def write_matrix(case: Case, folder: Path, seed: int = 0) -> Arrays:
    """Draw the matrix of a case and write it to ``folder``, replacing the previous one."""
    rng = np.random.default_rng(seed)
    empty = np.empty(0, np.int32)
    if case.format == "dense":
        arrays = Arrays(_weights(rng, case, (case.n, case.n)), empty, empty, empty)
    elif case.format == "fan-out":
        indices = _fixed_columns(rng, case.n, round(case.density * case.n))
        arrays = Arrays(_weights(rng, case, indices.shape), indices, empty, empty)
    else:
        row, column = _random_pairs(rng, case.n, case.density)
        data = _weights(rng, case, column.shape)
        if case.format == "csr":
            arrays = Arrays(data, column, np.searchsorted(row, np.arange(case.n + 1)).astype(np.int32), empty)
        else:
            arrays = Arrays(data, column, empty, row)
    save_matrix(arrays, folder)
    return arrays


def save_matrix(arrays: Arrays, folder: Path) -> None:
    """Write a matrix to ``folder``, replacing the previous one."""
    for name in _FIELDS:
        _save(folder / f"{name}.npy", getattr(arrays, name))


def write_patterns(case: Case, folder: Path, seed: int = 1) -> np.ndarray:
    """Draw the vectors that a case multiplies in turn and write them to ``folder``.

    Returns:
        Bool or float32 of shape (patterns, n); for batches (patterns, batch, n) left of the matrix and
        (patterns, n, batch) right of it.
    """
    rng = np.random.default_rng(seed)
    count = PATTERNS["vector" if case.batch == 1 else "batch"]
    if not case.event:
        patterns = 0.5 + rng.random((count, case.batch, case.n), np.float32)
    else:
        patterns = np.zeros((count, case.batch, case.n), bool)
        for vector in patterns.reshape(-1, case.n):
            vector[rng.choice(case.n, round(case.activity * case.n), replace=False)] = True
    if case.batch == 1:
        patterns = patterns[:, 0]
    elif case.side == "right":
        patterns = patterns.swapaxes(1, 2)
    patterns = np.ascontiguousarray(patterns)
    _save(folder / "patterns.npy", patterns)
    return patterns


def load(folder: str | Path) -> tuple[Arrays, np.ndarray]:
    """The matrix and the patterns, as memory maps, from which contenders copy what they keep."""
    arrays = {name: np.load(Path(folder) / f"{name}.npy", mmap_mode="r") for name in (*_FIELDS, "patterns")}
    patterns = arrays.pop("patterns")
    return Arrays(**arrays), patterns


def _save(file: Path, array: np.ndarray) -> None:
    """Write a new file, so that existing memory maps of the old one stay valid."""
    file.unlink(missing_ok=True)
    np.save(file, array)


def _weights(rng: np.random.Generator, case: Case, shape: tuple[int, ...]) -> np.ndarray:
    """Positive, so that sums don't cancel and rounding stays relative to the result."""
    return 0.5 + rng.random((1,) if case.weights == "same" else shape, np.float32)


def _random_pairs(rng: np.random.Generator, n: int, density: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of entries that exist with probability ``density`` each, in row-major order.

    The distance between entries is geometrically distributed, so there is one draw per entry instead of one per pair.
    """
    expected = n * n * density
    steps = rng.geometric(density, size=int(expected + 6 * np.sqrt(expected) + 10))
    position = np.cumsum(steps) - 1
    row, column = np.divmod(position[position < n * n], n)
    return row.astype(np.int32), column.astype(np.int32)


def _fixed_columns(rng: np.random.Generator, n: int, per_row: int) -> np.ndarray:
    """Distinct ascending columns per row: sorted draws with repetition, plus their rank."""
    drawn = np.sort(rng.integers(0, n - per_row + 1, (n, per_row), np.int32), axis=1)
    return drawn + np.arange(per_row, dtype=np.int32)
