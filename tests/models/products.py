"""The products of every matrix class, under every transform, compared with dense NumPy.

The model is a list of entries (row, column, weight) and NumPy in float64; it uses no code of the library. Derivatives
with respect to events are straight-through: the forward value and the gradient of the weights use the indicator of an
event, and the gradient of the spikes is that of the product with their values.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import BinaryArray, BitPackedBinary, CompactBinary, SparseFloat, config
from brainevent_core.matrices import COO, CSC, CSR, Dense, FixedPostNumConn, FixedPreNumConn
from brainevent_core.testing.numerics import TOLERANCES, tolerance, x64
from brainevent_core.testing.pairwise import table_rows

__all__ = ["EVENTS", "MATRICES", "ProductCase", "check_product", "product_cases"]

INDEX = "+index"

#: Matrices by name; those that end in ``INDEX`` have a column index.
MATRICES: dict[str, Any] = {
    **{cls.__name__: cls for cls in (CSR, CSC, COO, FixedPostNumConn, FixedPreNumConn, Dense)},
    **{cls.__name__ + INDEX: cls for cls in (CSR, CSC, FixedPostNumConn, FixedPreNumConn)},
}

#: Kinds of events: the dtype of the spikes (None: that of the weights), and their encoding for a product that sums over
#: an axis.
EVENTS: dict[str, tuple[str | None, Callable[[Any, int], Any]]] = {
    "bool": ("bool", lambda spikes, axis: BinaryArray(spikes)),
    "int32": ("int32", lambda spikes, axis: BinaryArray(spikes)),
    "float32": ("float32", lambda spikes, axis: BinaryArray(spikes)),
    "sparse": (None, lambda spikes, axis: SparseFloat(spikes)),
    "bitpacked": ("int32", lambda spikes, axis: BitPackedBinary(spikes, axis=axis)),
    "compact": ("int32", lambda spikes, axis: CompactBinary(spikes, axis=axis)),
}

BATCH = 3


@dataclass(frozen=True)
class ProductCase:
    """One cell of the table.

    Attributes:
        matrix: a key of ``MATRICES``.
        operand: kind of the events, a key of ``EVENTS``; "float" means a plain array.
        from_left: ``x @ A`` rather than ``A @ x``.
        rank: rank of x.
        transform: the key of a check in this module.
        homogeneous: one weight for all entries.
        dtype: dtype of the weights.
        unit: whether the weights are in millivolt (and the operand of a float product in siemens).
        backend: the requested backend.
    """

    matrix: str
    operand: str
    from_left: bool
    rank: int
    transform: str
    homogeneous: bool
    dtype: str
    unit: bool
    backend: str

    def __str__(self) -> str:
        side = "x@A" if self.from_left else "A@x"
        weights = f"{self.dtype}{'-homogeneous' if self.homogeneous else ''}{'-unit' if self.unit else ''}"
        return f"{self.matrix}-{self.operand}-{side}-rank{self.rank}-{self.transform}-{weights}-{self.backend}"

    @property
    def event(self) -> bool:
        """Whether nonzero entries count as one, rather than as numbers."""
        return self.operand not in ("float", "sparse")


def product_cases(backends: tuple[str, ...], *, whole: bool, seed: int | None = None) -> Iterator[ProductCase]:
    """The table of products: a pairwise cover, or all of it.

    Args:
        backends: the backends to request.
        whole: all combinations of matrix, operand, transform, side, rank, dtype and unit, cycling through the values of
            the other columns, instead of a pairwise cover of all columns.
        seed: of the cover, see :func:`table_rows`.
    """
    first: dict[str, list[Any]] = {
        "matrix": list(MATRICES),
        "operand": ["float", *EVENTS],
        "transform": list(TRANSFORMS),
        "from_left": [False, True],
        "rank": [1, 2],
        "dtype": list(TOLERANCES),
        "unit": [False, True],
    }
    others: dict[str, list[Any]] = {"homogeneous": [False, True], "backend": list(backends)}
    for row in table_rows(first, others, whole=whole, seed=seed, allowed=_exists):
        yield ProductCase(**row)


def _exists(row: dict[str, Any]) -> bool:
    if row.get("matrix") == "Dense" and (row.get("homogeneous") or row.get("transform") == "vmap_structure"):
        return False
    # Some kinds of spikes have no derivative; the derivative with respect to the weights is tested by `vjp`.
    return not (row.get("operand") in _SPIKES_WITHOUT_DERIVATIVE and row.get("transform") in _NEEDS_FLOAT_OPERAND)


# -- a random matrix as a list of entries ------------------------------------------------------------------------------


@dataclass
class Problem:
    """A random matrix with everything that a check needs."""

    case: ProductCase
    rng: np.random.Generator
    shape: tuple[int, int] = (7, 5)
    structure: tuple[np.ndarray, ...] = field(init=False)
    row: np.ndarray = field(init=False)
    col: np.ndarray = field(init=False)
    data_shape: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        name = self.case.matrix.removesuffix(INDEX)
        self.structure, self.row, self.col, per_entry = random_structure(name, self.shape, self.rng)
        self.data_shape = (1,) if self.case.homogeneous else per_entry

    @property
    def operand_shape(self) -> tuple[int, ...]:
        length = self.shape[0] if self.case.from_left else self.shape[1]
        if self.case.rank == 1:
            return (length,)
        return (BATCH, length) if self.case.from_left else (length, BATCH)

    def weights(self, *front: int) -> np.ndarray:
        return self._rounded(self.rng.normal(size=(*front, *self.data_shape)), self.case.dtype)

    def operand(self, *front: int) -> np.ndarray:
        values = self.rng.normal(size=(*front, *self.operand_shape))
        if self.case.operand == "float":
            return self._rounded(values, self.case.dtype)
        # Events have values other than 1, which must not matter if they count as 1.
        spikes = np.where(self.rng.random(values.shape) < 0.5, np.rint(3 * values), 0)
        dtype = EVENTS[self.case.operand][0] or self.case.dtype
        return (spikes != 0) if dtype == "bool" else self._rounded(spikes, dtype)

    def tangent(self, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        return self._rounded(self.rng.normal(size=shape), dtype)

    @staticmethod
    def _rounded(values: np.ndarray, dtype: str) -> np.ndarray:
        """Values rounded to ``dtype``, so that model and library start with the same numbers."""
        return values.astype(jnp.dtype(dtype))

    # the model ------------------------------------------------------------------------------------------------------

    def dense(self, weights: np.ndarray) -> np.ndarray:
        matrix = np.zeros(self.shape)
        np.add.at(matrix, (self.row, self.col), np.broadcast_to(_f64(weights).ravel(), self.row.shape))
        return matrix

    def indicator(self, x: np.ndarray) -> np.ndarray:
        return (x != 0).astype(float) if self.case.event else _f64(x)

    def product(self, weights: np.ndarray, x: np.ndarray) -> np.ndarray:
        return x @ self.dense(weights) if self.case.from_left else self.dense(weights) @ x

    def by_operand(self, weights: np.ndarray, ct: np.ndarray) -> np.ndarray:
        """The cotangent of the operand."""
        return ct @ self.dense(weights).T if self.case.from_left else self.dense(weights).T @ ct

    def by_weights(self, ct: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The cotangent of the weights."""
        ct, x = (a if a.ndim == 2 else a[None] if self.case.from_left else a[:, None] for a in (ct, x))
        gradient = (x.T @ ct) if self.case.from_left else (ct @ x.T)
        per_entry = gradient[self.row, self.col]
        return per_entry.sum(keepdims=True) if self.case.homogeneous else per_entry.reshape(self.data_shape)

    # the library ----------------------------------------------------------------------------------------------------

    def apply(self, weights: Any, x: Any, structure: tuple[Any, ...] | None = None) -> Any:
        cls = MATRICES[self.case.matrix]
        if self.case.unit:
            weights = weights * u.mV
            x = x if self.case.event else x * u.siemens
        structure = self.structure if structure is None else structure
        matrix = cls((weights, *structure), shape=self.shape) if structure else cls(weights)
        if self.case.matrix.endswith(INDEX):
            matrix = matrix.with_csc_index()
        kind = self.case.operand
        operand = x if kind == "float" else EVENTS[kind][1](x, -1 if self.case.from_left else 0)
        out = operand @ matrix if self.case.from_left else matrix @ operand
        if self.case.unit:
            expected = u.mV if self.case.event else u.mV * u.siemens
            assert out.unit == expected, f"the result has unit {out.unit}, expected {expected}"
            out = out.mantissa
        return out


