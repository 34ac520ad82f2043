"""Matrices with spare capacity in their arrays, so that synapses can be added and removed under ``jit``."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Self, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._jax import INLINED
from brainevent_core._typing import Array, ArrayLike, QuantityLike, Shape
from brainevent_core.errors import DTypeError, MathError, StructureError, UnsupportedOperationError
from brainevent_core.formats import index_dtype, signed
from brainevent_core.matrices.annotations import annotated, annotations_of, entrywise, taken
from brainevent_core.matrices.arguments import as_index_array, as_integers
from brainevent_core.matrices.column_index import ColumnIndexed
from brainevent_core.matrices.delays import delays_of_entries, with_steps
from brainevent_core.ops import Places, add, move, places_of

__all__ = ["Rewirable"]

#: A value of each new synapse, or a function of the neurons that it connects.
_PerSynapse: TypeAlias = QuantityLike | Callable[[Any, Any], Any] | None


class Rewirable(ColumnIndexed):
    """Base class of the matrices whose rows (for :class:`CSC` and :class:`FixedPreNumConn`, columns) have places for
    synapses."""

    @property
    def occupied(self) -> Array:
        """Which entries are synapses: booleans in the shape of one weight per entry. The others are vacant places."""
        return places_of(self.__matrix_spec__).taken.reshape(self._per_entry)

    @property
    def _per_entry(self) -> tuple[int, ...]:
        spec = self.__matrix_spec__
        return tuple(spec.format.weights_shape(spec.structure, spec.shape))

    def with_capacity(self, capacity: ArrayLike | None = None, *, spare: ArrayLike | None = None) -> Self:
        """The same synapses, in rows with places for more synapses.

        For :class:`CSC` and :class:`FixedPreNumConn`, rows are columns. A vacant place is an entry that does not exist:
        its index is outside the matrix, its weight is 0, and every operation ignores it.

        Args:
            capacity: the number of places per row, one number for all or (rows,); one for all if the number of synapses
                is fixed.
            spare: instead of ``capacity``: the number of vacant places per row; with a fixed number of synapses, in
                addition to those of the fullest row.

        Returns:
            A matrix of the same class, in which each row has its synapses first and then vacant places. Its indices are
            int32, or int64 if an axis needs it.

        Raises:
            MathError: if a row has more synapses than places, if both or none of the arguments are given, or if the
                structure is traced, because it determines the sizes of arrays.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> conn = brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]])).with_capacity(spare=1)
            >>> conn
            CSR(shape=(2, 2), nse=5, dtype=float32)
            >>> conn.occupied
            Array([ True, False,  True,  True, False], dtype=bool)
        """
        spec = self.__matrix_spec__
        if spec.is_traced:
            raise MathError("with_capacity decides about the sizes of arrays, so the structure must not be traced.")
        with jax.ensure_compile_time_eval():
            places = places_of(spec._replace(structure=tuple(map(_widened, spec.structure))))
            exists, bounds = np.asarray(places.taken), np.asarray(places.bounds, np.int64)
        row = np.repeat(np.arange(spec.shape[0]), np.diff(bounds))[exists[bounds[0] : bounds[-1]]]
        degrees = np.bincount(row, minlength=spec.shape[0])
        sizes = _sizes(capacity, spare, degrees, one_for_all=len(self._per_entry) == 2)
        begin = np.concatenate([[0], np.cumsum(sizes)])
        order = np.full(begin[-1], -1)
        rank = np.arange(row.size) - np.repeat(np.cumsum(degrees) - degrees, degrees)
        order[begin[row] + rank] = np.flatnonzero(exists)
        data, unit = units.detach(self.data)
        if not spec.is_homogeneous:
            data = jnp.asarray(data).reshape(-1).at[order].get(mode="fill", fill_value=0, wrap_negative_indices=False)
        column = np.append(np.asarray(places.columns), spec.shape[1])[order]
        matrix = self._in_rows(units.attach(data, unit), column.astype(index_dtype(*spec.shape)), begin)
        matrix = annotated(matrix, taken(annotations_of(spec), order))
        return matrix.with_csc_index() if self.has_csc_index else matrix

    def _in_rows(self, data: Any, columns: np.ndarray, indptr: np.ndarray) -> Self:
        """A matrix of the same class and shape from compressed rows; weights are a vector, or one for all."""
        raise NotImplementedError

    def prune(self, where: ArrayLike) -> Self:
        """Remove some synapses, whose places become vacant.

        Args:
            where: the synapses to remove, booleans in the shape of one weight per entry, such as ``conn.data < 0.01``.
                It can include vacant places.

        Returns:
            A matrix of the same class whose arrays have the same shapes, so it can be carried through ``scan``.
            The weights of vacant places are 0.

        Raises:
            MathError: if the shape is wrong.
            DTypeError: if ``where`` is not boolean.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> conn = brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]]))
            >>> conn.prune(conn.data < 2.5).todense()
            Array([[0., 0.],
                   [0., 3.]], dtype=float32)
        """
        places = places_of(self.__matrix_spec__)
        vacant = self._mask("where", where)
        return self._changed(places.vacate(vacant.reshape(-1)), self._without_weights(vacant))

    def grow(
        self,
        pre: ArrayLike,
        post: ArrayLike,
        weight: _PerSynapse = None,
        *,
        delay: ArrayLike | Callable[[Any, Any], Any] | None = None,
        allow_autapses: bool = True,
        allow_multapses: bool = False,
    ) -> tuple[Self, Array]:
        """Add new synapses in vacant places.

        Args:
            pre: presynaptic neurons, (k,), integers. Entries with a neuron that doesn't exist, such as -1, are ignored,
                so that a data-dependent number of synapses can be added under ``jit``.
            post: the postsynaptic neuron of each synapse, (k,).
            weight: one for all, or (k,), in a unit that is compatible with the weights; or a function of
                ``(pre, post)``. With None, new synapses start at 0. The matrix must have one weight per entry, unless
                its weights are homogeneous and this is None.
            delay: whole steps, in the same forms, if each entry has its own delay. Delays per neuron also apply to new
                synapses.
            allow_autapses: whether a neuron may connect to itself, in a population that connects to itself.
            allow_multapses: whether a pair that has a synapse may get another one.

        Returns:
            The matrix, of the same class with arrays of the same shapes; and the place of each new synapse, (k,), which
            is its position in the flattened weights. It is ``nse`` if no synapse was added, because its row (for
            :class:`CSC` and :class:`FixedPreNumConn`, column) had no vacant place, the pair was already connected, or a
            neuron doesn't exist. Writing at these positions with ``mode="drop"`` resets other synaptic state.

        Raises:
            MathError: if shapes don't fit, or weights are given for a homogeneous matrix.
            DTypeError: if neurons or delays are not integers.
            UnitMismatchError: if the weights have an incompatible unit.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> conn = brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]])).with_capacity(spare=1)
            >>> conn, places = conn.grow(jnp.array([0, 1]), jnp.array([0, 0]), 5.0)
            >>> conn.todense()
            Array([[5., 1.],
                   [2., 3.]], dtype=float32)
            >>> places  # the second pair had a synapse already
            Array([1, 5], dtype=int32)
        """
        source, target = _neurons(pre, post)
        rows, columns = self.shape
        wanted = (source >= 0) & (source < rows) & (target >= 0) & (target < columns)
        if not allow_autapses:
            self._require_one_population()
            wanted &= source != target
        row, column = (target, source) if self._transposed else (source, target)
        places = places_of(self.__matrix_spec__)
        new, place = add(places, jnp.where(wanted, row, -1), column, allow_multapses=bool(allow_multapses))
        data = self._with_weights(self.data, place, weight, source, target)
        return self._changed(new, data, self._with_delays(place, delay, source, target)), place

    def rewire(
        self,
        where: ArrayLike,
        key: ArrayLike,
        *,
        keep: Literal["pre", "post"] | None = None,
        probability: Callable[[Any, Any], Any] | None = None,
        weight: _PerSynapse = None,
        delay: ArrayLike | Callable[[Any, Any], Any] | None = None,
        size: int | None = None,
        tries: int = 32,
        allow_autapses: bool = True,
        allow_multapses: bool = False,
    ) -> tuple[Self, Array]:
        """Move some synapses to other, random pairs of neurons; the number of synapses stays the same.

        Deep R (Bellec et al. 2018, `arXiv:1711.05136 <https://arxiv.org/abs/1711.05136>`_) rewires in this way:
        synapses whose weight crosses zero are replaced by random new ones.

        Args:
            where: the synapses to move, booleans in the shape of one weight per entry.
            key: a ``jax.random`` key.
            keep: "pre": each synapse keeps its presynaptic neuron, and gets a random postsynaptic one; "post": the
                reverse; None: both are drawn. Unless the neuron that is kept is that of the row (for :class:`CSC` and
                :class:`FixedPreNumConn`, column), the new row of the synapse needs a vacant place, see
                :meth:`with_capacity`.
            probability: a function ``(pre, post) → probability`` of arrays of neurons, (k,), which returns the
                probability, between 0 and 1, that a drawn pair is accepted, for example by distance. New pairs are
                therefore drawn in proportion to it. With None, every pair is accepted.
            weight: the weight of moved synapses, see :meth:`grow`. With None, they start at 0.
            delay: the delay of moved synapses. With None, they keep their delay, if each entry has its own.
            size: the maximal number of synapses that are moved, which are the first of ``where``; the others stay. It
                limits the cost, like ``size`` of ``jnp.flatnonzero``. None: all of them.
            tries: how often a pair is drawn for a synapse, until one is accepted, is not connected yet, and its row has
                a vacant place. If none is found, the synapse stays where it was.
            allow_autapses: whether a neuron may connect to itself.
            allow_multapses: whether a pair may have several synapses.

        Returns:
            The matrix, of the same class with arrays of the same shapes; and the new places of moved synapses,
            (size,), see :meth:`grow`; ``nse`` for synapses that were not moved.

        Raises:
            MathError: if shapes don't fit, or ``keep`` is not one of these.

        The pairs of try ``t`` are ``jax.random.randint(keys[0], (size,), 0, n_pre)`` and ``randint(keys[1], (size,), 0,
        n_post)``, and accepted if ``jax.random.uniform(keys[2], (size,))`` is below the probability, with ``keys =
        jax.random.split(jax.random.fold_in(key, t), 3)``.

        Example:
            >>> import brainevent, jax
            >>> conn = brainevent.FixedPostNumConn(num_pre=100, num_post=100, conn_num=10, weight=0.5, seed=0)
            >>> conn = conn.with_data(jax.random.normal(jax.random.key(0), (100, 10)))
            >>> moved, places = conn.rewire(conn.data < 0, jax.random.key(1), keep="pre")
            >>> int((conn.data < 0).sum()) == int((places < 1000).sum()) == int((moved.data == 0).sum())
            True
            >>> bool((moved.out_degrees() == 10).all())
            True
        """
        if keep not in ("pre", "post", None):
            raise MathError(f"keep must be 'pre', 'post' or None, got {keep!r}.")
        if not allow_autapses:
            self._require_one_population()
        places = places_of(self.__matrix_spec__)
        size = places.number if size is None else _count("size", size)
        old = jnp.flatnonzero(
            self._mask("where", where).reshape(-1) & places.taken, size=size, fill_value=places.number
        )
        rule = _Proposal(self.shape, self._transposed, keep, probability, allow_autapses)
        # Compiled once for all calls outside jit, except with a user's function, which may read values that change.
        run = _moved if probability is not None else _moved_compiled
        new, place = run(places, old, key, rule, _count("tries", tries), allow_multapses)
        row, column = new.row(jnp.minimum(place, new.number - 1)), new.column(place)
        pre, post = (column, row) if self._transposed else (row, column)
        data = self._without_weights((places.taken & ~new.taken).reshape(self._per_entry))
        data = self._with_weights(data, place, weight, pre, post)
        return self._changed(new, data, self._with_delays(place, delay, pre, post, old)), place

    # -- parts ---------------------------------------------------------------------------------------------------

    def _changed(self, places: Places, data: Any, delays: Any = None) -> Self:
        """The matrix with new columns and weights, and new delays unless None; a column index is rebuilt."""
        spec = self.__matrix_spec__
        plain = spec.format.base
        arrays = plain.named(spec.structure[: len(plain.names)])
        old = getattr(arrays, plain.column_array)
        setattr(arrays, plain.column_array, places.columns.reshape(old.shape))
        static = (self.shape, plain)
        matrix = self.tree_unflatten(static, (data, *(getattr(arrays, name) for name in plain.names)))
        matrix = annotated(matrix, annotations_of(spec))
        if delays is not None:
            matrix = with_steps(matrix, delays)
        return matrix.with_csc_index() if self.has_csc_index else matrix

    def _mask(self, name: str, where: Any) -> Array:
        mask = jnp.asarray(where)
        if mask.dtype != jnp.bool_:
            raise DTypeError(f"{name} must hold booleans, got {mask.dtype}: compare the weights with a bound.")
        if mask.shape != self._per_entry:
            raise MathError(
                f"{name} must have the shape of one weight per entry, {self._per_entry}, got {mask.shape}. Where one "
                "weight is for all, `with_data(jnp.full(shape, weight))` gives each entry its own."
            )
        return mask

    def _without_weights(self, vacant: Any) -> Any:
        """The weights, with 0 at vacant places."""
        data, unit = units.detach(self.data)
        if self.__matrix_spec__.is_homogeneous:
            return self.data
        return units.attach(jnp.where(vacant, jnp.zeros((), data.dtype), data), unit)

    def _with_weights(self, data: Any, place: Any, weight: Any, pre: Any, post: Any) -> Any:
        values, unit = units.detach(data)
        if self.__matrix_spec__.is_homogeneous:
            if weight is not None:
                raise MathError(
                    "This matrix has one weight for all synapses, so a new one can't have its own: leave weight= out, "
                    "or give each a weight, `with_data(jnp.full(shape, weight))`."
                )
            return data
        given = weight(pre, post) if callable(weight) else weight
        new = jnp.asarray(0 if given is None else units.mantissa_in(given, unit, "weight", "the weights"))
        new = _one_each("weight", new, place.shape).astype(values.dtype)
        return units.attach(values.reshape(-1).at[place].set(new, mode="drop").reshape(values.shape), unit)

    def _with_delays(self, place: Any, delay: Any, pre: Any, post: Any, old: Any = None) -> Any:
        """The delays of all entries, including new synapses; None unless each entry has its own delay."""
        spec = self.__matrix_spec__
        steps = delays_of_entries(spec)
        if len(entrywise(spec)) > (steps is not None):
            raise UnsupportedOperationError(
                f"The components {spec.format.annotations} say something of each synapse; of a new one only a delay "
                "can be given: leave the others out."
            )
        if steps is None:
            if delay is not None:
                raise MathError(
                    "delay= is for a matrix in which each entry has a delay of its own; here new synapses have "
                    "the one that holds for their neurons, or none. `with_delay` gives each its own."
                )
            return None
        given = delay(pre, post) if callable(delay) else delay
        if given is None and old is None:
            raise MathError("Each entry of this matrix has a delay of its own: give new synapses theirs, delay=.")
        if given is None:
            new = steps[jnp.minimum(old, steps.shape[0] - 1)]
        else:
            new = _one_each("delay", _steps(given, steps.dtype), place.shape)
        return steps.at[place].set(new, mode="drop")

    def _require_one_population(self) -> None:
        if self.shape[0] != self.shape[1]:
            raise MathError(
                f"allow_autapses=False is for a population that connects to itself, got a matrix of shape {self.shape}."
            )


class _Proposal(NamedTuple):
    """How new pairs are drawn."""

    shape: Shape
    transposed: bool
    keep: str | None
    probability: Callable[[Any, Any], Any] | None
    allow_autapses: bool

    @property
    def in_row(self) -> bool:
        """Whether a synapse keeps its row, and so its place."""
        return self.keep == ("post" if self.transposed else "pre")

    def __call__(self, key: Any, row: Any, column: Any) -> tuple[Any, Any, Any]:
        keys, size = jax.random.split(key, 3), row.shape
        pre, post = (column, row) if self.transposed else (row, column)
        if self.keep != "pre":
            pre = jax.random.randint(keys[0], size, 0, self.shape[0], pre.dtype)
        if self.keep != "post":
            post = jax.random.randint(keys[1], size, 0, self.shape[1], post.dtype)
        accepted = jnp.ones(size, bool)
        if self.probability is not None:
            accepted = jax.random.uniform(keys[2], size) < jnp.asarray(self.probability(pre, post))
        if not self.allow_autapses:
            accepted &= pre != post
        return (post, pre, accepted) if self.transposed else (pre, post, accepted)


def _moved(places: Places, old: Any, key: Any, rule: _Proposal, tries: int, allow_multapses: bool) -> Any:
    def propose(number: Any, row: Any, column: Any) -> tuple[Any, Any, Any]:
        return rule(jax.random.fold_in(key, number), row, column)

    return move(places, old, propose, tries=tries, allow_multapses=allow_multapses, in_row=rule.in_row)


_moved_compiled = jax.jit(_moved, inline=INLINED, static_argnums=(3, 4, 5))


def _widened(array: Any) -> Any:
    """An index array of at least 32 bits."""
    return array if array.dtype.itemsize >= 4 else array.astype(jnp.int32)


def _sizes(capacity: Any, spare: Any, degrees: np.ndarray, *, one_for_all: bool) -> np.ndarray:
    """The number of places of each row."""
    if (capacity is None) == (spare is None):
        raise MathError("with_capacity takes capacity=, the places of a row, or spare=, the vacant ones; one of them.")
    name, given = ("capacity", capacity) if spare is None else ("spare", spare)
    numbers = np.asarray(as_integers(name, given), np.int64)
    shapes = [(), (1,)] if one_for_all else [(), (1,), degrees.shape]
    if numbers.shape not in shapes or (numbers < 0).any():
        each = "" if one_for_all else f", or one for each of {degrees.size} rows"
        raise MathError(f"{name} must be one number of places for all rows{each}, not negative; got {given!r}.")
    fullest = degrees.max(initial=0) if one_for_all else degrees
    sizes = np.broadcast_to(numbers + fullest if capacity is None else numbers, degrees.shape)
    short = np.flatnonzero(sizes < degrees)
    if short.size:
        raise MathError(
            f"Row {short[0]} of what is stored has {degrees[short[0]]} synapses, more than capacity= has places, "
            f"{sizes[short[0]]}: synapses would be lost. Prune them before, or give more."
        )
    return sizes


def _neurons(pre: Any, post: Any) -> tuple[Any, Any]:
    pre, post = (signed(as_index_array(as_integers(name, one))) for name, one in (("pre", pre), ("post", post)))
    if pre.ndim != 1 or pre.shape != post.shape:
        raise MathError(f"pre and post must be vectors of one length, got shapes {pre.shape} and {post.shape}.")
    return pre, post


def _steps(delay: Any, dtype: Any) -> Any:
    """Delays in the given dtype; traced delays that don't fit become 0, which never arrives.

    Raises:
        StructureError: if a concrete delay is less than 1, or more than the dtype holds.
    """
    given, most = as_integers("delay", delay), jnp.iinfo(dtype).max
    fits = (given >= 1) & (given <= most)
    if not isinstance(given, jax.core.Tracer) and not np.all(fits):
        raise StructureError(
            f"delay holds {np.asarray(given)[~np.asarray(fits)].flat[0]}: those of this matrix are {dtype}, from 1 to "
            f"{most}. `with_delay(conn.delay.astype('int32'))` has room for longer ones."
        )
    return jnp.where(fits, given, 0).astype(dtype)


def _one_each(name: str, values: Any, shape: tuple[int, ...]) -> Any:
    if values.shape not in ((), (1,), shape):
        raise MathError(f"{name} must be one for all, or one for each new synapse, {shape}; got {values.shape}.")
    return jnp.broadcast_to(values, shape)


def _count(name: str, value: Any) -> int:
    try:
        count = operator.index(value)
    except TypeError:
        count = -1
    if count < 0:
        raise MathError(f"{name} must be a whole number, not negative, got {value!r}.")
    return count
