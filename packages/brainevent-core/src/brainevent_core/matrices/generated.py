"""Just-in-time connectivity: matrices that are generated on the fly and not stored.

A matrix is a corner of a random network that is defined by a seed and a probability, see ``docs/jitc-stream.md``. R and
C classes differ only in whether the random stream runs along rows or columns (``corder``).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import display, units
from brainevent_core._typing import Array, ArrayLike, Number, Quantity, QuantityLike
from brainevent_core.errors import MathError, UnsupportedOperationError
from brainevent_core.formats import Split, SplitRule
from brainevent_core.jitc import LONGEST, NORMAL, SCALAR, UNIFORM, ConnectionRule, Law, as_probability, as_seed
from brainevent_core.matrices.arguments import as_data, two_lengths
from brainevent_core.matrices.base import Matrix
from brainevent_core.matrices.csr import CSC, CSR
from brainevent_core.ops import MatrixSpec, connections, count_connections, window
from brainevent_core.ops.matmul import as_array

__all__ = [
    "JITCMatrix",
    "JITCNormalC",
    "JITCNormalR",
    "JITCScalarC",
    "JITCScalarR",
    "JITCUniformC",
    "JITCUniformR",
]

_Generated = TypeVar("_Generated", bound="JITCMatrix")


class JITCMatrix(Matrix):
    """Base class of the matrices that are generated on the fly.

    The leaves of the pytree are ``data`` (the parameters of the weights), ``seed`` and ``row_offset``; shape,
    probability and ``corder`` are static. All operations use the same matrix, on every backend; its pattern is
    identical bit for bit.
    """

    _law: ClassVar[Law]
    #: Whether the stream runs along rows by default.
    _along_rows: ClassVar[bool]

    prob: float
    corder: bool
    #: How it is split over devices, see :func:`brainevent.sharding.shard`; None if it isn't.
    split: Split | None

    def _generate(
        self,
        parameters: dict[str, QuantityLike | None],
        prob: Number | None,
        seed: ArrayLike | None,
        shape: Sequence[int] | None,
        corder: bool | None,
        num_pre: int | None,
        num_post: int | None,
        split: Split | None,
    ) -> None:
        """The common part of all constructors. The first parameter can be a tuple of it and the following arguments."""
        kind = type(self).__name__
        given = {**parameters, "prob": prob, "seed": seed}
        names = list(given)
        first, *rest = given.values()
        if isinstance(first, (tuple, list)):
            if len(first) > len(names) or any(value is not None for value in rest[: len(first) - 1]):
                raise MathError(f"{kind} takes {', '.join(names)}, one by one or as one tuple.")
            given.update(zip(names, first))
        missing = [name for name in names[:-1] if given[name] is None]
        if missing:
            raise MathError(
                f"{kind} takes {', '.join(names)} (the seed may be left out), one by one, as one tuple, or by "
                f"keywords, and shape= or num_pre= and num_post=; missing: {', '.join(missing)}."
            )
        if (shape is None) == (num_pre is None and num_post is None) or (num_pre is None) != (num_post is None):
            raise MathError(f"{kind} needs either shape= or both num_pre= and num_post=.")
        size = two_lengths((num_pre, num_post) if shape is None else shape)  # type: ignore[arg-type]
        if max(size) > LONGEST:
            raise MathError(
                f"{kind} has at most {LONGEST} rows and columns, for its stream counts them with 32 bits; got shape "
                f"{size}. Make several, each with a seed of its own."
            )
        along_rows = self._along_rows if corder is None else bool(corder)
        structure = as_seed(given["seed"]), jnp.zeros(1, jnp.uint32)
        data = self._as_parameters(*map(given.get, parameters))
        self._set(data, structure, size, as_probability(given["prob"]), along_rows)
        if split is not None:
            blocks = self.in_blocks(split)
            self._set(blocks.data, blocks._structure, *blocks._static)

    @classmethod
    def _as_parameters(cls, *parameters: Any) -> Array | Quantity:
        """Parameters of the weights as one array or quantity: a scalar, or two values in the unit of the first."""
        flat = []
        for name, parameter in zip(cls._law.parameters, map(as_data, parameters), strict=True):
            if parameter.size != 1:
                raise MathError(f"{name} must be one number for the whole matrix, got shape {tuple(parameter.shape)}.")
            flat.append(parameter.reshape(()))
        if len(flat) == 1:
            return flat[0]
        unit = next((units.unit_of(value) for value in flat if units.unit_of(value) is not None), None)
        whose = f"the other parameters ({', '.join(cls._law.parameters)})"
        plain = [
            jnp.asarray(units.mantissa_in(value, unit, name, whose))
            for name, value in zip(cls._law.parameters, flat, strict=True)
        ]
        return units.attach(jnp.stack(plain), unit)

    # -- pytree --------------------------------------------------------------------------------------------------

    def _set(self, data: Any, structure: tuple[Any, ...], *static: Any) -> None:
        shape, prob, corder, *more = static
        split = more[0] if more else None
        object.__setattr__(self, "prob", prob)
        object.__setattr__(self, "corder", corder)
        object.__setattr__(self, "split", split)
        stored_shape = shape if corder else shape[::-1]
        rule: Any = ConnectionRule(self._law, prob)
        if split is not None:
            rule = SplitRule.of(rule, split, transposed=not corder)
        self._fill(data, structure, shape, MatrixSpec(rule, data, structure, stored_shape, not corder))

    @property
    def _static(self) -> tuple[Any, ...]:
        # Existing files have three values.
        return (self.shape, self.prob, self.corder) + (() if self.split is None else (self.split,))

    @property
    def _names(self) -> Sequence[str]:
        return "seed", "row_offset"

    # -- what it is ----------------------------------------------------------------------------------------------

    @property
    def seed(self) -> Array:
        """The seed as two words, uint32 of shape (2,), the most significant first."""
        return self._structure[0]

    @property
    def row_offset(self) -> Array:
        """The index of the matrix's first row (without ``corder``, column) in its network: uint32, (1,).

        It is 0 unless the matrix is a part of a larger one. For a matrix in blocks, it contains the first row and
        column of each block in the network: (blocks, 2).
        """
        return self._structure[1]

    @property
    def first(self) -> Array:
        """The former name of :attr:`row_offset`."""
        warnings.warn(
            "`first` is now called `row_offset`; the old name will be removed.", DeprecationWarning, stacklevel=2
        )
        return self.row_offset

    @property
    def nse(self) -> int:
        """Number of connections. Counting generates the whole matrix.

        Raises:
            MathError: if the seed is traced.
        """
        return int(np.asarray(count_connections(self.__matrix_spec__), np.int64).sum())

    def _degrees(self, axis: int) -> Array:
        if axis == (0 if self.corder else 1):
            return count_connections(self.__matrix_spec__).astype(jnp.int32)
        return self._listed(None)._degrees(axis)

    def _facts(self) -> Iterator[str]:
        dtype, *unit = super()._facts()
        yield from (f"prob={self.prob}", dtype, f"corder={self.corder}", *unit)
        if self.split is not None:
            yield f"{self.split.blocks} blocks by {self.split.by} over {self.split.axis!r}"

    def _shown(self) -> Iterator[tuple[str, str]]:
        expected = f"about {self.prob * self.size:,.0f}, generated on the fly"
        yield "synapses", f"{expected} (each pair with probability {100 * self.prob:.3g} %)"
        yield "weights", display.numbers(self.data, self._law.parameters)

    def _is_one_matrix(self) -> bool:
        parameters = len(self._law.parameters)
        return self.data.shape == (() if parameters == 1 else (parameters,)) and self.seed.shape == (2,)

    def todense(self, *, backend: str | None = None) -> Array | Quantity:
        """The matrix as an array (or quantity) of shape ``self.shape``, optionally generated by the given backend."""
        spec = self.__matrix_spec__
        dense = window(spec, 0, 0, spec.shape, backend)
        return units.attach(dense if self.corder else dense.T, self.unit)

    # -- with other data or another view -------------------------------------------------------------------------

    def with_data(self, *parameters: QuantityLike) -> Self:
        """The same connections with other parameters of the weights, whose dtype and unit the matrix gets.

        Args:
            *parameters: as in the constructor, one by one or as a tuple, or an array like ``data``.

        Raises:
            MathError: if the number of parameters is wrong.
        """
        names, given = self._law.parameters, parameters
        if len(given) == 1:
            (only,) = given
            if isinstance(only, (tuple, list)):
                given = tuple(only)
            elif len(names) == 2:
                both = as_data(only)
                given = (both[0], both[1]) if both.shape == (2,) else given
        if len(given) != len(names):
            raise MathError(f"with_data of {type(self).__name__} takes ({', '.join(names)}).")
        return self._replace(self._as_parameters(*given))

    def _transposed_as(self, cls: type[_Generated]) -> _Generated:
        static: tuple[Any, ...] = (self.shape[::-1], self.prob, not self.corder)
        if self.split is not None:
            static += (replace(self.split, by="pre" if self.split.by == "post" else "post"),)
        return cls.tree_unflatten(static, (self.data, *self._structure))

    # -- over devices --------------------------------------------------------------------------------------------

    def in_blocks(self, split: Split | None) -> Self:
        """The same matrix split over devices, each of which generates the part of its own neurons; see
        :func:`brainevent.sharding.shard`. None returns a matrix that is not split.

        Raises:
            MathError: if the neurons can't be split evenly.
        """
        seed, offset = self._structure
        if self.split is not None:
            offset = offset[0, :1]
        if split is None:
            return self.tree_unflatten((self.shape, self.prob, self.corder), (self.data, seed, offset))
        if not isinstance(split, Split):
            raise MathError(f"split takes a brainevent.sharding.Split, got {type(split).__name__}.")
        split.bounds(self.shape[split.by == "post"])
        rule = SplitRule.of(ConnectionRule(self._law, self.prob), split, transposed=not self.corder)
        first = jnp.concatenate([offset, jnp.zeros(1, jnp.uint32)])
        leaves, tree = jax.tree.flatten(
            (self.data, seed, first + jnp.asarray(rule.offsets(self.__matrix_spec__.shape)))
        )
        *whole, offsets = leaves
        if not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
            whole = [_placed(leaf, split.replicated) for leaf in whole]
            offsets = _placed(offsets, split.sharding)
        children = jax.tree.unflatten(tree, [*whole, offsets])
        return self.tree_unflatten((self.shape, self.prob, self.corder, split), children)

    # -- its connections, materialised ---------------------------------------------------------------------------

    def _listed(self, nse: int | None) -> CSR | CSC:
        data, _, indices, counts = connections(self.__matrix_spec__, nse)
        indptr = jnp.concatenate([jnp.zeros(1, counts.dtype), jnp.cumsum(counts)])
        return (CSR if self.corder else CSC)(data, indices, indptr, shape=self.shape, check=False)

    def _with_entries_of(self, w: QuantityLike) -> MatrixSpec:
        size = jnp.size(units.detach(as_array(w))[0])
        one_for_all = size == 1 and not self.__matrix_spec__.is_traced
        return self.tocsr(nse=None if one_for_all else size).__matrix_spec__

    # -- arithmetic ----------------------------------------------------------------------------------------------

    @property
    def _identity(self) -> tuple[Any, Sequence[Any]]:
        return self._static, self._structure

    def _at_entries(self, other: Array | Quantity) -> Array | Quantity:
        raise UnsupportedOperationError(
            f"The connections of {type(self).__name__} are generated just in time, so that an array can't change them "
            "one by one: use `.tocsr()` to store them, or `.todense()`."
        )

    def _on_entries(self, op: Callable[..., Any], *others: Any, linear: bool) -> Self:
        # Weights are linear in the parameters. If the weight itself is the parameter, any operation can change it.
        if not linear and self._law.variate is not None:
            raise UnsupportedOperationError(
                f"The weights of {type(self).__name__} are drawn just in time, by a law that this operation does not "
                "keep: use `.tocsr()` to store them, or `.todense()`."
            )
        return self._replace(op(*(value.data if isinstance(value, Matrix) else value for value in (self, *others))))


def _placed(array: Any, sharding: Any) -> Any:
    """An array that every process has, placed on their devices."""
    host = np.asarray(array)
    return jax.make_array_from_callback(host.shape, sharding, lambda where: host[where])


class JITCScalarR(JITCMatrix):
    """Random connectivity with a homogeneous weight, generated on the fly, with a random stream per row.

    Each pair of neurons is connected independently with probability ``prob``. The arguments can be given as
    ``(weight, prob, seed, shape=...)``, with a tuple of the first three, or as keywords.

    Args:
        weight: a number, a quantity or an array of size 1.
        prob: probability of a connection, a concrete number between 0 and 1.
        seed: an integer, a ``jax.random`` key or two 32-bit words; with None, a random seed is used. Seeds can be
            traced and mapped.
        shape: (rows, columns), that is (presynaptic, postsynaptic); or ``num_pre`` and ``num_post``.
        corder: whether the stream runs along rows. The cost of ``spikes @ matrix`` then scales with the number of
            spikes; with ``corder=False``, the cost of ``matrix @ spikes`` does. With equal arguments and ``corder``, R
            and C are the same matrix.
        split: splits the matrix into blocks over devices, each of which generates the part of its own neurons, see
            :func:`brainevent.sharding.shard`.

    Raises:
        MathError: if ``prob`` is not between 0 and 1, or arguments are missing.
        DTypeError: if ``prob`` is traced, or the seed is not valid.

    Example:
        >>> import brainevent, jax.numpy as jnp
        >>> conn = brainevent.JITCScalarR(num_pre=1000, num_post=1000, prob=0.1, weight=0.5, seed=0)
        >>> spikes = brainevent.BinaryArray(jnp.arange(1000) < 10)
        >>> float(sum(spikes @ conn)) == float(0.5 * (conn.todense()[:10] != 0).sum())
        True
    """

    _law, _along_rows = SCALAR, True

    def __init__(
        self,
        weight: QuantityLike | None = None,
        prob: Number | None = None,
        seed: ArrayLike | None = None,
        *,
        shape: Sequence[int] | None = None,
        corder: bool | None = None,
        num_pre: int | None = None,
        num_post: int | None = None,
        split: Split | None = None,
    ) -> None:
        parameters = {"weight": weight}
        self._generate(parameters, prob, seed, shape, corder, num_pre, num_post, split)

    def _transpose(self) -> JITCScalarC:
        return self._transposed_as(JITCScalarC)

    @property
    def weight(self) -> Array | Quantity:
        """The weight of every connection."""
        return self.data


class JITCScalarC(JITCScalarR):
    """Like :class:`JITCScalarR`, with a random stream per column."""

    _along_rows = False

    def _transpose(self) -> JITCScalarR:  # type: ignore[override]
        return self._transposed_as(JITCScalarR)


class JITCNormalR(JITCMatrix):
    """Random connectivity with normally distributed weights and a random stream per row.

    Args:
        loc: mean of the weights.
        scale: standard deviation of the weights.
        prob, seed, shape, corder, split: as for :class:`JITCScalarR`.

    Example:
        >>> import brainevent
        >>> brainevent.JITCNormalR(1.0, 0.2, 0.1, 0, shape=(100, 200))
        JITCNormalR(shape=(100, 200), prob=0.1, dtype=float32, corder=True)
    """

    _law, _along_rows = NORMAL, True

    def __init__(
        self,
        loc: QuantityLike | None = None,
        scale: QuantityLike | None = None,
        prob: Number | None = None,
        seed: ArrayLike | None = None,
        *,
        shape: Sequence[int] | None = None,
        corder: bool | None = None,
        num_pre: int | None = None,
        num_post: int | None = None,
        split: Split | None = None,
    ) -> None:
        parameters = {"loc": loc, "scale": scale}
        self._generate(parameters, prob, seed, shape, corder, num_pre, num_post, split)

    def _transpose(self) -> JITCNormalC:
        return self._transposed_as(JITCNormalC)

    @property
    def loc(self) -> Array | Quantity:
        """Mean of the weights."""
        return self.data[0]

    @property
    def scale(self) -> Array | Quantity:
        """Standard deviation of the weights."""
        return self.data[1]


class JITCNormalC(JITCNormalR):
    """Like :class:`JITCNormalR`, with a random stream per column."""

    _along_rows = False

    def _transpose(self) -> JITCNormalR:  # type: ignore[override]
        return self._transposed_as(JITCNormalR)


class JITCUniformR(JITCMatrix):
    """Random connectivity with uniformly distributed weights and a random stream per row.

    Args:
        low: the lower bound (inclusive).
        high: the upper bound (exclusive, except by rounding).
        prob, seed, shape, corder, split: as for :class:`JITCScalarR`.

    Example:
        >>> import brainevent
        >>> brainevent.JITCUniformR(0.0, 0.5, 0.1, 0, shape=(100, 200))
        JITCUniformR(shape=(100, 200), prob=0.1, dtype=float32, corder=True)
    """

    _law, _along_rows = UNIFORM, True

    def __init__(
        self,
        low: QuantityLike | None = None,
        high: QuantityLike | None = None,
        prob: Number | None = None,
        seed: ArrayLike | None = None,
        *,
        shape: Sequence[int] | None = None,
        corder: bool | None = None,
        num_pre: int | None = None,
        num_post: int | None = None,
        split: Split | None = None,
    ) -> None:
        parameters = {"low": low, "high": high}
        self._generate(parameters, prob, seed, shape, corder, num_pre, num_post, split)

    def _transpose(self) -> JITCUniformC:
        return self._transposed_as(JITCUniformC)

    @property
    def low(self) -> Array | Quantity:
        """The lower bound of the weights."""
        return self.data[0]

    @property
    def high(self) -> Array | Quantity:
        """The upper bound of the weights."""
        return self.data[1]


class JITCUniformC(JITCUniformR):
    """Like :class:`JITCUniformR`, with a random stream per column."""

    _along_rows = False

    def _transpose(self) -> JITCUniformR:  # type: ignore[override]
        return self._transposed_as(JITCUniformR)
