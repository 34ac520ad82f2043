"""Spike-triggered weight updates: one operation for all formats, both sides of spikes, and both kinds of clipping."""

from functools import partial, singledispatch
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from brainevent_core import units
from brainevent_core._jax import INLINED
from brainevent_core.encodings import BINARY, FLOAT, Encoding
from brainevent_core.errors import DTypeError, MathError, UnsupportedOperationError
from brainevent_core.formats import Format, Shape, SplitFormat, SplitRule
from brainevent_core.jitc import ConnectionRule
from brainevent_core.ops.entries import entries_of
from brainevent_core.ops.matmul import as_array, warn_of_unit
from brainevent_core.ops.spec import MatrixSpec
from brainevent_core.ops.split import Along, on_blocks
from brainevent_core.primitives import CLIPS, stdp_update_p
from brainevent_core.primitives.matmul import check_weights

__all__ = ["check_spikes", "spikes_of", "update"]


def update(
    stored: MatrixSpec,
    spikes: Any,
    trace: Any,
    w_min: Any = None,
    w_max: Any = None,
    *,
    pre: bool,
    clip: str = "all",
    backend: str | None = None,
) -> Any:
    """New weights: the spikes of one side add the trace of the other to the weights of their synapses.

    Args:
        stored: the matrix, with one weight per entry, of shape (pre, post).
        spikes: an event array or a plain one, in which an entry is an event when it is nonzero or True; a vector.
        trace: the value that an event adds to a synapse, per neuron of the other side; a vector, or one number for all.
        w_min: lower bound of the weights; None for none. One number; one for each weight, in their shape; or an array
            that broadcasts with the matrix: (pre, 1) has one for each presynaptic neuron, (1, post) for each
            postsynaptic one.
        w_max: upper bound.
        pre: whether the spikes are presynaptic, and the trace postsynaptic.
        clip: "all" clips every weight to the bounds, "updated" only those that an event has changed.
        backend: name of the backend that must run it.

    Returns:
        The new weights, with the shape, dtype and unit of the old ones.

    Raises:
        MathError: if lengths don't fit, weights are homogeneous, or ``clip`` is neither of the two.
        UnsupportedOperationError: for a generated matrix, which stores no weights.
        UnitMismatchError: if trace or bounds have another dimension than the weights.
    """
    stored = stored.here
    if isinstance(stored.format, ConnectionRule | SplitRule):
        raise UnsupportedOperationError(
            "The weights of just-in-time connectivity are generated and stored nowhere, so they can't change one by "
            "one; `tocsr()` materialises them."
        )
    if clip not in CLIPS:
        raise MathError(f"clip must be one of {', '.join(map(repr, CLIPS))}; got {clip!r}.")
    if w_min is None and w_max is None:
        clip = "updated"  # without bounds both are the same, and the cost of this one scales with the events
    stored = stored.unannotated
    encoding, x, length = spikes_of(spikes)
    key = _UpdateKey(stored.format, stored.shape, stored.transposed != pre, encoding, length, pre, clip, backend)
    bounds = tuple(None if bound is None else as_array(bound) for bound in (w_min, w_max))
    return _update(key, stored.data, stored.structure, x, as_array(trace), bounds)


class _UpdateKey(NamedTuple):
    """The static parameters of an update; ``length`` is the decoded length of spikes, None if it is the array's."""

    format: Format | SplitFormat
    shape: Shape
    transpose: bool
    encoding: Encoding
    length: int | None
    pre: bool
    clip: str
    backend: str | None


def spikes_of(spikes: Any) -> tuple[Encoding, Any, int | None]:
    """The encoding of the spikes, the encoded array, and the decoded length."""
    events = getattr(spikes, "__event_spec__", None)
    if events is None:
        spikes = as_array(spikes)
        warn_of_unit("Plasticity", spikes)
        return BINARY, units.detach(spikes)[0], None
    encoding, x, _, length = events
    # Graded events count as 1 here.
    return (encoding, x, length) if encoding.event else (BINARY, events.decoded(), None)


@partial(jax.jit, inline=INLINED, static_argnums=0)
def _update(key: _UpdateKey, data: Any, structure: tuple[Any, ...], x: Any, trace: Any, bounds: tuple[Any, Any]) -> Any:
    data, unit = units.detach(data)
    data = jnp.asarray(data)
    check_weights(data.dtype)
    trace = _as_numbers("post_trace" if key.pre else "pre_trace", trace, unit, data.dtype)
    stored = MatrixSpec(key.format, data, structure, key.shape, key.transpose != key.pre)
    lower, upper = (
        jnp.asarray(infinity if bound is None else _bound(name, bound, unit, stored), data.dtype)
        for name, bound, infinity in zip(("w_min", "w_max"), bounds, (-jnp.inf, jnp.inf), strict=True)
    )
    trace_length = _check_lengths(key, x, trace)
    new = bind_update(
        key.format,
        data if data.ndim else data.reshape(1),
        structure,
        (x, jnp.broadcast_to(trace, (trace_length,)), lower, upper),
        shape=key.shape,
        transpose=key.transpose,
        encoding=key.encoding,
        clip=key.clip,
        backend=key.backend,
    )
    return units.attach(new if data.ndim else new.reshape(()), unit)


