"""Matrices whose entries are stored in arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Self, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import display, units
from brainevent_core._typing import Array, ArrayLike, Quantity, QuantityLike, Shape
from brainevent_core.errors import BrainEventError, MathError, UnsupportedOperationError
from brainevent_core.formats import Format, Split, SplitFormat
from brainevent_core.matrices.arguments import (
    as_data,
    as_index_array,
    as_integers,
    as_shape,
    check_values,
    unknown_argument,
)
from brainevent_core.matrices.base import Matrix
from brainevent_core.matrices.delays import as_delay, delay_of, with_steps
from brainevent_core.matrices.duplicates import first_of_place, is_first, may_repeat, totals
from brainevent_core.ops import MatrixSpec, broadcast_weights, entries_of, require_whole, segment_sum, widened

__all__ = ["StoredMatrix"]

_Stored = TypeVar("_Stored", bound="StoredMatrix")


class StoredMatrix(Matrix):
    """Base class of the matrices that have a format. Subclass it for your own formats.

    A subclass specifies its format, whether it is the transpose of the stored arrays, and how it is transposed;
    everything else is derived from the format::

        class Blocks(StoredMatrix):
            _format = BLOCKS

            def _transpose(self) -> "Blocks":
                row, col = self._structure
                return Blocks(jnp.swapaxes(self.data, 1, 2), col, row, shape=self.shape[::-1], check=False)

    Args:
        data: weights, one per entry, or one for all if the format supports that.
        *structure: the structure's arrays, by position or name. Data and structure can also be given as one tuple.
        shape: (rows, columns).
        delay: delays of events in steps, see :meth:`with_delay`; None for a matrix without delays.
        check: whether to check the values of the structure.
        split: splits the matrix into blocks over devices, see :func:`brainevent.sharding.shard`. This process must hold
            the whole matrix first; with :meth:`from_blocks` and connection rules it doesn't.
    """

    #: The format of the constructor's arrays. The format of an instance may have components in addition.
    _format: ClassVar[Format]
    #: Whether the matrix is the transpose of the stored one.
    _transposed: ClassVar[bool] = False

    def __init__(
        self,
        data: QuantityLike,
        *structure: ArrayLike | None,
        shape: Sequence[int] | None = None,
        delay: ArrayLike | None = None,
        check: bool = True,
        split: Split | None = None,
        **named: ArrayLike | None,
    ) -> None:
        fmt = self._format
        if shape is None:
            raise MathError(f"{type(self).__name__} needs shape=(rows, columns).")
        size = as_shape(shape)
        weights, arrays = self._constructor_arrays(data, structure, named)
        stored_shape = size[::-1] if self._transposed else size
        if weights.size == 1 and weights.ndim > 1 and fmt.takes_homogeneous and not (arrays and arrays[0].size == 1):
            # One number of any rank is shared by all entries, unless there is only one entry.
            weights = weights.reshape(1)
        bare = units.detach(weights)[0]
        fmt.validate(bare if bare.ndim else bare.reshape(1), arrays, stored_shape)
        if check:
            check_values(fmt, arrays, stored_shape)
        self._set(weights, tuple(map(as_index_array, arrays)), size, fmt)
        if delay is not None:
            delayed = with_steps(self, as_delay(delay, self.__matrix_spec__, check=check))
            self._set(weights, delayed._structure, *delayed._static)
        if split is not None:
            from brainevent_core.matrices.blocks import shard  # imports this module

            blocks = shard(self, split)
            self._set(blocks.data, blocks._structure, *blocks._static)

    def _constructor_arrays(
        self, data: Any, structure: Sequence[Any], named: dict[str, Any]
    ) -> tuple[Array | Quantity, list[Any]]:
        """Weights, and the structure's arrays in order, from any form of the arguments."""
        kind, names = type(self).__name__, self._format.structure
        unknown = next((name for name in named if name not in names), None)
        if unknown is not None:
            raise unknown_argument(kind, unknown, ("data", *names, "shape", "delay", "check", "split"))
        given = [array for array in structure if array is not None]
        given += [named[name] for name in names if named.get(name) is not None]
        if not given and isinstance(data, (tuple, list)) and len(data) == 1 + len(names):
            data, *given = data
        if len(given) != len(names):
            raise MathError(
                f"{kind} takes ({', '.join(('data', *names))}) or one tuple of them, and shape=; got {1 + len(given)} "
                "arrays."
            )
        return as_data(data), [as_integers(label, array) for label, array in zip(names, given, strict=True)]

    @classmethod
    def from_blocks(cls, read_block: Callable[[int, int], Any], *, shape: Sequence[int], split: Split) -> Self:
        """Create a matrix in blocks over devices. Each process reads only the blocks of its own devices, one by one.

        Args:
            read_block: ``(start, stop) → block``: the columns (``split.by == "post"``) or rows ("pre") from start to
                stop, as a matrix of this class or a tuple of constructor arguments, with indices that start from 0.
                It is called once for each block of this process's devices.
            shape: (rows, columns) of the whole matrix.
            split: how the whole matrix is split.

        Returns:
            The same matrix that :func:`brainevent.sharding.shard` creates from the whole matrix.

        Raises:
            MathError: if a block has a wrong shape, class, dtype or unit, or the neurons can't be split evenly.

        Example:
            >>> import brainevent, jax, jax.numpy as jnp
            >>> split = brainevent.sharding.Split(jax.make_mesh((1,), ("x",)), "x", blocks=2)
            >>> def read_block(start, stop):  # every presynaptic neuron connects to the first one of the block
            ...     return jnp.ones(3), jnp.zeros(3, int), jnp.arange(4)
            >>> conn = brainevent.CSR.from_blocks(read_block, shape=(3, 8), split=split)
            >>> brainevent.BinaryArray(jnp.array([True, False, True])) @ conn
            Array([2., 0., 0., 0., 2., 0., 0., 0.], dtype=float32)
        """
        from brainevent_core.matrices.blocks import assembled  # imports this module

        return assembled(cls, read_block, as_shape(shape), split)

    # -- pytree --------------------------------------------------------------------------------------------------

    def _set(self, data: Any, structure: tuple[Any, ...], *static: Any) -> None:
        shape, fmt, *_ = static
        stored_shape = shape[::-1] if self._transposed else shape
        self._fill(data, structure, shape, MatrixSpec(fmt, data, structure, stored_shape, self._transposed))

    @property
    def _static(self) -> tuple[Any, ...]:
        return self.shape, self.__matrix_spec__.format

    @property
    def _names(self) -> Sequence[str]:
        return self.__matrix_spec__.format.names

    # -- what it is ----------------------------------------------------------------------------------------------

    @property
    def nse(self) -> int:
        """Number of stored entries."""
        spec = self.__matrix_spec__
        return int(spec.format.nse(spec.structure, spec.shape))

    def _facts(self) -> Iterator[str]:
        yield f"nse={self.nse}"
        yield from super()._facts()
        yield from map(repr, self.__matrix_spec__.format.components)
        if self.split is not None:
            yield f"{self.split.blocks} blocks by {self.split.by} over {self.split.axis!r}"

    @property
    def split(self) -> Split | None:
        """How the matrix is split over devices, see :func:`brainevent.sharding.shard`, or None."""
        fmt = self.__matrix_spec__.format
        return fmt.split(transposed=self._transposed) if isinstance(fmt, SplitFormat) else None

    def _shown(self) -> Iterator[tuple[str, str]]:
        spec = self.__matrix_spec__
        if spec.stores_all:
            yield "elements", f"{self.nse:,}, all stored"
        else:
            density = f"{100 * self.nse / max(self.size, 1):.3g} %"
            yield "synapses", f"{self.nse:,} (density {density}, {self.nse / max(len(self), 1):.4g} per row)"
        for name, text in super()._shown():
            one_for_all = spec.is_homogeneous and self.nse != 1
            yield name, f"{text}, one for all" if one_for_all else text
        if self.delay is not None:
            yield "delay", f"{display.numbers(self.delay)} steps"
        if spec.format.components:
            yield "with", ", ".join(map(repr, spec.format.components))
        if self.split is not None:
            yield "split", f"{self.split.blocks} blocks by {self.split.by} over {self.split.axis!r}"

    def _is_one_matrix(self) -> bool:
        spec = self.__matrix_spec__
        data = units.detach(self.data)[0]
        try:
            spec.format.validate(jax.ShapeDtypeStruct(data.shape or (1,), data.dtype), spec.structure, spec.shape)
        except BrainEventError:
            return False
        return True

    def _picture(self) -> str:
        spec = self.__matrix_spec__
        fmt, arrays = spec.format, spec.structure
        if self.split is not None:
            return ""  # a host may have only a part of it
        positions = display.sampled(self.nse)
        data = units.detach(self.data)[0]
        if not all(map(display.readable, (*arrays, data) if spec.stores_all else arrays)):
            return ""
        if spec.stores_all:
            row, col = np.divmod(positions, max(spec.shape[1], 1))
            stored = display.take(data, positions) != 0
            row, col = row[stored], col[stored]
        elif fmt.coordinates_at is not None and not spec.changes_entries:
            structure = fmt.named(list(map(display.host_array, arrays)))
            with jax.ensure_compile_time_eval():
                row, col = map(np.asarray, fmt.coordinates_at(structure, spec.shape, positions))
        elif len(positions) == self.nse:
            with jax.ensure_compile_time_eval():
                row, col = (np.asarray(index).reshape(-1) for index in fmt.entries(arrays, spec.shape)[:2])
        else:
            return ""
        return display.picture(*((col, row) if spec.transposed else (row, col)), self.shape)

    def todense(self) -> Array | Quantity:
        """The matrix as an array (or quantity) of shape ``self.shape``; duplicates add up.

        The dtype is that of the weights, except that integers of fewer than 32 bits are summed in 32 bits. The sum of
        booleans is whether any of them is True.
        """
        data, unit = units.detach(self.data)
        row, col, *_ = entries_of(self.__matrix_spec__)
        return units.attach(segment_sum(broadcast_weights(self.__matrix_spec__, data), (row, col), self.shape), unit)

    def _degrees(self, axis: int) -> Array:
        spec = self.__matrix_spec__
        entries = entries_of(spec)
        exists = units.detach(self.data)[0] != 0 if spec.stores_all else entries.exists
        at = jnp.broadcast_to(entries[axis], exists.shape)
        return segment_sum(exists.astype(jnp.int32), (at,), self.shape[axis : axis + 1])

    # -- with other data or another view -------------------------------------------------------------------------

    def with_data(self, data: QuantityLike) -> Self:
        """The same structure with other weights, whose dtype and unit the matrix gets.

        Args:
            data: any weights that the structure can hold: one per entry, or one for all.

        Raises:
            MathError: if the shape is neither.
        """
        weights = as_data(data)
        if weights.shape != self.data.shape:
            spec = self.__matrix_spec__
            per_entry = spec.format.weights_shape(spec.structure, spec.shape)
            one_for_all = weights.size == 1 and spec.format.takes_homogeneous
            if tuple(weights.shape) != per_entry and not one_for_all:
                alternative = "one weight for all, or " if spec.format.takes_homogeneous else ""
                raise MathError(
                    f"with_data of {type(self).__name__} takes {alternative}one per entry, of shape {per_entry}, got "
                    f"{tuple(weights.shape)}."
                )
            if weights.ndim > 1 and tuple(weights.shape) != per_entry:
                weights = weights.reshape(1)
        return self._replace(weights)

    # -- delays --------------------------------------------------------------------------------------------------

    @property
    def delay(self) -> Array | None:
        """The delays of events in steps, integers of any dtype; None if the matrix has no delays.

        The shape is (1,) for one delay for all, (rows, 1) for one per row, (1, columns) for one per column, or that of
        one weight per entry. A matrix in blocks has a leading axis for the blocks.
        """
        return delay_of(self.__matrix_spec__)

    def with_delay(self, delay: ArrayLike | None) -> Self:
        """The same matrix with other delays, or without delays.

        Delays are dendritic: an event reaches its synapse immediately and is multiplied by the current weight; its
        effect arrives at the postsynaptic neuron ``delay`` steps later. :meth:`DelayRing.add` delivers events.

        Args:
            delay: whole steps, at least 1: one for all; one per row (presynaptic neuron), (rows,); or one per entry, in
                the shape of one weight per entry, which has priority if both shapes are the same; (rows, 1) always
                means one per row. Any integer dtype; uint8 takes one byte per synapse. :func:`brainevent.steps`
                converts times. None returns a matrix without delays. A matrix in blocks accepts one delay for all, or
                one per entry in the shape of its weights, with the axis of the blocks first.

        Raises:
            DTypeError: if delays are not integers.
            MathError: if they have another shape.
            StructureError: if a concrete delay is less than 1. Events with such a traced delay never arrive.
            UnsupportedOperationError: for a dense matrix.

        Example:
            >>> import brainevent, jax.numpy as jnp
            >>> weights = brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]]))
            >>> weights.with_delay(jnp.array([1, 4, 2], "uint8"))
            CSR(shape=(2, 2), nse=3, dtype=float32, delay)
        """
        return with_steps(self, None if delay is None else as_delay(delay, self.__matrix_spec__))

    def _view(self, cls: type[_Stored], shape: Shape) -> _Stored:
        """The same arrays, including a column index, in another class."""
        return cls.tree_unflatten((shape, self.__matrix_spec__.format), (self.data, *self._structure))

    def _listed(self, nse: int | None) -> StoredMatrix:
        require_whole(self.__matrix_spec__.format, "entries in another format")
        return self

    def _with_entries_of(self, w: QuantityLike) -> MatrixSpec:
        return self.__matrix_spec__

    # -- arithmetic ----------------------------------------------------------------------------------------------

    @property
    def _identity(self) -> tuple[Any, Sequence[Any]]:
        fmt = self.__matrix_spec__.format
        given = [component for component in fmt.components if component.build is None]  # others are derived from these
        structure = fmt.named(self._structure)
        names = (*fmt.structure, *(name for component in given for name in component.structure))
        return (self.shape, *given), [getattr(structure, name) for name in names]

    def _at_entries(self, other: Array | Quantity) -> Array | Quantity:
        spec = self.__matrix_spec__
        if spec.stores_all:
            return other
        mantissa, unit = units.detach(other)
        elements = jnp.atleast_2d(mantissa)
        if elements.size == 0:
            return units.attach(jnp.ones((), elements.dtype), unit)
        row, col, *_ = entries_of(spec)
        at = tuple(0 if size == 1 else index for size, index in zip(elements.shape, (row, col)))
        found = elements.at[at].get(mode="fill", fill_value=1, wrap_negative_indices=False)
        return units.attach(found, unit)

    def _on_entries(self, op: Callable[..., Any], *others: Any, linear: bool) -> Self:
        spec = self.__matrix_spec__
        by_data = linear and all(isinstance(value, Matrix) or np.ndim(value) == 0 for value in others)
        if spec.has_weight_positions and not spec.is_homogeneous and not by_data:
            raise UnsupportedOperationError(
                f"Weights of this {type(self).__name__} are in another order than its entries, which may share them: "
                "use `.tocoo()`."
            )

        def weights(value: Any) -> Any:
            if not isinstance(value, Matrix):
                return value
            return value.data if spec.stores_all else jax.tree.map(widened, value.data)

        if linear or not may_repeat(spec):
            return self._replace(op(*map(weights, (self, *others))))
        first = first_of_place(spec)

        def summed(value: Any) -> Any:
            if not isinstance(value, Matrix):
                return value
            data, unit = units.detach(weights(value))
            return units.attach(totals(first, broadcast_weights(spec, data)), unit)

        combined, unit = units.detach(op(*map(summed, (self, *others))))
        at_first = is_first(first).reshape(combined.shape)
        return self._replace(units.attach(jnp.where(at_first, combined, 0), unit))
