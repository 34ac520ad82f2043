"""How matrices and events show what they are: the whole protocol between them and products.

Matrices and events do not know each other. A matrix has ``__matrix_spec__``, a :class:`MatrixSpec`; events have
``__event_spec__``, a :class:`EventSpec`.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from brainevent_core.formats import get_operand, is_event

__all__ = ["EventSpec", "MatrixSpec"]


class MatrixSpec(NamedTuple):
    """How a matrix is stored.

    Attributes:
        format: name of the format; a :class:`~brainevent_core.jitc.ConnectionRule` if the matrix is generated.
        data: the weights, an array or a quantity.
        structure: the structure's arrays.
        shape: shape of what is stored.
        transposed: whether the matrix is the transpose of what is stored.
    """

    format: Any
    data: Any
    structure: tuple[Any, ...]
    shape: tuple[int, int]
    transposed: bool


class EventSpec(NamedTuple):
    """How events are stored.

    Attributes:
        operand: name of the encoding.
        array: the encoded array; a quantity if the unit counts.
        axis: the axis along which it is encoded, counted from the end; None if the array is as it was given.
        length: the length of that axis in what is encoded.
    """

    operand: str
    array: Any
    axis: int | None = None
    length: int | None = None

    @property
    def __event_spec__(self) -> "EventSpec":
        """They can take the place of events in a product."""
        return self

    def summed_over(self, axis: int) -> "EventSpec":
        """The same events for a product that sums over ``axis``, decoded if they are encoded along another."""
        if self.axis is None or (self.axis - axis) % self.array.ndim == 0:
            return self
        return EventSpec("binary", self.decoded())

    def numbers(self) -> Any:
        """A plain array of what each entry counts: its value, or True for an event of size one."""
        decoded = self.decoded()
        return is_event(decoded) if get_operand(self.operand).event else decoded

    def decoded(self) -> Any:
        """A plain array with an entry for each event and each that is none: as given, or a mask."""
        if self.axis is None:
            return self.array
        assert self.length is not None
        return _decode(self.operand, self.axis, self.length, self.array)


@partial(jax.jit, inline=True, static_argnums=(0, 1, 2))
def _decode(operand: str, axis: int, length: int, array: Any) -> Any:
    return jnp.moveaxis(get_operand(operand).decode(jnp.moveaxis(array, axis, 0), length), 0, axis)