def random_structure(
    matrix: str, shape: tuple[int, int], rng: np.random.Generator, nse: int = 12
) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray, tuple[int, ...]]:
    """``(structure, row, col, shape of one weight per entry)`` of a random matrix: unsorted, with duplicates and, if
    the format allows, empty rows."""
    rows_, cols = shape
    if matrix == "Dense":
        row, col = (a.ravel() for a in np.indices(shape))
        return (), row, col, shape
    if matrix == "COO":
        row, col = rng.integers(rows_, size=nse), rng.integers(cols, size=nse)
        return (row, col), row, col, (nse,)
    transposed = matrix in ("CSC", "FixedPreNumConn")
    lines, width = (cols, rows_) if transposed else (rows_, cols)
    if matrix in ("CSR", "CSC"):
        line = np.sort(rng.integers(lines, size=nse))
        other = rng.integers(width, size=nse)
        structure: tuple[np.ndarray, ...] = (other, np.searchsorted(line, np.arange(lines + 1)))
        per_entry: tuple[int, ...] = (nse,)
    else:
        per_line = 3
        line = np.repeat(np.arange(lines), per_line)
        other = rng.integers(width, size=lines * per_line)
        structure = (other.reshape(lines, per_line),)
        per_entry = (lines, per_line)
    row, col = (other, line) if transposed else (line, other)
    return structure, row, col, per_entry