@singledispatch
def bind_update(format: Any, data: Any, structure: Any, operands: Any, **params: Any) -> Any:
    """The new weights, with the primitive for this kind of matrix; operands are events, trace and bounds."""
    raise UnsupportedOperationError(f"Matrices of the kind {type(format).__name__} have no plasticity.")


@bind_update.register
def _stored(format: Format, data: Any, structure: Any, operands: Any, **params: Any) -> Any:
    return stdp_update_p(data, *structure, *operands, format=format, **params)


@bind_update.register
def _in_blocks(
    format: SplitFormat,
    data: Any,
    structure: Any,
    operands: Any,
    *,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    **params: Any,
) -> Any:
    by_events, by_trace = (0, 1) if transpose else (1, 0)
    if format.is_homogeneous(data):
        raise MathError(
            "One weight stands for all entries of this matrix, so that one alone can't change: give it one weight per "
            "entry before it is split."
        )

    # A bound per weight is split like the weights; a bound for all is a scalar.
    entries = [data, *operands[2:], *structure]

    def updated(encodings: Any, shape: Shape, entries: Any, operands: Any) -> Any:
        data, lower, upper, *structure = entries
        static = {"shape": shape, "transpose": transpose, "encoding": encodings[0]}
        return bind_update(format.block, data, structure, (*operands, lower, upper), **static, **params)

    lies = (Along(by_events, encoding), Along(by_trace, FLOAT))
    return on_blocks(format, shape, updated, entries, list(zip(lies, operands)), None)


def _as_numbers(what: str, value: Any, unit: Any, dtype: Any) -> Any:
    """A trace or bound in the unit and dtype of the weights."""
    value = jnp.asarray(units.mantissa_in(value, unit, what, "the weights"))
    if jnp.issubdtype(value.dtype, jnp.complexfloating):
        raise DTypeError(f"{what} must hold real numbers, got dtype {value.dtype}.")
    return value.astype(dtype)


def _bound(name: str, value: Any, unit: Any, stored: MatrixSpec) -> Any:
    """A bound in the form that the primitive requires: a scalar, or one per weight."""
    value = _as_numbers(name, value, unit, stored.data.dtype)
    # Homogeneous weights raise an error later. Otherwise the shape is that of the data, because this device's blocks
    # have another shape than the weights of the whole matrix.
    homogeneous = stored.is_homogeneous
    per_entry = stored.format.weights_shape(stored.structure, stored.shape) if homogeneous else tuple(stored.data.shape)
    if value.size == 1:
        return value.reshape(())
    if tuple(value.shape) == per_entry:
        return value
    shape = stored.matrix_shape
    if value.ndim != 2 or any(size not in (1, length) for size, length in zip(value.shape, shape, strict=True)):
        raise MathError(
            f"{name} is one number for all weights, one for each, of shape {per_entry}, or an array that broadcasts "
            f"with the matrix: ({shape[0]}, 1) for one bound per presynaptic neuron, (1, {shape[1]}) for one per "
            f"postsynaptic neuron; got shape {tuple(value.shape)}."
        )
    row, col, _, weight = entries_of(stored)
    at = tuple(0 if size == 1 else index for size, index in zip(value.shape, (row, col), strict=True))
    found = jnp.broadcast_to(value.at[at].get(mode="clip", wrap_negative_indices=False), per_entry)
    if weight is None:
        return found
    return jnp.zeros(per_entry, value.dtype).at[weight].set(found, mode="drop", wrap_negative_indices=False)


def _check_lengths(key: _UpdateKey, x: Any, trace: Any) -> int:
    """Check spikes and trace against the shape of the user's matrix; returns the length of the trace."""
    shape = key.shape if key.transpose == key.pre else key.shape[::-1]
    check_spikes(shape, x, key.length, pre=key.pre)
    other, others = ("postsynaptic", shape[1]) if key.pre else ("presynaptic", shape[0])
    if trace.ndim and tuple(trace.shape) != (others,):
        raise MathError(
            f"A matrix of shape {shape} takes the {other} trace as a vector of shape ({others},) or as one number, "
            f"got {tuple(trace.shape)}."
        )
    return others


def check_spikes(shape: Shape, x: Any, length: int | None, *, pre: bool) -> None:
    """Check that spikes are a vector along one side of a matrix; ``length`` is the decoded length of encoded spikes.

    Raises:
        MathError: if they are not; names the lengths.
    """
    side, expected = ("presynaptic", shape[0]) if pre else ("postsynaptic", shape[1])
    given = (length,) if length is not None and x.ndim == 1 else tuple(x.shape)
    if given != (expected,):
        raise MathError(
            f"A matrix of shape {shape} takes the {side} spikes as a vector of shape ({expected},), got {given}"
            f"{'; jax.vmap maps over more.' if len(given) > 1 else '.'}"
        )
