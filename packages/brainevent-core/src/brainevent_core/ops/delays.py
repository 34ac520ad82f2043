"""Delivery of events through a matrix with delays to a ring buffer."""

from __future__ import annotations

import operator
from functools import partial, singledispatch
from typing import Any, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._jax import INLINED
from brainevent_core.encodings import BINARY, FLOAT, Encoding
from brainevent_core.errors import DTypeError, MathError, UnsupportedOperationError
from brainevent_core.formats import DELAY, Format, InBlocks, Shape, Split, SplitFormat
from brainevent_core.ops.matmul import as_array, promote
from brainevent_core.ops.spec import MatrixSpec
from brainevent_core.ops.split import Along, on_blocks
from brainevent_core.primitives import deliver_p, take_slot_p

__all__ = ["deliver", "look", "take"]


def deliver(ring: Any, t: Any, spikes: Any, stored: MatrixSpec, *, backend: str | None = None) -> Any:
    """The ring after ``spikes @ A`` was added to it, each entry in the slot of its arrival.

    Args:
        ring: an array or a quantity, (slots, post): ``ring[s]`` holds the input that arrives at the steps s, s + slots,
            …. For a matrix in blocks (blocks, slots, post / blocks), split like the matrix.
        t: the current step, an integer of any size.
        spikes: events, booleans, or numbers; (pre,).
        stored: the matrix A with delays, (pre, post).
        backend: name of the backend that must run it.

    Returns:
        A ring of the same shape, dtype and unit. Weights are converted to its dtype.

    Raises:
        MathError: if the lengths don't fit, or the matrix has no delays.
        UnsupportedOperationError: if it is split by presynaptic neurons.
        DTypeError: if the ring does not hold floating-point numbers, or the step is not an integer.
        UnitMismatchError: if the dimensions of ring and product differ.
    """
    stored = stored.here
    if not isinstance(stored.format, Format | SplitFormat) or not stored.format.carries(DELAY):
        raise MathError(
            "The matrix has no delays, so what its events cause arrives at once: multiply, `spikes @ matrix`, or give "
            "it delays with `matrix.with_delay(steps)`."
        )
    events = getattr(spikes, "__event_spec__", None)
    if events is None:
        x, length = as_array(spikes), None
        encoding = BINARY if x.dtype == jnp.bool_ else FLOAT
    else:
        encoding, x, _, length = events.summed_over(-1)
    key = _DeliveryKey(stored.format, stored.shape, not stored.transposed, encoding, length, backend)
    ring = as_array(ring)
    _check_shapes(key, ring, x)
    return _deliver(key, ring, _slot_of(t, ring.shape[-2]), stored.data, stored.structure, x)


def _slot_of(t: Any, slots: int) -> Any:
    """The step, or its slot in the ring if it is a Python or NumPy integer, which JAX might not hold.

    Raises:
        DTypeError: if it is not an integer.
    """
    if not isinstance(t, jax.Array):
        array = np.asarray(t)
        if array.ndim == 0 and (array.dtype.kind in "iu" or isinstance(t, int)) and array.dtype != np.bool_:
            return jnp.asarray(operator.index(array.item()) % slots, jnp.int32)
        t = as_array(t)
    if not jnp.issubdtype(t.dtype, jnp.integer) or t.ndim:
        raise DTypeError(f"The step must be one whole number, got {t.dtype} of shape {tuple(t.shape)}.")
    return t


class _DeliveryKey(NamedTuple):
    """The static parameters of a delivery; ``length`` is the decoded length of spikes, None if it is the array's."""

    format: Format | SplitFormat
    shape: Shape
    transpose: bool
    encoding: Encoding
    length: int | None
    backend: str | None


@partial(jax.jit, inline=INLINED, static_argnums=0)
def _deliver(key: _DeliveryKey, ring: Any, t: Any, data: Any, structure: tuple[Any, ...], x: Any) -> Any:
    encoding = key.encoding
    (ring, ring_unit), (data, data_unit), (x, x_unit) = map(units.detach, (ring, data, x))
    ring, data = jnp.asarray(ring), jnp.asarray(data)
    if not jnp.issubdtype(ring.dtype, jnp.floating):
        raise DTypeError(f"A ring holds floating-point numbers, got dtype {ring.dtype}.")
    factor = _factor(data_unit, None if encoding.event else x_unit, ring_unit)
    data, x = promote(data, x, encoding)
    if factor is not None:
        # Applied to the weights, not to the sums: constant weights are converted once, before a loop.
        data = data * jnp.asarray(factor, data.dtype)
    if data.dtype != ring.dtype and jnp.promote_types(data.dtype, jnp.float32) != ring.dtype:
        data = data.astype(ring.dtype)
    if not encoding.event and encoding.dtype is None:
        x = x.astype(data.dtype)
    out = bind_deliver(
        key.format,
        ring,
        data if data.ndim else data.reshape(1),
        structure,
        jnp.mod(t, ring.shape[-2]).astype(jnp.int32),
        x,
        shape=key.shape,
        transpose=key.transpose,
        encoding=encoding,
        backend=key.backend,
    )
    return units.attach(out, ring_unit)


