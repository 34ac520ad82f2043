"""Events that arrive later: what a delayed matrix makes of them is added to a ring of slots."""

from __future__ import annotations

import operator
from functools import partial
from typing import Any, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import units
from brainevent_core._jax import INLINED
from brainevent_core.encodings import BINARY, FLOAT, Encoding
from brainevent_core.errors import DTypeError, MathError
from brainevent_core.formats import DELAY, Format, Shape
from brainevent_core.ops.matmul import as_array, promote
from brainevent_core.ops.spec import MatrixSpec
from brainevent_core.ops.split import require_whole
from brainevent_core.primitives import deliver_p, take_slot_p

__all__ = ["deliver", "take"]


def deliver(ring: Any, t: Any, spikes: Any, stored: MatrixSpec, *, backend: str | None = None) -> Any:
    """The ring with what ``spikes @ A`` adds to it, entry by entry when it arrives.

    Args:
        ring: an array or a quantity, (slots, post): ``ring[s]`` holds what arrives at the steps s, s + slots, ….
        t: the present step, a whole number of any size.
        spikes: events, booleans, or numbers; (pre,).
        stored: the matrix A with delays, (pre, post).
        backend: name of the backend that must run it.

    Returns:
        A ring of the same shape, dtype and unit. Weights are converted to its dtype.

    Raises:
        MathError: if the lengths don't fit, or the matrix has no delays.
        DTypeError: if the ring does not hold floating-point numbers, or the step is none.
        UnitMismatchError: if the ring has another dimension than the product.
    """
    require_whole(stored.format, "delays yet")
    if not isinstance(stored.format, Format) or not stored.format.carries(DELAY):
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
    return _deliver(key, ring, _slot_of(t, ring), stored.data, stored.structure, x)


def _slot_of(t: Any, ring: Any) -> Any:
    """A step, or the slot that it has in the ring if it is a number that JAX might not hold.

    Raises:
        DTypeError: if it is no whole number.
    """
    if not isinstance(t, jax.Array):
        array = np.asarray(t)
        if array.ndim == 0 and (array.dtype.kind in "iu" or isinstance(t, int)) and array.dtype != np.bool_:
            return jnp.asarray(operator.index(array.item()) % max(ring.shape[0] if ring.ndim else 1, 1), jnp.int32)
        t = as_array(t)
    if not jnp.issubdtype(t.dtype, jnp.integer) or t.ndim:
        raise DTypeError(f"The step must be one whole number, got {t.dtype} of shape {tuple(t.shape)}.")
    return t


class _DeliveryKey(NamedTuple):
    """What is static about a delivery; ``length`` is that of encoded spikes, None if it is the array's."""

    format: Format
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
    _check_shapes(key, ring, x)
    if not jnp.issubdtype(ring.dtype, jnp.floating):
        raise DTypeError(f"A ring holds floating-point numbers, got dtype {ring.dtype}.")
    factor = _factor(data_unit, None if encoding.event else x_unit, ring_unit)
    data, x = promote(data, x, encoding)
    if factor is not None:
        # Of the weights, not of what is added: those that don't change are converted once, before a loop.
        data = data * jnp.asarray(factor, data.dtype)
    if data.dtype != ring.dtype and jnp.promote_types(data.dtype, jnp.float32) != ring.dtype:
        data = data.astype(ring.dtype)
    if not encoding.event and encoding.dtype is None:
        x = x.astype(data.dtype)
    out = deliver_p(
        ring,
        data if data.ndim else data.reshape(1),
        *structure,
        jnp.mod(t, ring.shape[0]).astype(jnp.int32),
        x,
        format=key.format,
        shape=key.shape,
        transpose=key.transpose,
        encoding=encoding,
        backend=key.backend,
    )
    return units.attach(out, ring_unit)


def _factor(data_unit: Any, x_unit: Any, ring_unit: Any) -> Any:
    """What turns the products of such units into numbers of the ring; None if they are in its unit."""
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
    if ring.ndim != 2 or ring.shape[1] != n_post or not ring.shape[0]:
        raise MathError(
            f"A matrix of shape {(n_pre, n_post)} delivers to a ring of shape (slots, {n_post}), got "
            f"{tuple(ring.shape)}."
        )


def take(ring: Any, t: Any) -> tuple[Any, Any]:
    """What arrives at step t, and the ring with zeros in its place; arrays or quantities."""
    buffer, unit = units.detach(ring)
    emptied, now = take_slot_p(buffer, t)
    return units.attach(now, unit), units.attach(emptied, unit)
