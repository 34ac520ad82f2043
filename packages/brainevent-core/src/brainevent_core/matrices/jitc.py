"""Just-in-time connectivity: matrices that are generated while they are used, and stored nowhere.

A matrix is a corner of a random network that a seed and a probability define, see ``docs/jitc-stream.md``. The random
stream runs along its rows or along its columns (``corder``), and that is all that R and C classes differ in.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core.errors import MathError, UnsupportedOperationError
from brainevent_core.jitc import LAWS, ConnectionRule, as_probability, as_seed
from brainevent_core.matrices.base import DataRepresentation, as_data, as_shape
from brainevent_core.matrices.coo import COO
from brainevent_core.matrices.csr import CSC, CSR
from brainevent_core.ops import MatrixSpec, connections, count_connections, window

__all__ = [
    "JITCMatrix",
    "JITCNormalC",
    "JITCNormalR",
    "JITCScalarC",
    "JITCScalarR",
    "JITCUniformC",
    "JITCUniformR",
]


class JITCMatrix(DataRepresentation):
    """Base class of the matrices that are generated while they are used.

    Leaves of the pytree are ``data`` (the parameters of the weights), ``seed`` and ``first`` (the first line that the
    matrix has of its network, 0 unless it is a part of one); shape, probability and ``corder`` are static. All
    operations see one and the same matrix, bit for bit in its pattern, on every backend.
    """

    _law: ClassVar[str]
    #: Names of the parameters of the weights, as constructors take them.
    _parameters: ClassVar[tuple[str, ...]]
    #: Whether the stream runs along rows if nothing else is asked for.
    _along_rows: ClassVar[bool]
    #: The class of the transpose.
    _transposed_class: ClassVar[type[JITCMatrix]]

    prob: float
    corder: bool

    def __init__(
        self,
        *parameters: Any,
        shape: Sequence[int] | None = None,
        corder: bool | None = None,
        num_pre: int | None = None,
        num_post: int | None = None,
        **named: Any,
    ) -> None:
        names = (*self._parameters, "prob", "seed")
        if len(parameters) == 1 and isinstance(parameters[0], (tuple, list)):
            parameters = tuple(parameters[0])
        unknown = [name for name in named if name not in names[len(parameters) :]]
        given = {**dict(zip(names, parameters)), **named}
        if len(parameters) > len(names) or unknown or any(name not in given for name in names[:-1]):
            raise MathError(
                f"{type(self).__name__} takes {', '.join(names)} (the seed may be left out), one by one, as one tuple, "
                f"or by keywords, and shape= or num_pre= and num_post=; got {len(parameters)} positional arguments"
                f"{''.join(f', {name}=' for name in named)}."
            )
        if (shape is None) == (num_pre is None) or (num_pre is None) != (num_post is None):
            raise MathError(f"{type(self).__name__} needs either shape= or both num_pre= and num_post=.")
        size = as_shape((num_pre, num_post) if shape is None else shape)  # type: ignore[arg-type]
        self._fill(
            _stacked([given[name] for name in self._parameters], self._parameters),
            as_seed(given.get("seed")),
            jnp.zeros(1, jnp.uint32),
            (size, as_probability(given["prob"]), self._along_rows if corder is None else bool(corder)),
        )

    def _fill(self, data: Any, seed: Any, first: Any, aux: tuple[tuple[int, int], float, bool]) -> None:
        shape, prob, corder = aux
        fill = object.__setattr__
        fill(self, "data", data)
        fill(self, "shape", shape)
        fill(self, "prob", prob)
        fill(self, "corder", corder)
        fill(self, "_structure", (seed, first))
        stored_shape = shape if corder else shape[::-1]
        stored = MatrixSpec(ConnectionRule(LAWS[self._law], prob), data, (seed, first), stored_shape, not corder)
        fill(self, "__matrix_spec__", stored)

    # -- pytree --------------------------------------------------------------------------------------------------

    def tree_flatten(self) -> tuple[tuple[Any, ...], Any]:
        return (self.data, *self._structure), (self.shape, self.prob, self.corder)

    @classmethod
    def tree_unflatten(cls, aux: Any, children: Any) -> Self:
        self = object.__new__(cls)
        data, seed, first = children
        self._fill(data, seed, first, aux)
        return self

    def _flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], Any]:
        children, aux = self.tree_flatten()
        names = ("data", "seed", "first")
        return [(jax.tree_util.GetAttrKey(name), child) for name, child in zip(names, children, strict=True)], aux

    # -- what it is ----------------------------------------------------------------------------------------------

    @property
    def seed(self) -> Any:
        """The seed as two words, uint32 of shape (2,), the most significant first."""
        return self._structure[0]

    @property
    def first(self) -> Any:
        """The first line of the matrix, counted in its network: uint32 of shape (1,)."""
        return self._structure[1]

    @property
    def nse(self) -> int:
        """Number of connections. They are counted: a walk through the whole matrix.

        Raises:
            MathError: if the seed is traced.
        """
        return int(np.asarray(count_connections(self.__matrix_spec__), np.int64).sum())

    def __repr__(self) -> str:
        unit = f", unit={self.unit}" if self.unit is not None else ""
        dtype = getattr(self.data, "dtype", None)
        return f"{type(self).__name__}(shape={self.shape}, prob={self.prob}, dtype={dtype}, corder={self.corder}{unit})"

    # -- with other data or another view -------------------------------------------------------------------------

    def with_data(self, *parameters: Any) -> Self:
        """The same connections with other parameters of the weights; dtype and unit become theirs.

        Args:
            *parameters: as the constructor takes them, one by one or as a tuple, or an array like :attr:`data`.

        Raises:
            MathError: if their number does not fit.
        """
        if len(parameters) == 1:
            (only,) = parameters
            if isinstance(only, (tuple, list)):
                parameters = tuple(only)
            elif len(self._parameters) == 2 and jnp.shape(units.detach(only)[0]) == (2,):
                parameters = (only[0], only[1])
        if len(parameters) != len(self._parameters):
            raise MathError(f"with_data of {type(self).__name__} takes ({', '.join(self._parameters)}).")
        return self._replace(_stacked(parameters, self._parameters))

    def _replace(self, data: Any) -> Self:
        return self.tree_unflatten(self.tree_flatten()[1], (data, *self._structure))

    def _transpose(self) -> JITCMatrix:
        aux = (self.shape[::-1], self.prob, not self.corder)
        return self._transposed_class.tree_unflatten(aux, (self.data, *self._structure))

    def apply(self, fn: Any) -> Self:
        """The same connections with the parameters ``fn(data)``."""
        return self.with_data(fn(self.data))

    # -- written down ----------------------------------------------------------------------------------------------

    def _window(self, row: Any, col: Any, shape: tuple[int, int], backend: str | None = None) -> Any:
        return units.attach(window(self.__matrix_spec__, row, col, shape, backend), self.unit)

    def todense(self, *, backend: str | None = None) -> Any:
        """The matrix as an array (or quantity) of shape ``self.shape``, generated by ``backend`` if one is named."""
        dense = self._window(0, 0, self.__matrix_spec__.shape, backend)
        return dense if self.corder else dense.T

    def tocoo(self, *, nse: int | None = None) -> COO:
        """The connections as a list, sorted by lines: rows if ``corder``, columns otherwise.

        Args:
            nse: number of slots, needed inside jit; surplus ones point outside of the matrix.

        Raises:
            MathError: if there are more connections than ``nse``, as far as they can be counted; traced ones are cut
                off.
        """
        data, line, position, _ = connections(self.__matrix_spec__, nse)
        row, col = (line, position) if self.corder else (position, line)
        return COO((data, row, col), shape=self.shape, check=False)

    def tocsr(self, *, nse: int | None = None) -> CSR:
        """The matrix in compressed rows, each with its columns in ascending order; see :meth:`tocoo`."""
        data, indices, indptr = self._compressed(nse, by_lines=self.corder)
        return CSR((data, indices, indptr), shape=self.shape, check=False)

    def tocsc(self, *, nse: int | None = None) -> CSC:
        """The matrix in compressed columns, each with its rows in ascending order; see :meth:`tocoo`."""
        data, indices, indptr = self._compressed(nse, by_lines=not self.corder)
        return CSC((data, indices, indptr), shape=self.shape, check=False)

    def _compressed(self, nse: int | None, *, by_lines: bool) -> tuple[Any, Any, Any]:
        """``(data, indices, indptr)``, of lines, or of positions along them."""
        data, line, position, counts = connections(self.__matrix_spec__, nse)
        if by_lines:
            return data, position, jnp.concatenate([jnp.zeros(1, counts.dtype), jnp.cumsum(counts)])
        order = jnp.argsort(position, stable=True)
        length = self.__matrix_spec__.shape[1]
        indptr = jnp.searchsorted(position[order], jnp.arange(length + 1, dtype=jnp.int32)).astype(jnp.int32)
        return (data if data.shape == (1,) else data[order]), line[order], indptr

    # -- arithmetic ------------------------------------------------------------------------------------------------

    def __mul__(self, other: Any) -> Any:
        return self._replace(self.data * _scalar(other, "*", self))

    def __rmul__(self, other: Any) -> Any:
        return self * other

    def __truediv__(self, other: Any) -> Any:
        return self._replace(self.data / _scalar(other, "/", self))

    def __neg__(self) -> Self:
        return self._replace(-self.data)

    def __pos__(self) -> Self:
        return self

    def __add__(self, other: Any) -> Any:
        return self._combined(other, operator.add)

    def __radd__(self, other: Any) -> Any:
        return self._combined(other, operator.add)

    def __sub__(self, other: Any) -> Any:
        return self._combined(other, operator.sub)

    def __rsub__(self, other: Any) -> Any:
        return (-self)._combined(other, operator.add)

    def _combined(self, other: Any, combine: Any) -> Any:
        if isinstance(other, JITCMatrix):
            same = all(mine is theirs for mine, theirs in zip(self._structure, other._structure))
            if same and self._law == other._law and self.tree_flatten()[1] == other.tree_flatten()[1]:
                return self._replace(combine(self.data, other.data))
            raise UnsupportedOperationError(
                "Only matrices with the same connections combine (one is the other's `with_data`); use `.todense()` on "
                "one side."
            )
        return combine(self.todense(), other)

    def __lt__(self, other: Any) -> Any:
        return self.todense() < other

    def __le__(self, other: Any) -> Any:
        return self.todense() <= other

    def __gt__(self, other: Any) -> Any:
        return self.todense() > other

    def __ge__(self, other: Any) -> Any:
        return self.todense() >= other

    # -- for learning rules ----------------------------------------------------------------------------------------

    def yw_to_w(self, y: Any, w: Any) -> Any:
        """``w[k] * y[row of k]`` for the connections k in the order of :meth:`tocsr`.

        Args:
            y: one value per row.
            w: one value per connection, shape (nse,).
        """
        return self._per_entry(y, w, 0)

    def yw_to_w_transposed(self, y: Any, w: Any) -> Any:
        """``w[k] * y[column of k]`` for the connections k in the order of :meth:`tocsr`; see :meth:`yw_to_w`."""
        return self._per_entry(y, w, 1)

    dt2t, dt2t_transposed = yw_to_w, yw_to_w_transposed

    def _per_entry(self, y: Any, w: Any, axis: int) -> Any:
        if w.ndim != 1 or y.shape != (self.shape[axis],):
            raise MathError(
                f"y must have shape ({self.shape[axis]},) and w one value per connection; got {tuple(y.shape)} and "
                f"{tuple(w.shape)}."
            )
        entries = self.tocsr(nse=w.shape[0])
        if axis:
            at = entries.indices
        else:
            slots = jnp.arange(w.shape[0], dtype=entries.indptr.dtype)
            at = jnp.searchsorted(entries.indptr[1:], slots, side="right")
        return w * y[jnp.minimum(at, self.shape[axis] - 1)]


def _stacked(parameters: Sequence[Any], names: Sequence[str]) -> Any:
    """Parameters as one array or quantity: a scalar, or two values in the unit of the first."""
    converted = [as_data(parameter) for parameter in parameters]
    for name, parameter in zip(names, converted):
        if parameter.size != 1:
            raise MathError(f"{name} must be one number for the whole matrix, got shape {tuple(parameter.shape)}.")
    flat = [parameter.reshape(()) for parameter in converted]
    if len(flat) == 1:
        return flat[0]
    unit = next((units.unit_of(value) for value in flat if units.unit_of(value) is not None), None)
    if unit is None:
        return jnp.stack(flat)
    return units.attach(jnp.stack([u.Quantity(value).to_decimal(unit) for value in flat]), unit)


def _scalar(other: Any, symbol: str, matrix: JITCMatrix) -> Any:
    if getattr(other, "size", 1) != 1 or isinstance(other, DataRepresentation):
        raise UnsupportedOperationError(
            f"{type(matrix).__name__} {symbol} {type(other).__name__}: a generated matrix is scaled by one number; use "
            "`.todense()` for anything else."
        )
    mantissa, unit = units.detach(other)
    return units.attach(jnp.reshape(mantissa, ()), unit)


class JITCScalarR(JITCMatrix):
    """Random connectivity with one weight for all connections, generated while it is used; a stream per row.

    Each pair of neurons is connected with probability ``prob``, independently. The forms are
    ``(weight, prob, seed, shape=...)``, one tuple of the three, or keywords.

    Args:
        weight: a number, a quantity or an array of size 1.
        prob: probability of a connection, a concrete number between 0 and 1.
        seed: a whole number, a ``jax.random`` key or two 32-bit words; None draws one. Seeds can be traced and mapped.
        shape: (rows, columns), that is (presynaptic, postsynaptic); or ``num_pre`` and ``num_post``.
        corder: whether the stream runs along rows. ``spikes @ matrix`` then costs the rows that fire; with
            ``corder=False`` ``matrix @ spikes`` costs the columns that do. With equal arguments and ``corder``, R and C
            are one matrix.

    Raises:
        MathError: if ``prob`` is not between 0 and 1, or arguments are missing.
        DTypeError: if ``prob`` is traced, or the seed is none.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> conn = brainevent.JITCScalarR(num_pre=1000, num_post=1000, prob=0.1, weight=0.5, seed=0)
        >>> spikes = brainevent.BinaryArray(jnp.arange(1000) < 10)
        >>> float(sum(spikes @ conn)) == float(0.5 * (conn.todense()[:10] != 0).sum())
        True
    """

    _law, _parameters, _along_rows = "scalar", ("weight",), True

    @property
    def weight(self) -> Any:
        """The weight of every connection."""
        return self.data


class JITCScalarC(JITCScalarR):
    """As :class:`JITCScalarR`, with a stream per column."""

    _along_rows = False


class JITCNormalR(JITCMatrix):
    """Random connectivity with normally distributed weights; a stream per row.

    Args:
        loc: mean of the weights.
        scale: their standard deviation.
        prob, seed, shape, corder: as for :class:`JITCScalarR`.

    Example:
        >>> import brainevent
        >>> brainevent.JITCNormalR(1.0, 0.2, 0.1, 0, shape=(100, 200))
        JITCNormalR(shape=(100, 200), prob=0.1, dtype=float32, corder=True)
    """

    _law, _parameters, _along_rows = "normal", ("loc", "scale"), True

    @property
    def loc(self) -> Any:
        """Mean of the weights."""
        return self.data[0]

    @property
    def scale(self) -> Any:
        """Standard deviation of the weights."""
        return self.data[1]


class JITCNormalC(JITCNormalR):
    """As :class:`JITCNormalR`, with a stream per column."""

    _along_rows = False


class JITCUniformR(JITCMatrix):
    """Random connectivity with weights that are uniform between two bounds; a stream per row.

    Args:
        low: the lower bound, which can occur.
        high: the upper bound, which occurs by rounding at most.
        prob, seed, shape, corder: as for :class:`JITCScalarR`.

    Example:
        >>> import brainevent
        >>> brainevent.JITCUniformR(0.0, 0.5, 0.1, 0, shape=(100, 200))
        JITCUniformR(shape=(100, 200), prob=0.1, dtype=float32, corder=True)
    """

    _law, _parameters, _along_rows = "uniform", ("low", "high"), True

    @property
    def low(self) -> Any:
        """The lower bound of the weights."""
        return self.data[0]

    @property
    def high(self) -> Any:
        """The upper bound of the weights."""
        return self.data[1]


class JITCUniformC(JITCUniformR):
    """As :class:`JITCUniformR`, with a stream per column."""

    _along_rows = False


for _rows, _columns in ((JITCScalarR, JITCScalarC), (JITCNormalR, JITCNormalC), (JITCUniformR, JITCUniformC)):
    _rows._transposed_class, _columns._transposed_class = _columns, _rows