@singledispatch
def bind_deliver(format: Any, ring: Any, data: Any, structure: Any, t: Any, x: Any, **params: Any) -> Any:
    """The ring after delivery, with the primitive for this kind of matrix; dtypes are already converted."""
    raise UnsupportedOperationError(f"Matrices of the kind {type(format).__name__} deliver nothing to a ring.")


@bind_deliver.register
def _stored(format: Format, ring: Any, data: Any, structure: Any, t: Any, x: Any, **params: Any) -> Any:
    return deliver_p(ring, data, *structure, t, x, format=format, **params)


@bind_deliver.register
def _in_blocks(
    format: SplitFormat,
    ring: Any,
    data: Any,
    structure: Any,
    t: Any,
    x: Any,
    *,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    backend: str | None,
) -> Any:
    sources = 0 if transpose else 1

    def delivered(encodings: Any, shape: Shape, entries: Any, operands: Any) -> Any:
        (_, encoding), (ring, data, *structure), (t, x) = encodings, entries, operands
        params = {"shape": shape, "transpose": transpose, "encoding": encoding, "backend": backend}
        return bind_deliver(format.block, ring, data, structure, t, x, **params)

    operands = [(None, t), (Along(sources, encoding), x)]
    return on_blocks(format, shape, delivered, [ring, data, *structure], operands, None)


def _factor(data_unit: Any, x_unit: Any, ring_unit: Any) -> Any:
    """The factor that converts products of these units to the ring's unit; None if they have this unit."""
    product = units.attach_product(np.float64(1), data_unit, x_unit)
    unit = units.unit_of(product)
    if unit == ring_unit and units.detach(product)[0] == 1:
        return None
    try:
        return units.mantissa_in(product, ring_unit, "", "")
    except u.UnitMismatchError:
        caused = "plain numbers" if unit is None else f"numbers in {unit}"
        holds = "plain numbers" if ring_unit is None else f"numbers in {ring_unit}"
        make = "without unit=" if unit is None else f"with unit= of {unit} or one like it"
        raise u.UnitMismatchError(
            f"The events cause {caused}, and the ring holds {holds}: make the ring {make}."
        ) from None


def _check_shapes(key: _DeliveryKey, ring: Any, x: Any) -> None:
    n_pre, n_post = key.shape if key.transpose else key.shape[::-1]
    given = (key.length,) if key.length is not None and x.ndim == 1 else tuple(x.shape)
    if given != (n_pre,):
        more = "; jax.vmap maps over more." if len(given) > 1 else "."
        raise MathError(f"A matrix of shape {(n_pre, n_post)} delivers a vector of shape ({n_pre},), got {given}{more}")
    fmt, shape = key.format, tuple(ring.shape)
    if not isinstance(fmt, SplitFormat):
        if len(shape) != 2 or shape[1] != n_post or not shape[0]:
            raise MathError(
                f"A matrix of shape {(n_pre, n_post)} delivers to a ring of shape (slots, {n_post}), got {shape}."
            )
        return
    if fmt.axis != (1 if key.transpose else 0):
        raise UnsupportedOperationError(
            "A matrix with delays delivers to a ring if it is split by postsynaptic neurons, whose device has their "
            'part of the ring: `Split(..., by="post")`, or the transpose of a matrix that is split by="pre".'
        )
    blocks = fmt.blocks_here
    if len(shape) != 3 or (shape[0], shape[0] * shape[2]) != (blocks, n_post) or not shape[1]:
        raise MathError(
            f"A matrix in blocks delivers to a ring in blocks, here of shape ({blocks}, slots, {n_post // blocks}), "
            f"got {shape}: make it with `brainevent.DelayRing(slots, n_post, split=matrix.split)`."
        )


def take(ring: Any, t: Any, split: Split | None = None) -> tuple[Any, Any]:
    """The input that arrives at step t, and the ring with this slot cleared; arrays or quantities. The first axis of a
    split ring is the blocks, and the input is split like them."""
    buffer, unit = units.detach(ring)
    if split is None:
        emptied, now = take_slot_p(buffer, t)
    else:
        emptied, now = _of_blocks(split, lambda ring, t: tuple(take_slot_p(ring, t)), buffer, t)
    return units.attach(now, unit), units.attach(emptied, unit)


def look(ring: Any, t: Any, split: Split | None = None) -> Any:
    """The input that arrives at step t, as :func:`take`, without clearing the slot."""
    buffer, unit = units.detach(ring)

    def slot(ring: Any, t: Any) -> Any:
        return jax.lax.dynamic_index_in_dim(ring, t, keepdims=False)

    now = slot(buffer, t) if split is None else _of_blocks(split, lambda *of: (slot(*of),), buffer, t)[0]
    return units.attach(now, unit)


def _of_blocks(split: Split, operation: Any, ring: Any, t: Any) -> Any:
    """Run an operation on the ring of each block. Its last result has a value per neuron, and is returned as a vector
    without the axis of the blocks."""
    where = InBlocks.of(None, split, transposed=False)

    def each(encodings: Any, shape: Shape, entries: Any, operands: Any) -> Any:
        return operation(*entries, *operands)

    *rings, now = on_blocks(where, (1, ring.shape[0] * ring.shape[2]), each, [ring], [(None, t)], None)
    return *rings, now.reshape(-1)