# -- one check per transform -------------------------------------------------------------------------------------------


def check_product(case: ProductCase, seed: int = 0) -> None:
    """Run one case. Inputs are random, but the same for the same case and seed.

    Raises:
        AssertionError: if the library and the model differ by more than rounding.
    """
    problem = Problem(case, np.random.default_rng([zlib.crc32(str(case).encode()), seed]))
    with x64(case.dtype == "float64"), config.use_backend(case.backend):
        TRANSFORMS[case.transform](problem)


def _eager(p: Problem) -> None:
    w, x = p.weights(), p.operand()
    _close(p, p.apply(w, x), p.product(w, p.indicator(x)))


def _jit(p: Problem) -> None:
    w, x = p.weights(), p.operand()
    out = jax.jit(lambda w, x, structure: p.apply(w, x, structure))(w, x, p.structure)
    _close(p, out, p.product(w, p.indicator(x)))


def _jvp(p: Problem) -> None:
    w, x = p.weights(), p.operand()
    w_dot, x_dot = p.tangent(w.shape, p.case.dtype), p.tangent(x.shape, str(x.dtype))
    out, out_dot = jax.jit(lambda *args: jax.jvp(p.apply, args[:2], args[2:]))(w, x, w_dot, x_dot)
    e = p.indicator(x)
    _close(p, out, p.product(w, e))
    _close(p, out_dot, p.product(w_dot, e) + p.product(w, _f64(x_dot)))


def _vjp(p: Problem) -> None:
    w, x = p.weights(), p.operand()
    e = p.indicator(x)
    ct = p.tangent(p.product(w, e).shape, p.case.dtype)
    if x.dtype.kind in "bi":
        (w_ct,) = jax.jit(lambda w, x, ct: jax.vjp(lambda w: p.apply(w, x), w)[1](ct))(w, x, ct)
    else:
        w_ct, x_ct = jax.jit(lambda w, x, ct: jax.vjp(p.apply, w, x)[1](ct))(w, x, ct)
        assert x_ct.dtype == x.dtype
        _close(p, x_ct, p.by_operand(w, _f64(ct)))
    _close(p, w_ct, p.by_weights(_f64(ct), e))


def _second_order(p: Problem) -> None:
    w, x = p.weights(), p.operand()
    w_dot, x_dot = p.tangent(w.shape, p.case.dtype), p.tangent(x.shape, str(x.dtype))

    def half_square(w: Any, x: Any) -> Any:
        out = p.apply(w, x).astype(jnp.promote_types(p.case.dtype, "float32"))
        return 0.5 * jnp.sum(out**2)

    gradient = jax.grad(half_square, argnums=(0, 1))
    (w_ct, x_ct), (w_hvp, x_hvp) = jax.jit(lambda *args: jax.jvp(gradient, args[:2], args[2:]))(w, x, w_dot, x_dot)
    e, v = p.indicator(x), _f64(x_dot)
    out, out_dot = p.product(w, e), p.product(w_dot, e) + p.product(w, v)
    _close(p, w_ct, p.by_weights(out, e), scale=4)
    _close(p, x_ct, p.by_operand(w, out), scale=4)
    _close(p, w_hvp, p.by_weights(out_dot, e) + p.by_weights(out, v), scale=4)
    _close(p, x_hvp, p.by_operand(w_dot, out) + p.by_operand(w, out_dot), scale=4)


