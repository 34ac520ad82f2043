"""Events that store an encoding, along one axis, of the given array."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import display, units
from brainevent_core._jax import INLINED
from brainevent_core._typing import Array, OperandLike
from brainevent_core.encodings import Encoding, is_event
from brainevent_core.errors import DTypeError, MathError, UnsupportedOperationError
from brainevent_core.events.base import EventRepresentation, as_plain
from brainevent_core.ops import EventSpec
from brainevent_core.ops.matmul import warn_of_unit
from brainevent_core.primitives import encode_events_p

__all__ = ["EncodedEvents"]


class EncodedEvents(EventRepresentation):
    """Base class of events that are encoded along an axis; the mask of events is computed when it is needed.

    The leaf of the pytree is the encoded array. The length of the axis before encoding and the axis itself are static;
    the axis is counted from the end, so that ``vmap`` and ``scan`` can add and remove axes in front of it.
    """

    __slots__ = ()
    #: The encoding in products.
    _encoding: ClassVar[Encoding]

    @property
    def axis(self) -> int:
        """The encoded axis, counted from the end."""
        # Clipped, because mapping over the axes after the encoded one removes them.
        return max(int(self._static[0]), -int(self._array.ndim))

    @property
    def __event_spec__(self) -> EventSpec:
        return EventSpec(self._encoding, self._array, self.axis, self._static[1])

    @property
    def value(self) -> Array:
        """The events as an array of booleans."""
        return self.__event_spec__.decoded()

    @property
    def shape(self) -> tuple[int, ...]:
        shape = list(self._array.shape)
        shape[self.axis] = self._static[1]
        return tuple(shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return jnp.dtype(jnp.bool_)

    @property
    def T(self) -> Self:
        return self._unflatten((-1 - self.axis - self.ndim, *self._static[1:]), (self._array.T,))

    def _facts(self) -> Iterator[tuple[str, str]]:
        yield from super()._facts()
        yield "axis", str(self.axis)

    def _picture(self) -> str:
        # Decoding reads all entries.
        return "" if display.is_sample(self.size) else super()._picture()

    def _written_out(self) -> str:
        axis, length, *_ = self._static
        return f"{type(self).__name__}({self._array!r}, length={length}, axis={axis})"


def as_encodable(value: OperandLike, axis: int, kind: str) -> tuple[Any, int]:
    """``value`` as an array of numbers or booleans, and ``axis`` counted from the end.

    A NumPy array stays one: inside ``jit``, ``jnp.asarray`` would convert it to a tracer.

    Raises:
        DTypeError: if the entries are not real numbers.
        MathError: if there is no such axis.
    """
    value = value if isinstance(value, np.ndarray) else as_plain(value)
    warn_of_unit(kind, value)
    array: Any = units.detach(value)[0]
    real = array.dtype == jnp.bool_ or jnp.issubdtype(array.dtype, jnp.number)
    if not real or jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise DTypeError(f"{kind} takes booleans or real numbers, got dtype {array.dtype}.")
    axis = operator.index(axis)
    if not -array.ndim <= axis < array.ndim:
        raise MathError(
            f"{kind} encodes one axis of an array; an array of shape {tuple(array.shape)} has no axis {axis}."
        )
    if isinstance(array, np.ndarray):
        array = is_event(array)  # before JAX narrows 64-bit numbers to 32 bits, which can turn them into zero
    return array, axis - array.ndim if axis >= 0 else axis


@partial(jax.jit, inline=INLINED, static_argnums=(0, 1, 2))
def encode(encoding: Encoding, axis: int, length: int, array: Any) -> Any:
    """Encode the events of an array; the result has ``length`` entries along the encoded axis.

    Raises:
        UnsupportedOperationError: if the result is differentiated with respect to ``array``.
    """
    mask = jnp.moveaxis(mask_of(array), axis, 0)
    columns = mask.reshape(mask.shape[0], math.prod(mask.shape[1:])) if mask.ndim > 1 else mask
    encoded = encode_events_p(columns, encoding=encoding, length=length)
    return jnp.moveaxis(encoded.reshape(length, *mask.shape[1:]), 0, axis)


def mask_of(array: Any) -> Any:
    """The mask of events; differentiating with respect to ``array`` raises an error instead of giving zero.

    Raises:
        UnsupportedOperationError: if the result is differentiated with respect to ``array``.
    """
    return _mask_of(array) if jnp.issubdtype(array.dtype, jnp.floating) else is_event(array)


@jax.custom_jvp
def _mask_of(array: Any) -> Any:
    return is_event(array)


@_mask_of.defjvp
def _no_derivative(primals: Any, tangents: Any) -> Any:
    # Only called for a live tangent.
    raise UnsupportedOperationError(
        "Encoded events (BitPackedBinary, CompactBinary) have no derivative with respect to what was encoded. For the "
        "straight-through gradient use BinaryArray; to leave it out, encode jax.lax.stop_gradient(spikes)."
    )
