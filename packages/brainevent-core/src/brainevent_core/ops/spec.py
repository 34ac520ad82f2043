"""The specifications of matrices and events: the protocol between them and operations.

Matrices and events do not know each other. A matrix has ``__matrix_spec__``, a :class:`MatrixSpec`; events have
``__event_spec__``, an :class:`EventSpec`.
"""

from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from brainevent_core._jax import INLINED
from brainevent_core.encodings import BINARY, PLAIN, SPARSE_FLOAT, Encoding, is_event
from brainevent_core.formats import InBlocks, Shape

__all__ = ["EventLike", "EventSpec", "MatrixLike", "MatrixSpec"]


class MatrixSpec(NamedTuple):
    """What a matrix is, for operations.

    Attributes:
        format: how it is stored, a :class:`~brainevent_core.formats.Format`, or the rule by which it is generated, a
            :class:`~brainevent_core.jitc.ConnectionRule`; of a matrix that is split over devices, a
            :class:`~brainevent_core.formats.InBlocks`. Operations dispatch on its type.
        data: the weights, an array or a quantity.
        structure: the structure's arrays.
        shape: shape of what is stored.
        transposed: whether the matrix is the transpose of what is stored.
    """

    format: Any
    data: Any
    structure: tuple[Any, ...]
    shape: Shape
    transposed: bool

    @property
    def matrix_shape(self) -> Shape:
        """The shape of the matrix, whichever way round it is stored."""
        return self.shape[::-1] if self.transposed else self.shape

    @property
    def here(self) -> "MatrixSpec":
        """The matrix that operations see: inside ``shard_map`` over the axis along which it is split, the part of this
        device."""
        fmt = self.format
        return self._replace(shape=fmt.shape_here(self.shape)) if isinstance(fmt, InBlocks) else self

    @property
    def stores_all(self) -> bool:
        """Whether the data are the elements, each in its place."""
        return self.format.stores_all

    @property
    def elements(self) -> Any:
        """All elements of a matrix that stores them."""
        assert self.stores_all
        return self.data.T if self.transposed else self.data

    @property
    def has_weight_positions(self) -> bool:
        """Whether a component says where the weights of the entries are."""
        return any(component.weight is not None for component in self.format.components)

    @property
    def is_homogeneous(self) -> bool:
        """Whether the data are one weight for all entries."""
        return bool(self.format.takes_homogeneous) and tuple(getattr(self.data, "shape", (0,))) in ((), (1,))

    @property
    def changes_entries(self) -> bool:
        """Whether a component makes the entries others than those of the bare format."""
        return any(component.changes_entries for component in self.format.components)

    @property
    def unannotated(self) -> "MatrixSpec":
        """The matrix without what components say of its entries, such as delays, for operations that don't read it."""
        annotations = getattr(self.format, "annotations", ())
        if not annotations:
            return self
        fmt = self.format
        for component in annotations:
            fmt = fmt.without(component)
        structure = self.format.named(self.structure)
        return self._replace(format=fmt, structure=tuple(getattr(structure, name) for name in fmt.names))

    @property
    def is_traced(self) -> bool:
        """Whether its structure is traced, so that its values can't be seen."""
        return any(isinstance(array, jax.core.Tracer) for array in self.structure)


class EventSpec(NamedTuple):
    """What events are, for operations.

    Attributes:
        encoding: how they are encoded.
        array: the encoded array; a quantity if the unit counts.
        axis: the axis along which it is encoded, counted from the end; None if each of its entries stands for itself.
        length: the length of that axis in what is encoded.
    """

    encoding: Encoding
    array: Any
    axis: int | None = None
    length: int | None = None

    @property
    def __event_spec__(self) -> "EventSpec":
        """They can take the place of events in a product."""
        return self

    def summed_over(self, axis: int) -> "EventSpec":
        """The same events for a product that sums over ``axis``, decoded if they are encoded along another."""
        return self if self.axis is None or (self.axis - axis) % self.array.ndim == 0 else self.plain()

    def plain(self) -> "EventSpec":
        """The same events in an array that is not encoded."""
        if self._is_plain:
            return self
        return EventSpec(BINARY if self.encoding.event else SPARSE_FLOAT, self.decoded())

    @property
    def _is_plain(self) -> bool:
        return self.axis is None and self.encoding in PLAIN

    def numbers(self) -> Any:
        """A plain array of what each entry counts: its value, or True for an event of size one."""
        decoded = self.decoded()
        return is_event(decoded) if self.encoding.event else decoded

    def decoded(self) -> Any:
        """A plain array with an entry for each event and each that is none: as given, or a mask."""
        if self._is_plain:
            return self.array
        axis = 0 if self.axis is None else self.axis
        return _decode(self.encoding, axis, self.array.shape[axis] if self.length is None else self.length, self.array)


@runtime_checkable
class MatrixLike(Protocol):
    """What operations ask of a matrix."""

    @property
    def __matrix_spec__(self) -> MatrixSpec: ...


@runtime_checkable
class EventLike(Protocol):
    """What operations ask of events."""

    @property
    def __event_spec__(self) -> EventSpec: ...


@partial(jax.jit, inline=INLINED, static_argnums=(0, 1, 2))
def _decode(encoding: Encoding, axis: int, length: int, array: Any) -> Any:
    return jnp.moveaxis(encoding.decode(jnp.moveaxis(array, axis, 0), length), 0, axis)
