"""User-defined learning rules: any function, applied to the synapses of active neurons."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial, singledispatch
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from brainevent_core import units
from brainevent_core._arrays import remembered
from brainevent_core._jax import INLINED, trace, x64_enabled
from brainevent_core.encodings import Encoding
from brainevent_core.errors import DTypeError, MathError, UnsupportedOperationError
from brainevent_core.formats import CSR_FORMAT, WEIGHT_INDICES, Format, InBlocks, Shape, SplitFormat
from brainevent_core.ops.conversion import compressed
from brainevent_core.ops.matmul import as_array
from brainevent_core.ops.plasticity import check_spikes, spikes_of
from brainevent_core.ops.spec import MatrixSpec
from brainevent_core.ops.split import Along, on_blocks
from brainevent_core.primitives import edge_update_p
from brainevent_core.reference import EdgeRule

__all__ = ["apply_rule"]

#: Number of entries from which an index of each neuron's synapses is worthwhile.
_WORTH_AN_INDEX = 4096


def apply_rule(
    stored: MatrixSpec,
    rule: Callable[[Any, Any, Any, Any], Any],
    edge_state: Any,
    spikes: Any,
    *,
    pre_vals: Any = None,
    post_vals: Any = None,
    params: Any = None,
    pre: bool,
    backend: str | None = None,
) -> Any:
    """The state of synapses, after a rule was applied to those whose neuron has an event.

    Args:
        stored: the matrix.
        rule: ``rule(edge, pre, post, params) → edge``, for one synapse.
        edge_state: a pytree whose leaves have a value for each entry, in the shape of one weight per entry, and any
            trailing axes.
        spikes: an event array or a plain one, in which an entry is an event when it is nonzero or True; a vector.
        pre_vals: a pytree whose leaves have a value for each row of the matrix, or are one number for all.
        post_vals: likewise for each column.
        params: a pytree that is shared by all synapses.
        pre: whether spikes are presynaptic.
        backend: name of the backend that must run it.

    Returns:
        The new state: the same pytree, in the same shapes, dtypes and units.

    Raises:
        MathError: if lengths don't fit, or the rule returns arrays of other shapes.
        DTypeError: if the rule returns another pytree, or numbers that the state's dtype can't hold.
        UnsupportedOperationError: for a generated matrix, or if entries can share weights.
        UnitMismatchError: if the rule returns another dimension.
    """
    if not isinstance(stored.format, Format | SplitFormat):
        raise UnsupportedOperationError(
            "The synapses of just-in-time connectivity are stored nowhere, so they have no state; `tocsr()` "
            "materialises them."
        )
    if stored.has_weight_positions:
        raise UnsupportedOperationError(
            "Weights of this matrix are in another order than its entries, which may share them: use `.tocoo()`."
        )
    stored = stored.unannotated
    per_entry = stored.format.weights_shape(stored.structure, stored.shape)
    stored = stored.here
    encoding, x, length = spikes_of(spikes)
    check_spikes(stored.matrix_shape, x, length, pre=pre)
    state = _leaves("edge_state", edge_state, per_entry, "synapse")
    if not state:
        return edge_state
    of_pre, of_post = (
        [jnp.broadcast_to(leaf, (neurons, *leaf.shape[1:])) for leaf in _leaves(name, values, (neurons,), side)]
        for name, values, neurons, side in zip(
            ("pre_vals", "post_vals"), (pre_vals, post_vals), stored.matrix_shape, _SIDES, strict=True
        )
    )
    constants = [as_array(leaf) for leaf in jax.tree.leaves(params)]
    trees = tuple(map(jax.tree.structure, (edge_state, pre_vals, post_vals, params)))
    one = [jax.ShapeDtypeStruct(leaf.shape[len(per_entry) :], leaf.dtype) for leaf in state]
    one_pre, one_post = (
        [jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype) for leaf in side] for side in (of_pre, of_post)
    )
    fixed = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in constants]

    found, rows_are_pre = _with_lines(stored, pre=pre)
    kinds = _Kinds(trees, tuple(one), tuple(one_pre), tuple(one_post), tuple(fixed), rows_are_pre, x64_enabled())
    edge_rule, closed_over = _program(rule, kinds)
    rows, cols = (of_pre, of_post) if rows_are_pre else (of_post, of_pre)
    key = _Key(edge_rule, found.format, found.shape, rows_are_pre == pre, encoding, backend)
    front = per_entry if found is stored else found.format.weights_shape(found.structure, found.shape)
    listed = [leaf.reshape(*front, *leaf.shape[len(per_entry) :]) for leaf in state]
    new = _apply(key, listed, found.structure, x, rows, cols, [*closed_over, *constants])
    return jax.tree.unflatten(trees[0], [leaf.reshape(old.shape) for leaf, old in zip(new, state, strict=True)])


_SIDES = ("presynaptic neuron", "postsynaptic neuron")


class _Key(NamedTuple):
    """The static parameters of a call."""

    edge_rule: EdgeRule
    format: Format | SplitFormat
    shape: Shape
    transpose: bool
    encoding: Encoding
    backend: str | None


@partial(jax.jit, inline=INLINED, static_argnums=0)
def _apply(key: _Key, *operands: Any) -> list[Any]:
    return bind_edge_update(key.format, key, *operands)


@singledispatch
def bind_edge_update(
    format: Any, key: _Key, state: Any, structure: Any, x: Any, rows: Any, cols: Any, params: Any
) -> list[Any]:
    """The new state of synapses, with the primitive for this kind of matrix."""
    raise UnsupportedOperationError(f"Matrices of the kind {type(format).__name__} have no synapses with a state.")


@bind_edge_update.register
def _stored(
    format: Format, key: _Key, state: Any, structure: Any, x: Any, rows: Any, cols: Any, params: Any
) -> list[Any]:
    new: list[Any] = edge_update_p(*state, *structure, x, *rows, *cols, *params, **key._asdict())
    return new


@bind_edge_update.register
def _in_blocks(
    format: SplitFormat, key: _Key, state: Any, structure: Any, x: Any, rows: Any, cols: Any, params: Any
) -> list[Any]:
    events = Along(0 if key.transpose else 1, key.encoding)

    def updated(encodings: Any, shape: Shape, entries: Any, operands: Any) -> Any:
        encoding, *_ = encodings
        own, rest = list(entries[: len(state)]), list(operands[1:])
        of_rows, of_cols = rest[: len(rows)], rest[len(rows) : len(rows) + len(cols)]
        one = key._replace(format=format.block, shape=shape, encoding=encoding)
        more = rest[len(rows) + len(cols) :]
        return bind_edge_update(format.block, one, own, entries[len(state) :], operands[0], of_rows, of_cols, more)

    operands = [
        (events, x),
        *((Along(0), leaf) for leaf in rows),
        *((Along(1), leaf) for leaf in cols),
        *((None, leaf) for leaf in params),
    ]
    new: list[Any] = on_blocks(format, key.shape, updated, [*state, *structure], operands, None)
    return new


def _leaves(name: str, tree: Any, front: tuple[int, ...], what: str) -> list[Any]:
    """The leaves of a pytree, whose leading axes must be ``front``; values of neurons can also be scalars.

    Raises:
        MathError: if a leaf has other leading axes; names the first one.
    """
    found = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = as_array(leaf)
        one_for_all = len(front) == 1 and array.ndim == 0 and what in _SIDES
        if tuple(array.shape[: len(front)]) != front and not one_for_all:
            where = jax.tree_util.keystr(path)
            extent = f"{', '.join(map(str, front))}{',' * (len(front) == 1)}"
            raise MathError(
                f"{name}{where} must have a value for each {what}, shape ({extent}) and any further axes behind, got "
                f"shape {tuple(array.shape)}."
            )
        found.append(array)
    return found


# -- finding synapses --------------------------------------------------------------------------------------------------

_indices: Any = {}


def _with_lines(stored: MatrixSpec, *, pre: bool) -> tuple[MatrixSpec, bool]:
    """The matrix in a format that finds the synapses of an active neuron, and whether its rows are presynaptic.

    The matrix is returned unchanged if its format does so already, if it has few entries, if the structure is traced,
    and on platforms where the rule is applied to all synapses anyway. The state isn't reordered, but found through
    weight indices.
    """
    fmt, rows_are_pre = stored.format, not stored.transposed
    if isinstance(fmt, InBlocks):
        return stored, rows_are_pre  # `with_csc_index()` adds an index to each block
    by_row = rows_are_pre == pre
    found = fmt.stores_all or (
        fmt.rows_of(stored.structure, stored.shape) if by_row else fmt.columns_of(stored.structure)
    )
    few = fmt.nse(stored.structure, stored.shape) < _WORTH_AN_INDEX
    if found or few or stored.is_traced or jax.default_backend() != "cpu":
        return stored, rows_are_pre
    positions, indices, indptr = remembered(
        _indices, (fmt, stored.shape, stored.transposed, pre), stored.structure, lambda: compressed(stored, 1 - pre)
    )
    shape = stored.matrix_shape if pre else stored.matrix_shape[::-1]
    by_line = CSR_FORMAT.with_component(WEIGHT_INDICES)
    return MatrixSpec(by_line, stored.data, (indices, indptr, positions), shape, not pre), pre


# -- the rule as a program ---------------------------------------------------------------------------------------------


class _Kinds(NamedTuple):
    """The pytree structures, shapes and dtypes with which a rule is called for one synapse.

    Attributes:
        trees: structures of the state, the values of both sides, and the parameters.
        edge: leaves of the state.
        pre: leaves of the presynaptic values.
        post: leaves of the postsynaptic values.
        params: leaves of the parameters.
        rows_are_pre: whether the primitive's rows are presynaptic neurons.
        x64: whether 64-bit numbers are enabled in JAX.
    """

    trees: tuple[Any, ...]
    edge: tuple[Any, ...]
    pre: tuple[Any, ...]
    post: tuple[Any, ...]
    params: tuple[Any, ...]
    rows_are_pre: bool
    x64: bool


#: The traced rules of each function, as long as it lives: another call of the same function compiles nothing.
_programs: weakref.WeakKeyDictionary[Any, dict[_Kinds, tuple[EdgeRule, list[Any]]]] = weakref.WeakKeyDictionary()


def _program(rule: Callable[..., Any], kinds: _Kinds) -> tuple[EdgeRule, list[Any]]:
    """A rule traced to a program on arrays, and the arrays that it closes over."""
    try:
        known = _programs.setdefault(rule, {})
    except TypeError:  # not hashable, or not weakly referenceable
        known = {}
    if kinds in known:
        return known[kinds]
    rows, cols = (kinds.pre, kinds.post) if kinds.rows_are_pre else (kinds.post, kinds.pre)
    groups = (kinds.edge, rows, cols, kinds.params)

    def flat(*leaves: Any) -> list[Any]:
        rest = iter(leaves)
        state, of_rows, of_cols, params = ([next(rest) for _ in group] for group in groups)
        sides = (of_rows, of_cols) if kinds.rows_are_pre else (of_cols, of_rows)
        edge, *others = map(jax.tree.unflatten, kinds.trees, (state, *sides, params))
        return _fitted(edge, rule(edge, *others))

    program, closed_over = trace(flat, [aval for group in groups for aval in group])
    of_edge, of_rows, of_cols, params = map(len, groups)
    made = EdgeRule(program, of_edge, of_rows, of_cols, len(closed_over), len(closed_over) + params), closed_over
    if not any(isinstance(array, jax.core.Tracer) for array in closed_over):
        known[kinds] = made
    return made


def _fitted(old: Any, new: Any) -> list[Any]:
    """The leaves that a rule returns, in the units and dtypes of the state."""

    def is_quantity(value: Any) -> bool:
        return isinstance(value, units.Quantity)

    tree: Any
    before, tree = jax.tree.flatten(old, is_leaf=is_quantity)
    after, returned = jax.tree.flatten(new, is_leaf=is_quantity)
    if tree != returned:
        raise DTypeError(
            f"A rule returns the state that it is given, changed: a pytree of the structure {tree}; this one returns "
            f"{returned}."
        )
    return [_as_state(*pair) for pair in zip(before, after, strict=True)]


def _as_state(old: Any, new: Any) -> Any:
    old, unit = units.detach(old)
    new = jnp.asarray(units.mantissa_in(new, unit, "What the rule returns", "the state"))
    if new.shape != old.shape:
        raise MathError(
            f"A rule is given the state of one synapse, here of shape {old.shape}, and returns as much; this one "
            f"returns shape {new.shape}."
        )
    if _KINDS.index(_kind(new)) > _KINDS.index(_kind(old)):
        raise DTypeError(
            f"A rule returns {new.dtype} for a state of dtype {old.dtype}, which can't hold it: give the state as "
            f"{new.dtype}, or convert what the rule returns with `.astype('{old.dtype}')`."
        )
    return new.astype(old.dtype)


_KINDS = (jnp.bool_, jnp.integer, jnp.floating, jnp.complexfloating)


def _kind(array: Any) -> Any:
    return next(kind for kind in _KINDS if jnp.issubdtype(array.dtype, kind))
