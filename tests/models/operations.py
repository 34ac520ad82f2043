"""Every operation of every matrix class that is not a product, under every transform, compared with dense NumPy.

The model of an operation is a function of NumPy arrays in float64, and its derivative is a central difference. It uses
no code of the library.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from tests.models.operation_table import OPERATIONS, Inputs, Operation
from tests.models.products import INDEX, MATRICES, random_structure

from brainevent_core import config
from brainevent_core.matrices import DataRepresentation
from brainevent_core.testing.numerics import tolerance, x64
from brainevent_core.testing.pairwise import table_rows

__all__ = ["OperationCase", "check_operation", "coverage", "operation_cases"]

_MATRICES = [name for name in MATRICES if not name.endswith(INDEX)]
_DTYPES = ["float32", "float64", "float16", "bfloat16", "int32"]
_STRUCTURES = ["random", "unique", "malformed", "empty", "one_row"]
_BATCH = 2


@dataclass(frozen=True)
class OperationCase:
    """One cell of the table.

    Attributes:
        matrix: a key of ``MATRICES``.
        operation: a key of ``OPERATIONS``.
        transform: a key of ``TRANSFORMS``.
        dtype: dtype of the weights.
        unit: whether the weights are in millivolt.
        structure: "random" is unsorted, with duplicates and empty rows; in "malformed" some entries are out of range.
        homogeneous: one weight for all entries.
        backend: the requested backend.
    """

    matrix: str
    operation: str
    transform: str
    dtype: str
    unit: bool
    structure: str
    homogeneous: bool
    backend: str

    def __str__(self) -> str:
        weights = f"{self.dtype}{'-homogeneous' if self.homogeneous else ''}{'-unit' if self.unit else ''}"
        return f"{self.matrix}-{self.operation}-{self.transform}-{weights}-{self.structure}-{self.backend}"


def hole(row: dict[str, Any]) -> str | None:
    """The reason why there is no such case, or None if there is one. The row may be incomplete."""
    operation = OPERATIONS.get(row.get("operation", ""))
    matrix, transform, dtype = row.get("matrix"), row.get("transform"), row.get("dtype")
    if operation and matrix and operation.only and matrix not in operation.only:
        return f"only {' and '.join(operation.only)} have it"
    if operation and not operation.differentiable and transform in _DERIVATIVES:
        return "it has no derivative"
    if dtype == "int32" and transform in _DERIVATIVES:
        return "integers have no derivative"
    if operation and operation.concrete and transform in _TRACED_STRUCTURE:
        return "it needs concrete indices"
    if matrix == "Dense" and transform == "vmap_structure":
        return "a dense matrix has no structure"
    if matrix == "Dense" and row.get("structure") in ("malformed", "empty"):
        return "a dense matrix has no structure"
    if matrix == "Dense" and row.get("homogeneous"):
        return "a dense matrix has no homogeneous weight"
    return None


def operation_cases(backends: tuple[str, ...], *, whole: bool, seed: int | None = None) -> Iterator[OperationCase]:
    """The table of operations.

    Args:
        backends: the backends to request.
        whole: all combinations of matrix, operation, transform, dtype and unit, cycling through the values of the other
            columns, instead of a pairwise cover of all columns.
        seed: of the cover, see :func:`table_rows`.
    """
    first, others = _columns(backends)
    for row in table_rows(first, others, whole=whole, seed=seed, allowed=lambda row: hole(row) is None):
        yield OperationCase(**row)


def _columns(backends: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    first = {
        "matrix": _MATRICES,
        "operation": list(OPERATIONS),
        "transform": list(TRANSFORMS),
        "dtype": _DTYPES,
        "unit": [False, True],
    }
    return first, {"structure": _STRUCTURES, "homogeneous": [False, True], "backend": list(backends)}


def coverage(cases: list[OperationCase], backends: tuple[str, ...] = ("reference",)) -> tuple[str, list[Any]]:
    """A report on which operation is tested with which class, and pairs that are neither covered nor excluded.

    Returns:
        A table in Markdown, with the number of cases for each operation and class; and the pairs of values of two
        columns that occur in no case although no rule excludes them.
    """
    first, others = _columns(backends)
    columns = {**first, **others}
    counts = Counter((case.operation, case.matrix) for case in cases)
    reasons: dict[str, None] = {}
    lines = ["| operation | " + " | ".join(_MATRICES) + " |", "| --- " * (1 + len(_MATRICES)) + "|"]
    for operation in OPERATIONS:
        cells = []
        for matrix in _MATRICES:
            reason = hole({"operation": operation, "matrix": matrix})
            if reason:
                reasons.setdefault(reason)
            cells.append("–" if reason else str(counts[operation, matrix]))
        lines.append(f"| {operation} | " + " | ".join(cells) + " |")
    names = list(columns)
    seen = {(a, getattr(case, a), b, getattr(case, b)) for case in cases for a in names for b in names}
    missing = [
        (a, one, b, other)
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        for one, other in product(columns[a], columns[b])
        if (a, one, b, other) not in seen and hole({a: one, b: other}) is None
    ]
    return "\n".join([*lines, "", "–: " + "; ".join(reasons)]), missing


# -- a random matrix as a list of entries ------------------------------------------------------------------------------


@dataclass
class _Problem:
    case: OperationCase
    rng: np.random.Generator
    operation: Operation = field(init=False)
    shape: tuple[int, int] = field(init=False)
    structure: tuple[np.ndarray, ...] = field(init=False)
    data_shape: tuple[int, ...] = field(init=False)
    #: The structure as JAX arrays: NumPy arrays would become tracers in a matrix that is created inside `jit`.
    arrays: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        case = self.case
        self.operation = OPERATIONS[case.operation]
        columns = 5
        rows_ = 1 if case.structure == "one_row" else columns if self.operation.square else 7
        self.shape = (rows_, 1 if self.operation.square and rows_ == 1 else columns)
        name = case.matrix
        self.structure, self.row, self.col, self.per_entry = _structure(case.structure, name, self.shape, self.rng)
        self.data_shape = (1,) if case.homogeneous else self.per_entry
        self.exists = (self.row >= 0) & (self.row < self.shape[0]) & (self.col >= 0) & (self.col < self.shape[1])
        self.place = self.row[self.exists], self.col[self.exists]

    def weights(self) -> np.ndarray:
        """Multiples of 1/4, so that sums of a few are exact in every dtype."""
        values = self.rng.integers(1, 9, size=self.data_shape) / 4
        if self.operation.kinked and not self.case.homogeneous:
            signs = np.ones(self.row.shape)
            signs[self.exists] = self.rng.choice([-1, 1], size=self.shape)[self.place]
            values = values * signs.reshape(self.data_shape)
        elif not self.operation.positive:
            values = values * self.rng.choice([-1, 1], size=self.data_shape)
        return self._as_dtype(values)

    def extra(self) -> np.ndarray | None:
        """The other operand."""
        if self.operation.extra is None:
            return None
        given = np.asarray(self.operation.extra(self.rng, Inputs(self.shape, self.per_entry)))
        return given if given.dtype.kind in "iu" else self._as_dtype(given)

    def _as_dtype(self, values: np.ndarray) -> np.ndarray:
        return (values * 4 if self.case.dtype == "int32" else values).astype(jnp.dtype(self.case.dtype))

    def model(self, weights: np.ndarray, extra: np.ndarray | None) -> np.ndarray:
        each = np.broadcast_to(_f64(weights).reshape(-1), self.row.shape)
        dense, pattern = np.zeros(self.shape), np.zeros(self.shape, bool)
        np.add.at(dense, self.place, each[self.exists])
        pattern[self.place] = True
        inputs = Inputs(self.shape, self.per_entry, dense, pattern, each, self.row, self.col, self.exists)
        with np.errstate(all="ignore"):
            return np.asarray(self.operation.model(inputs, None if extra is None else _exact(extra)))

    def derivative(self, weights: np.ndarray, extra: Any, w_dot: np.ndarray, e_dot: Any) -> np.ndarray:
        """The central difference of the model."""
        step, w, e = 1e-6, _f64(weights), extra
        moved = [
            (w + sign * step * _f64(w_dot), e if e_dot is None else _f64(e) + sign * step * _f64(e_dot))
            for sign in (1, -1)
        ]
        forward, backward = (self.model(*point) for point in moved)
        return (forward - backward) / (2 * step)

    def run(self, weights: Any, extra: Any, structure: tuple[Any, ...] | None = None) -> Any:
        """The result of the library, as an array without a unit."""
        cls = MATRICES[self.case.matrix]
        structure = self.arrays if structure is None else structure
        unit = u.mV if self.case.unit else 1
        weights = weights * unit
        matrix = cls((weights, *structure), shape=self.shape, check=False) if structure else cls(weights)
        if extra is not None and self.case.unit and self.operation.extra_unit is not None:
            extra = extra * self.operation.extra_unit
        out = self.operation.call(matrix, extra, unit)
        if isinstance(out, DataRepresentation):
            expected_class = self.operation.gives or cls
            assert type(out) is expected_class, f"the result is a {type(out).__name__}, not {expected_class.__name__}"
            out = out.todense()
        if not self.case.unit:
            return out
        found, expected = u.get_unit(out), self.operation.unit
        assert found == expected, f"the result has unit {found}, expected {expected}"
        return u.get_mantissa(out)


def _structure(
    kind: str, matrix: str, shape: tuple[int, int], rng: np.random.Generator
) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray, tuple[int, ...]]:
    """Like :func:`random_structure`, but of the given kind."""
    structure, row, col, per_entry = random_structure(matrix, shape, rng)
    if matrix == "Dense" or kind in ("random", "one_row"):
        return structure, row, col, per_entry
    transposed = matrix in ("CSC", "FixedPreNumConn")
    lines, width = shape[::-1] if transposed else shape
    if kind == "malformed":
        outside = rng.random(row.shape) < 0.3
        elsewhere = rng.choice([-1, -width, width, 2**31 - 1], size=row.shape)
        other = np.where(outside, elsewhere, row if transposed else col)
        line = col if transposed else row
    else:
        count = 0 if kind == "empty" else min(2, width)
        line = np.repeat(np.arange(lines), count)
        other = np.concatenate([np.sort(rng.permutation(width)[:count]) for _ in range(lines)])
    row, col = (other, line) if transposed else (line, other)
    if matrix == "COO":
        return (row, col), row, col, row.shape
    if matrix.startswith("Fixed"):
        per_line = line.size // lines
        return (other.reshape(lines, per_line),), row, col, (lines, per_line)
    return (other, np.searchsorted(line, np.arange(lines + 1))), row, col, row.shape


# -- one check per transform -------------------------------------------------------------------------------------------


def check_operation(case: OperationCase, seed: int = 0) -> None:
    """Run one case. Inputs are random, but the same for the same case and seed.

    Raises:
        AssertionError: if the library and the model differ by more than rounding.
    """
    problem = _Problem(case, np.random.default_rng([zlib.crc32(str(case).encode()), seed]))
    with x64(case.dtype == "float64"), config.use_backend(case.backend):
        problem.arrays = tuple(map(jnp.asarray, problem.structure))
        TRANSFORMS[case.transform](problem)


def _eager(p: _Problem) -> None:
    w, e = p.weights(), p.extra()
    _close(p, p.run(jnp.asarray(w), e), p.model(w, e))


def _jit(p: _Problem) -> None:
    w, e = p.weights(), p.extra()
    _close(p, jax.jit(p.run)(w, e, p.structure), p.model(w, e))


def _jit_weights(p: _Problem) -> None:
    w, e = p.weights(), p.extra()
    _close(p, jax.jit(lambda w: p.run(w, e))(w), p.model(w, e))


def _vmap_weights(p: _Problem) -> None:
    ws, e = np.stack([p.weights() for _ in range(_BATCH)]), p.extra()
    _close(p, jax.jit(jax.vmap(lambda w: p.run(w, e)))(ws), np.stack([p.model(w, e) for w in ws]))


def _vmap_structure(p: _Problem) -> None:
    other = _Problem(p.case, p.rng)
    w, e = p.weights(), p.extra()
    structures = tuple(np.stack(pair) for pair in zip(p.structure, other.structure, strict=True))
    found = jax.jit(jax.vmap(lambda structure: p.run(w, e, structure)))(structures)
    _close(p, found, np.stack([q.model(w, e) for q in (p, other)]))


def _directions(p: _Problem, w: np.ndarray, e: Any) -> tuple[np.ndarray, Any]:
    # Zero where the operand is zero, which is no entry for `fromdense`.
    e_dot = None if e is None or e.dtype.kind in "iu" else (p.rng.normal(size=e.shape) * (e != 0)).astype(e.dtype)
    return p.rng.normal(size=w.shape).astype(w.dtype), e_dot


def _jvp(p: _Problem) -> None:
    w, e = p.weights(), p.extra()
    w_dot, e_dot = _directions(p, w, e)
    if e_dot is None:
        out, out_dot = jax.jit(lambda w, w_dot: jax.jvp(lambda w: p.run(w, e), (w,), (w_dot,)))(w, w_dot)
    else:
        out, out_dot = jax.jit(lambda *given: jax.jvp(p.run, given[:2], given[2:]))(w, e, w_dot, e_dot)
    _close(p, out, p.model(w, e))
    _close(p, out_dot, p.derivative(w, e, w_dot, e_dot), scale=4)


def _vjp(p: _Problem) -> None:
    """Check <cotangents, direction> == <ct, derivative in this direction>."""
    w, e = p.weights(), p.extra()
    w_dot, e_dot = _directions(p, w, e)
    given, directions = ((w,), (w_dot,)) if e_dot is None else ((w, e), (w_dot, e_dot))
    expected = p.derivative(w, e, w_dot, e_dot)
    ct = p.rng.normal(size=expected.shape).astype(jnp.dtype(p.case.dtype))
    run = (lambda w: p.run(w, e)) if e_dot is None else p.run
    cotangents = jax.jit(lambda ct, *given: jax.vjp(run, *given)[1](ct))(ct, *given)
    pairs = list(zip(cotangents, directions, strict=True))
    assert [(c.shape, c.dtype) for c, _ in pairs] == [(d.shape, d.dtype) for _, d in pairs]
    found = sum(np.sum(_f64(c) * _f64(d)) for c, d in pairs)
    size = sum(np.sum(np.abs(_f64(c) * _f64(d))) for c, d in pairs) + np.sum(np.abs(_f64(ct) * expected))
    assert abs(found - np.sum(_f64(ct) * expected)) <= 8 * _rounding(p) * max(1.0, float(size))


TRANSFORMS: dict[str, Callable[[_Problem], None]] = {
    "eager": _eager,
    "jit": _jit,
    "jit_weights": _jit_weights,
    "jvp": _jvp,
    "vjp": _vjp,
    "vmap_weights": _vmap_weights,
    "vmap_structure": _vmap_structure,
}

_DERIVATIVES = ("jvp", "vjp")
_TRACED_STRUCTURE = ("jit", "vmap_structure")


def _rounding(p: _Problem) -> float:
    # The central differences of the model have an error of their own.
    return max(1e-8, tolerance("float32" if p.case.dtype == "int32" else p.case.dtype))


def _close(p: _Problem, found: Any, expected: np.ndarray, scale: float = 1) -> None:
    found = np.asarray(found)
    assert found.shape == expected.shape, f"shape {found.shape}, expected {expected.shape}"
    assert (found.dtype == bool) == (expected.dtype == bool)
    rtol = _rounding(p) * scale
    finite = np.abs(expected[np.isfinite(expected)]) if expected.dtype != bool else np.zeros(0)
    atol = rtol * max(1.0, finite.max(initial=0))
    np.testing.assert_allclose(_f64(found), expected.astype(np.float64), rtol=rtol, atol=atol)


def _f64(values: Any) -> np.ndarray:
    return np.asarray(values).astype(np.float64)


def _exact(values: np.ndarray) -> np.ndarray:
    return values if values.dtype.kind in "iu" and values.ndim == 0 else _f64(values)
