"""The table of operations: calls of the library, and their results in dense NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np

from brainevent_core.matrices import COO, CSC, CSR

__all__ = ["OPERATIONS", "Inputs", "Operation"]


@dataclass
class Inputs:
    """The arrays that models use, in NumPy and float64.

    Attributes:
        shape: of the matrix.
        per_entry: shape of one weight per entry.
        dense: the elements.
        pattern: which elements have an entry.
        each: one weight per entry, flat.
        row, col, exists: the position of each entry, and whether it is inside the matrix.
    """

    shape: tuple[int, int]
    per_entry: tuple[int, ...]
    dense: Any = None
    pattern: Any = None
    each: Any = None
    row: Any = None
    col: Any = None
    exists: Any = None


@dataclass(frozen=True)
class Operation:
    """A row of the table.

    Attributes:
        call: ``(matrix, extra, unit of the weights) → result``, a matrix or an array.
        model: ``(inputs, extra) → array``, the dense array if the result is a matrix.
        unit: of the result, if the weights are in millivolt.
        extra: ``(rng, inputs) → array``, the other operand; an integer is an index.
        extra_unit: of the other operand, None if it has none.
        gives: class of the result if it is a matrix, None for the class of the operand.
        only: names of the classes that have the operation, None for all.
        differentiable: whether it has a derivative almost everywhere, at the values that are drawn.
        concrete: whether the structure must be concrete.
        positive: whether weights must be positive, so that duplicates don't cancel.
        kinked: whether it has no derivative at zero; entries at the same position then have the same sign.
        square: whether the matrix must be square.
    """

    call: Callable[[Any, Any, Any], Any]
    model: Callable[[Inputs, Any], Any]
    unit: Any = u.mV
    extra: Callable[[np.random.Generator, Inputs], Any] | None = None
    extra_unit: Any = None
    gives: type | None = None
    only: tuple[str, ...] | None = None
    differentiable: bool = True
    concrete: bool = False
    positive: bool = False
    kinked: bool = False
    square: bool = False


def _draw(*shape: int | None) -> Callable[[np.random.Generator, Inputs], Any]:
    """Draw positive multiples of 1/4; None stands for the size of the matrix along this axis."""

    def draw(rng: np.random.Generator, inputs: Inputs) -> Any:
        sizes = tuple(inputs.shape[i] if size is None else size for i, size in enumerate(shape))
        return rng.integers(1, 9, size=sizes) / 4

    return draw


def _row_of(inputs: Inputs, values: Any, at: Any) -> Any:
    """``values[at]`` times the weight of each entry, 0 for entries outside of the matrix."""
    found = values[np.where(inputs.exists, at, 0)]
    return np.where(inputs.exists, inputs.each * found, 0).reshape(inputs.per_entry)


def _on_pattern(inputs: Inputs, values: Any) -> Any:
    return np.where(inputs.pattern, values, 0)


_number, _dense = _draw(), _draw(None, None)
_vector: Callable[..., Any] = lambda rng, inputs: rng.integers(1, 9, size=inputs.shape[1]) / 4  # noqa: E731
_sparse: Callable[..., Any] = lambda rng, inputs: (  # noqa: E731
    (rng.integers(1, 9, size=inputs.shape) / 4) * (rng.random(inputs.shape) < 0.5)
)
_diagonal: Callable[..., Any] = lambda rng, inputs: rng.integers(1, 9, size=min(inputs.shape)) / 4  # noqa: E731
_right_side: Callable[..., Any] = lambda rng, inputs: rng.integers(1, 9, size=(inputs.shape[0], 2)) / 4  # noqa: E731
_row: Callable[..., Any] = lambda rng, inputs: np.int32(rng.integers(-inputs.shape[0], inputs.shape[0]))  # noqa: E731
_rows: Callable[..., Any] = lambda rng, inputs: rng.integers(  # noqa: E731
    -inputs.shape[0], inputs.shape[0], size=3
).astype(np.int32)

_COMPRESSED = ("CSR", "CSC")
_square_mv, _siemens = u.mV * u.mV, u.siemens

OPERATIONS: dict[str, Operation] = {
    # conversions
    "todense": Operation(lambda A, x, unit: A.todense(), lambda m, x: m.dense),
    "tocoo": Operation(lambda A, x, unit: A.tocoo(nse=50), lambda m, x: m.dense, gives=COO),
    "tocsr": Operation(lambda A, x, unit: A.tocsr(nse=50), lambda m, x: m.dense, gives=CSR),
    "tocsc": Operation(lambda A, x, unit: A.tocsc(nse=50), lambda m, x: m.dense, gives=CSC),
    "fromdense": Operation(
        lambda A, x, unit: type(A).fromdense(x, nse=A.size).todense(),
        lambda m, x: x,
        extra=_sparse,
        extra_unit=u.mV,
        concrete=True,
    ),
    "sort_indices": Operation(lambda A, x, unit: A.sort_indices(), lambda m, x: m.dense, only=("COO",)),
    "apply": Operation(lambda A, x, unit: A.apply(lambda data: data * data), lambda m, x: _squares(m), unit=_square_mv),
    # arithmetic
    "negative": Operation(lambda A, x, unit: -A, lambda m, x: -m.dense),
    "absolute": Operation(lambda A, x, unit: abs(A), lambda m, x: np.abs(m.dense), kinked=True),
    "power": Operation(lambda A, x, unit: A**2, lambda m, x: m.dense**2, unit=_square_mv),
    "times number": Operation(
        lambda A, x, unit: A * x, lambda m, x: m.dense * x, u.mV * _siemens, _number, extra_unit=_siemens
    ),
    "times array": Operation(
        lambda A, x, unit: A * x, lambda m, x: m.dense * x, u.mV * _siemens, _dense, extra_unit=_siemens
    ),
    "times row": Operation(lambda A, x, unit: x * A, lambda m, x: m.dense * x, extra=_vector),
    "times same": Operation(
        lambda A, x, unit: A * A.with_data(2 * A.data), lambda m, x: 2 * m.dense**2, unit=_square_mv
    ),
    "by number": Operation(
        lambda A, x, unit: A / x, lambda m, x: m.dense / x, u.mV / _siemens, _number, extra_unit=_siemens
    ),
    "by same": Operation(
        lambda A, x, unit: A / A.with_data(2 * A.data),
        lambda m, x: _on_pattern(m, m.dense / (2 * m.dense)),
        unit=u.UNITLESS,
        positive=True,
    ),
    "number by": Operation(
        lambda A, x, unit: x / A,
        lambda m, x: _on_pattern(m, x / m.dense),
        _siemens / u.mV,
        _number,
        extra_unit=_siemens,
        positive=True,
    ),
    "remainder": Operation(
        lambda A, x, unit: A % x, lambda m, x: m.dense % x, u.mV, _number, extra_unit=u.mV, differentiable=False
    ),
    "floor": Operation(
        lambda A, x, unit: A // x, lambda m, x: m.dense // x, u.UNITLESS, _number, extra_unit=u.mV, differentiable=False
    ),
    "plus array": Operation(lambda A, x, unit: A + x, lambda m, x: m.dense + x, extra=_dense, extra_unit=u.mV),
    "array minus": Operation(lambda A, x, unit: x - A, lambda m, x: x - m.dense, extra=_dense, extra_unit=u.mV),
    "plus same": Operation(lambda A, x, unit: A + A.with_data(A.data * 2), lambda m, x: 3 * m.dense),
    "less": Operation(
        lambda A, x, unit: x > A, lambda m, x: m.dense < x, u.UNITLESS, _dense, extra_unit=u.mV, differentiable=False
    ),
    "number at least": Operation(
        lambda A, x, unit: x >= A, lambda m, x: x >= m.dense, u.UNITLESS, _number, extra_unit=u.mV, differentiable=False
    ),
    "sum": Operation(lambda A, x, unit: A.sum(1), lambda m, x: m.dense.sum(1)),
    # indexing
    "row": Operation(lambda A, x, unit: A[x], lambda m, x: m.dense[x], extra=_row),
    "rows": Operation(lambda A, x, unit: A[x], lambda m, x: m.dense[x.astype(int)], extra=_rows),
    "slice": Operation(lambda A, x, unit: A[3:0:-1], lambda m, x: m.dense[3:0:-1]),
    "column": Operation(lambda A, x, unit: _indexed(A)[:, -1], lambda m, x: m.dense[:, -1]),
    "element": Operation(lambda A, x, unit: A[x, 0], lambda m, x: m.dense[x, 0], extra=_row),
    "elements": Operation(
        lambda A, x, unit: A[x, jnp.array([0, -1, 0])], lambda m, x: m.dense[x.astype(int), [0, -1, 0]], extra=_rows
    ),
    "slice_rows": Operation(
        lambda A, x, unit: A.slice_rows([-1, 0, 0]), lambda m, x: m.dense[[-1, 0, 0]], only=_COMPRESSED, concrete=True
    ),
    # other operations
    "diag_add": Operation(
        lambda A, x, unit: A.diag_add(x),
        lambda m, x: m.dense + _diagonal_matrix(m.shape, x),
        extra=_diagonal,
        extra_unit=u.mV,
        only=_COMPRESSED,
    ),
    "solve": Operation(
        lambda A, x, unit: A.diag_add(30.0 * unit).solve(x),
        lambda m, x: np.linalg.solve(m.dense + 30 * np.eye(len(m.dense)), x),
        _siemens / u.mV,
        _right_side,
        extra_unit=_siemens,
        only=_COMPRESSED,
        square=True,
    ),
    "yw_to_w": Operation(
        lambda A, x, unit: A.yw_to_w(x, A.data),
        lambda m, x: _row_of(m, x, m.row),
        u.mV * _siemens,
        lambda rng, inputs: rng.integers(1, 9, size=inputs.shape[0]) / 4,
        extra_unit=_siemens,
    ),
    "yw_to_w_transposed": Operation(
        lambda A, x, unit: A.yw_to_w_transposed(x, A.data),
        lambda m, x: _row_of(m, x, m.col),
        u.mV * _siemens,
        _vector,
        extra_unit=_siemens,
    ),
}


def _squares(m: Inputs) -> Any:
    """``apply`` gets individual entries, so duplicates are squared before they are summed."""
    dense = np.zeros(m.shape)
    np.add.at(dense, (m.row[m.exists], m.col[m.exists]), m.each[m.exists] ** 2)
    return dense


def _indexed(A: Any) -> Any:
    return A.with_csc_index() if hasattr(A, "with_csc_index") else A


def _diagonal_matrix(shape: tuple[int, int], values: Any) -> Any:
    matrix = np.zeros(shape)
    np.fill_diagonal(matrix, values)
    return matrix