def _vmap_operand(p: Problem) -> None:
    w, xs = p.weights(), p.operand(BATCH)
    out = jax.jit(jax.vmap(p.apply, in_axes=(None, 0)))(w, xs)
    _close(p, out, np.stack([p.product(w, p.indicator(x)) for x in xs]))


def _vmap_weights(p: Problem) -> None:
    ws, xs = p.weights(2), p.operand(BATCH)
    out = jax.jit(jax.vmap(jax.vmap(p.apply, in_axes=(None, 0), out_axes=-1), in_axes=(0, None)))(ws, xs)
    expected = np.stack([np.stack([p.product(w, p.indicator(x)) for x in xs], axis=-1) for w in ws])
    _close(p, out, expected)


def _vmap_structure(p: Problem) -> None:
    other = Problem(p.case, p.rng)
    w, xs = p.weights(), p.operand(2)
    structures = tuple(np.stack(pair) for pair in zip(p.structure, other.structure))
    out = jax.jit(jax.vmap(p.apply, in_axes=(None, 0, 0)))(w, xs, structures)
    _close(p, out, np.stack([q.product(w, q.indicator(x)) for q, x in zip((p, other), xs)]))


def _grad_of_vmap(p: Problem) -> None:
    w, xs = p.weights(), p.operand(BATCH)
    expected = np.stack([p.product(w, p.indicator(x)) for x in xs])
    ct = p.tangent(expected.shape, p.case.dtype)
    out, pull = jax.vjp(lambda w: jax.vmap(p.apply, in_axes=(None, 0))(w, xs), w)
    _close(p, out, expected)
    (w_ct,) = jax.jit(pull)(ct)
    _close(p, w_ct, np.sum([p.by_weights(_f64(c), p.indicator(x)) for c, x in zip(ct, xs, strict=True)], axis=0))


def _vmap_of_grad(p: Problem) -> None:
    ws, x = p.weights(BATCH), p.operand()
    ct = p.tangent(p.product(ws[0], p.indicator(x)).shape, p.case.dtype)
    (w_ct,) = jax.jit(jax.vmap(lambda w: jax.vjp(lambda w: p.apply(w, x), w)[1](ct)))(ws)
    _close(p, w_ct, np.stack([p.by_weights(_f64(ct), p.indicator(x))] * BATCH))


def _scan(p: Problem) -> None:
    w, xs = p.weights(), p.operand(BATCH)
    _, out = jax.lax.scan(lambda carry, x: (carry, p.apply(w, x)), 0, xs)
    _close(p, out, np.stack([p.product(w, p.indicator(x)) for x in xs]))


def _cond(p: Problem) -> None:
    w, x = p.weights(), p.operand()
    run = jax.jit(lambda on: jax.lax.cond(on, lambda: p.apply(w, x), lambda: jnp.zeros_like(p.apply(w, x))))
    expected = p.product(w, p.indicator(x))
    _close(p, run(True), expected)
    _close(p, run(False), np.zeros_like(expected))


TRANSFORMS: dict[str, Callable[[Problem], None]] = {
    "eager": _eager,
    "jit": _jit,
    "jvp": _jvp,
    "vjp": _vjp,
    "second_order": _second_order,
    "vmap_operand": _vmap_operand,
    "vmap_weights": _vmap_weights,
    "vmap_structure": _vmap_structure,
    "grad_of_vmap": _grad_of_vmap,
    "vmap_of_grad": _vmap_of_grad,
    "scan": _scan,
    "cond": _cond,
}

_NEEDS_FLOAT_OPERAND = ("jvp", "second_order")
_SPIKES_WITHOUT_DERIVATIVE = tuple(kind for kind, (dtype, _) in EVENTS.items() if dtype in ("bool", "int32"))


def _close(p: Problem, found: Any, expected: np.ndarray, scale: float = 1) -> None:
    found = np.asarray(found)
    assert found.shape == expected.shape, f"shape {found.shape}, expected {expected.shape}"
    # Cotangents of spikes have the spikes' dtype, which may be less precise than that of the weights.
    rtol = max(tolerance(p.case.dtype), tolerance(found.dtype)) * scale
    # Rounding errors are relative to the largest entry, as sums can cancel.
    np.testing.assert_allclose(_f64(found), expected, rtol=rtol, atol=rtol * max(1.0, np.abs(expected).max(initial=0)))


def _f64(values: Any) -> np.ndarray:
    return np.asarray(values).astype(np.float64)
