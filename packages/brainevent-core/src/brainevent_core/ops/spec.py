"""The specifications of matrices and events, through which operations access them.

Matrices and events are independent of each other. A matrix has ``__matrix_spec__``, a :class:`MatrixSpec`; events have
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
    """The description of a matrix that operations use.

    Attributes:
        format: the storage format, a :class:`~brainevent_core.formats.Format`; for a generated matrix its
            :class:`~brainevent_core.jitc.ConnectionRule`; for a matrix that is split over devices an
            :class:`~brainevent_core.formats.InBlocks`. Operations dispatch on its type.
        data: the weights, an array or a quantity.
        structure: the arrays of the structure.
        shape: shape of the stored matrix.
        transposed: whether the matrix is the transpose of the stored one.
    """

    format: Any
    data: Any
    structure: tuple[Any, ...]
    shape: Shape
    transposed: bool

    @property
    def matrix_shape(self) -> Shape:
        """The shape of the matrix itself, independent of the stored orientation."""
        return self.shape[::-1] if self.transposed else self.shape

    @property
    def here(self) -> "MatrixSpec":
        """The matrix on which operations work: this device's part inside ``shard_map`` over the axis along which the
        matrix is split, otherwise the whole matrix."""
        fmt = self.format
        return self._replace(shape=fmt.shape_here(self.shape)) if isinstance(fmt, InBlocks) else self

    @property
    def stores_all(self) -> bool:
        """Whether the data are the dense array of all elements."""
        return self.format.stores_all

    @property
    def elements(self) -> Any:
        """The elements of a dense matrix, in its own orientation."""
        assert self.stores_all
        return self.data.T if self.transposed else self.data

    @property
    def has_weight_positions(self) -> bool:
        """Whether a component gives the positions of the entries' weights."""
        return any(component.weight is not None for component in self.format.components)

    @property
    def is_homogeneous(self) -> bool:
        """Whether all entries share one weight."""
        return bool(self.format.takes_homogeneous) and tuple(getattr(self.data, "shape", (0,))) in ((), (1,))

    @property
    def changes_entries(self) -> bool:
        """Whether a component changes the entries of the bare format."""
        return any(component.changes_entries for component in self.format.components)

    @property
    def unannotated(self) -> "MatrixSpec":
        """The matrix without annotations such as delays, for operations that don't use them."""
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
        """Whether the structure contains tracers, so that its values are unknown."""
        return any(isinstance(array, jax.core.Tracer) for array in self.structure)


class EventSpec(NamedTuple):
    """The description of events that operations use.

    Attributes:
        encoding: their encoding.
        array: the encoded array; a quantity if its unit matters.
        axis: the encoded axis, as a negative index; None if the array isn't encoded.
        length: the decoded length of that axis.
    """

    encoding: Encoding
    array: Any
    axis: int | None = None
    length: int | None = None

    @property
    def __event_spec__(self) -> "EventSpec":
        """Itself, so that a specification can be an operand of a product."""
        return self

    def summed_over(self, axis: int) -> "EventSpec":
        """The events for a product that sums over ``axis``; decoded if they are encoded along another axis."""
        return self if self.axis is None or (self.axis - axis) % self.array.ndim == 0 else self.plain()

    def plain(self) -> "EventSpec":
        """The same events as an array that isn't encoded."""
        if self._is_plain:
            return self
        return EventSpec(BINARY if self.encoding.event else SPARSE_FLOAT, self.decoded())

    @property
    def _is_plain(self) -> bool:
        return self.axis is None and self.encoding in PLAIN

    def numbers(self) -> Any:
        """A plain array with the value of each entry; for binary events, a boolean mask."""
        decoded = self.decoded()
        return is_event(decoded) if self.encoding.event else decoded

    def decoded(self) -> Any:
        """A plain array with one entry per neuron, active or silent: the array as given, or a mask."""
        if self._is_plain:
            return self.array
        axis = 0 if self.axis is None else self.axis
        return _decode(self.encoding, axis, self.array.shape[axis] if self.length is None else self.length, self.array)


@runtime_checkable
class MatrixLike(Protocol):
    """What operations require of a matrix."""

    @property
    def __matrix_spec__(self) -> MatrixSpec: ...


@runtime_checkable
class EventLike(Protocol):
    """What operations require of events."""

    @property
    def __event_spec__(self) -> EventSpec: ...


@partial(jax.jit, inline=INLINED, static_argnums=(0, 1, 2))
def _decode(encoding: Encoding, axis: int, length: int, array: Any) -> Any:
    return jnp.moveaxis(encoding.decode(jnp.moveaxis(array, axis, 0), length), 0, axis)
