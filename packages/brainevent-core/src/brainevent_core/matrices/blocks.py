"""Matrices in blocks: created from a whole matrix, or from blocks that are read or drawn one by one; and joined again.

A process creates only the blocks of its own devices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from brainevent_core import units
from brainevent_core._typing import Shape
from brainevent_core.errors import MathError, UnsupportedOperationError
from brainevent_core.formats import INT32_MAX, Format, Split, SplitFormat
from brainevent_core.matrices.base import Matrix
from brainevent_core.matrices.generated import JITCMatrix
from brainevent_core.matrices.stored import StoredMatrix

__all__ = ["assembled", "shard", "unshard"]

_Stored = TypeVar("_Stored", bound=StoredMatrix)
_M = TypeVar("_M", bound=Matrix)


class _Block(NamedTuple):
    """A block in NumPy: its weights, None if all entries share one; its own structure; and the arrays that annotate its
    entries. Of these, arrays with a number for each entry have the shape of the weights."""

    data: Any
    structure: tuple[np.ndarray, ...]
    notes: tuple[np.ndarray, ...] = ()


def shard(conn: _M, split: Split) -> _M:
    """Split an existing matrix into blocks on the devices of a mesh.

    Args:
        conn: a matrix of any class. It must be concrete (outside ``jit``), unless it is generated just in time. With
            several processes, each has the same whole matrix, and takes its own blocks. A matrix that is already split
            moves to the devices of another mesh if it is split in the way of ``split``; otherwise it is joined and
            split again.
        split: how to split it.

    Returns:
        A matrix of the same class and shape, whose arrays have a leading axis for the blocks and are sharded along it.
        A homogeneous weight stays homogeneous. Entries outside the matrix are dropped, and blocks with fewer entries
        than others are padded. The column index is computed again for each block. For a generated matrix, each device
        generates the part of its own neurons, and the matrix stays the same.

    Raises:
        MathError: if the neurons can't be split evenly, or the matrix is traced.
        UnsupportedOperationError: if its format can't be split.

    Example:
        >>> import brainevent, jax, jax.numpy as jnp
        >>> from brainevent import sharding
        >>> weights = brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]]))
        >>> split = sharding.Split(jax.make_mesh((1,), ("x",)), "x", blocks=2)
        >>> conn = sharding.shard(weights, split)
        >>> conn
        CSR(shape=(2, 2), nse=4, dtype=float32, 2 blocks by post over 'x')
        >>> brainevent.BinaryArray(jnp.array([True, True])) @ conn
        Array([2., 4.], dtype=float32)
    """
    _require(isinstance(conn, Matrix), f"shard takes a matrix, got {type(conn).__name__}.")
    _require(isinstance(split, Split), f"shard takes a Split, got {type(split).__name__}.")
    if isinstance(conn, JITCMatrix):
        return conn.in_blocks(split)
    assert isinstance(conn, StoredMatrix)
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(conn)):
        raise MathError("shard places arrays on devices, so it takes a concrete matrix: call it outside of jit.")
    if isinstance(conn.__matrix_spec__.format, SplitFormat):
        own = conn.split
        if own is not None and (own.by, own.blocks) == (split.by, split.blocks):
            return _moved(conn, split)
        conn = unshard(conn)
    spec = conn.__matrix_spec__
    require_splittable(spec.format)
    data, unit = units.detach(conn.data)
    fmt = _given(spec.format)
    arrays = [np.asarray(array) for array in spec.structure[: len(fmt.names)]]
    structure, notes = fmt.named(arrays), arrays[len(fmt.structure) :]
    homogeneous = spec.is_homogeneous
    weights = np.asarray(data)
    axis = SplitFormat.of(fmt, split, transposed=spec.transposed).axis
    bounds = split.bounds(spec.shape[axis])

    def block(at: int) -> _Block:
        start, stop = bounds[at]
        if fmt.stores_all:
            return _Block(weights[:, start:stop] if axis else weights[start:stop], ())
        assert fmt.part is not None
        part = fmt.part(structure, spec.shape, axis, start, stop)
        of_part = tuple(_part_of(note, axis, start, stop, part.weights) for note in notes)
        return _Block(None if homogeneous else _taken(weights, part.weights), part.arrays, of_part)

    blocks = {at: block(at) for at in _own_blocks(split)}
    whole = units.attach(weights if homogeneous else None, unit)
    cls: Any = type(conn)
    placed: _M = _placed(cls, conn._static, spec.format, split, blocks, whole)
    return placed


def _taken(weights: np.ndarray, at: np.ndarray, fill: int = 0) -> np.ndarray:
    if not weights.size:
        return np.full(at.shape, fill, weights.dtype)
    return np.where(at >= 0, weights.reshape(-1)[at], np.full((), fill, weights.dtype))


def _part_of(note: np.ndarray, axis: int, start: int, stop: int, at: np.ndarray) -> np.ndarray:
    """The annotation of the entries of some rows or columns."""
    if note.ndim == 2:  # of rows, or of columns
        along = note.shape[axis] != 1
        return (note[start:stop] if axis == 0 else note[:, start:stop]) if along else note
    return note if note.shape == (1,) else _taken(note, at, _NOTHING)


#: The annotation of an entry that does not exist: a delay that fits into any ring.
_NOTHING = 1


def assembled(cls: type[_Stored], read: Callable[[int, int], Any], shape: Shape, split: Split) -> _Stored:
    """A matrix in blocks that are read one by one, see :meth:`StoredMatrix.from_blocks`."""
    _require(isinstance(split, Split), f"split takes a Split, got {type(split).__name__}.")
    # Nothing else refers to the blocks, so their memory is released while they are placed.
    return _placed(cls, *_read(cls, read, shape, split))


def _read(
    cls: type[_Stored], read: Callable[[int, int], Any], shape: Shape, split: Split
) -> tuple[tuple[Any, ...], Format, Split, dict[int, _Block], Any]:
    """The blocks of this process, and the other arguments of :func:`_placed` after the class."""
    bounds, own = split.bounds(shape[split.by == "post"]), _own_blocks(split)
    columns: list[_Column] = []
    first: _Facts | None = None
    for at in own:
        matrix = _as_block(cls, read(*bounds[at]), shape, split, bounds[at])
        spec, further = matrix.__matrix_spec__, matrix._static[2:]
        if first is None:
            require_splittable(spec.format)
            first = _Facts(spec.format, units.unit_of(spec.data), spec.is_homogeneous, None, further)
        fmt = _given(first.format)
        data = np.asarray(units.mantissa_in(spec.data, first.unit, "The data of a block", "those of others"))
        if first.data is None:
            first = first._replace(data=data if first.homogeneous else data[:0])
        same = (spec.format, spec.is_homogeneous, data.dtype) == (first.format, first.homogeneous, first.data.dtype)
        if not same or (first.homogeneous and data.item() != first.data.item()):
            raise MathError(
                "The blocks of a matrix have the same format and dtype, all of them delays or none, and one weight for "
                "each entry, or one for all that is the same in all blocks."
            )
        arrays = tuple(map(np.asarray, spec.structure[: len(fmt.names)]))
        per_entry = fmt.weights_shape(arrays, spec.shape)
        notes = arrays[len(fmt.structure) :]
        shaped = (note.reshape(per_entry) if note.shape == (prod(per_entry),) != (1,) else note for note in notes)
        given = [data, *arrays[: len(fmt.structure)], *shaped]
        columns = columns or [_Column(len(own)) for _ in given]
        for column, array in zip(columns, given, strict=True):
            column.add(array)
        del matrix, spec, data, arrays, notes, shaped, given  # release memory for the next block
    assert first is not None
    count = len(_given(first.format).structure)
    blocks = {}
    for i, at in enumerate(own):
        weights, *rest = (column.arrays[i] for column in columns)
        blocks[at] = _Block(None if first.homogeneous else weights, tuple(rest[:count]), tuple(rest[count:]))
    whole = units.attach(first.data if first.homogeneous else None, first.unit)
    return (shape, first.format, *first.further), first.format, split, blocks, whole


class _Facts(NamedTuple):
    """The common properties of all blocks: format, unit, whether all entries share one weight, this weight or an array
    of its dtype, and further static values."""

    format: Format
    unit: Any
    homogeneous: bool
    data: Any
    further: tuple[Any, ...]


class _Column:
    """One array of each block, contiguous in memory as long as they have the same shape: they can then be placed
    without a copy, and a process needs no more memory than for its own blocks."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._room: np.ndarray | None = None
        self.arrays: list[np.ndarray] = []

    def add(self, array: np.ndarray) -> None:
        """Add the array of the next block."""
        if len(self.arrays) == 1 and (array.shape, array.dtype) == (self.arrays[0].shape, self.arrays[0].dtype):
            self._room = _aligned((self._count, *array.shape), array.dtype)
            self._room[0] = self.arrays[0]
            self.arrays = [self._room[0]]
        room = self._room
        if room is None or (array.shape, array.dtype) != (room.shape[1:], room.dtype):
            self.arrays.append(array)
            return
        room[len(self.arrays)] = array
        self.arrays.append(room[len(self.arrays)])


def _adjacent(arrays: Sequence[np.ndarray], shape: tuple[int, ...], dtype: Any) -> np.ndarray | None:
    """The arrays as one, if they are contiguous in memory and have that shape and dtype; None otherwise."""
    first, *others = arrays
    if (first.shape, first.dtype) != (shape, dtype) or not first.flags.c_contiguous:
        return None
    for i, array in enumerate(others, 1):
        follows = array.base is first.base is not None and array.ctypes.data == first.ctypes.data + i * first.nbytes
        if (array.shape, array.dtype) != (shape, dtype) or not follows:
            return None
    return np.lib.stride_tricks.as_strided(first, (len(arrays), *shape), (first.nbytes, *first.strides))


def _as_block(cls: type[_Stored], block: Any, shape: Shape, split: Split, bounds: tuple[int, int]) -> _Stored:
    """A block that was read, as a matrix of the class."""
    start, stop = bounds
    wanted = (shape[0], stop - start) if split.by == "post" else (stop - start, shape[1])
    if isinstance(block, (tuple, list)):
        block = cls(tuple(block), shape=wanted)
    if type(block) is not cls or block.shape != wanted or block.split is not None:
        raise MathError(
            f"The block from {start} to {stop} must be a {cls.__name__} of shape {wanted} or the arrays of one, got "
            f"{block!r}."
        )
    return block


def require_splittable(fmt: Any) -> None:
    """Check that a format can be split.

    Raises:
        UnsupportedOperationError: if it can't; names it, with advice.
    """
    changed = [one.name for one in fmt.components if one.build is None and not one.annotates]
    if changed:
        raise UnsupportedOperationError(
            f"A matrix with the component {changed[0]!r} can't be split over devices: `matrix.tocoo()` can."
        )
    if not fmt.stores_all and (fmt.part is None or fmt.join is None):
        raise UnsupportedOperationError(
            f"A matrix of the format {fmt.name!r} can't be split over devices, for it doesn't say what part of it is: "
            "its Format needs part= and join=. `matrix.tocoo()` can be split."
        )


def unshard(conn: _M) -> _M:
    """Join a matrix in blocks to an ordinary matrix, whole in the memory of this process.

    Padding entries are dropped. The entries of a row (column) are in the order of the blocks, and keep their order
    within a block.

    Args:
        conn: a matrix in blocks; other matrices are returned unchanged.

    Raises:
        MathError: if the matrix is traced, or blocks are on devices of other processes.

    Example:
        >>> import brainevent, jax, jax.numpy as jnp
        >>> from brainevent import sharding
        >>> weights = brainevent.CSR.fromdense(jnp.array([[0.0, 1.0], [2.0, 3.0]]))
        >>> conn = sharding.shard(weights, sharding.Split(jax.make_mesh((1,), ("x",)), "x", blocks=2))
        >>> sharding.unshard(conn).todense()
        Array([[0., 1.],
               [2., 3.]], dtype=float32)
    """
    if isinstance(conn, JITCMatrix):
        return conn if conn.split is None else conn.in_blocks(None)
    spec = conn.__matrix_spec__
    if not isinstance(spec.format, SplitFormat):
        return conn
    assert isinstance(conn, StoredMatrix)
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(conn)):
        raise MathError(
            "unshard puts a matrix together on the host, so it takes a concrete one: call it outside of jit."
        )
    arrays = [*jax.tree.leaves(conn.data), *spec.structure]
    if not all(array.is_fully_addressable for array in arrays):
        raise MathError(
            "unshard puts a matrix together in one process, and blocks of this one lie on devices of other processes: "
            "save it with a checkpoint library, and restore it in one process."
        )
    split, fmt = spec.format, _given(spec.format.block)
    block_shape = split.block_shape(spec.shape, split.blocks)
    data, unit = units.detach(conn.data)
    weights = np.asarray(data)
    if fmt.stores_all:
        joined: Any = np.concatenate(list(weights), axis=split.axis)
        structure: tuple[Any, ...] = ()
    else:
        assert fmt.join is not None
        arrays = [np.asarray(array) for array in spec.structure[: len(fmt.names)]]
        parts = [fmt.named([array[at] for array in arrays]) for at in range(split.blocks)]
        own, at = fmt.join(parts, [block_shape] * split.blocks, split.axis)
        per_block = prod(fmt.weights_shape([array[0] for array in arrays], block_shape))
        notes = (_joined(note, split.axis, at, per_block) for note in arrays[len(fmt.structure) :])
        structure = (*own, *notes)
        joined = weights if spec.is_homogeneous else _taken(weights, at)
    static = (conn.shape, fmt, *conn._static[2:])
    children = (units.attach(jnp.asarray(joined), unit), *map(jnp.asarray, structure))
    whole = type(conn).tree_unflatten(static, children)
    return whole if fmt is split.block else whole.with_csc_index()  # type: ignore[attr-defined]


def _joined(note: np.ndarray, axis: int, at: np.ndarray, per_block: int) -> np.ndarray:
    """The joined annotation of all blocks; ``at`` are the positions of the entries in the blocks."""
    if note.ndim == 3:  # of rows, or of columns; along the other axis, the same in each block
        if note.shape[1 + axis] != 1:
            return np.concatenate(list(note), axis=axis)
        if (note == note[:1]).all():
            return note[0]
    elif note.shape[1] != 1 or per_block == 1:
        return _taken(note, at, _NOTHING).reshape(-1)
    elif (note == note[0]).all():
        return note[0]
    else:  # one for each block
        return note.reshape(-1)[at // per_block].reshape(-1)
    raise UnsupportedOperationError(
        "The blocks have a delay for each neuron on the other side, and not the same ones: no array of a whole matrix "
        "holds that. Give each entry its delay."
    )


# -- placing -----------------------------------------------------------------------------------------------------------


def _given(fmt: Format) -> Format:
    """A format without components that are derived from its entries."""
    for component in fmt.components:
        if component.build is not None:
            fmt = fmt.without(component)
    return fmt


def _own_blocks(split: Split) -> list[int]:
    """The blocks of this process's devices."""
    placed = split.sharding.addressable_devices_indices_map((split.blocks,)).values()
    found = {at for (where,) in placed for at in range(*where.indices(split.blocks))}  # type: ignore[misc]
    if not found:
        raise MathError("None of the devices of the mesh belongs to this process.")
    return sorted(found)


def _agreed(lengths: np.ndarray, split: Split) -> np.ndarray:
    """The elementwise maximum over all processes."""
    if not split.mesh.is_multi_process:
        return lengths
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.process_allgather(lengths)).max(axis=0)


def _placed(
    cls: type[_Stored],
    static: tuple[Any, ...],
    fmt: Format,
    split: Split,
    blocks: dict[int, _Block],
    whole: Any,
) -> _Stored:
    """Place the blocks of this process's devices, in NumPy, and return the matrix.

    Args:
        cls, static: class and static values of the matrix, with the format that it would have as a whole.
        fmt: that format, whose derived components are computed for each block.
        split: how it is split.
        blocks: the blocks by number; they are removed from the dictionary.
        whole: the weight that all entries share, or None; a quantity over that if it has a unit.
    """
    given = _given(fmt)
    split_format = SplitFormat.of(given, split, transposed=cls._transposed)
    shape = static[0][::-1] if cls._transposed else static[0]
    block_shape = split_format.block_shape(shape, split.blocks)
    one_for_all, unit = units.detach(whole)
    columns: list[tuple[list[np.ndarray], int]] = []
    if one_for_all is None:
        columns.append(([block.data for block in blocks.values()], 0))
    outside = max(block_shape)
    columns += [([block.structure[i] for block in blocks.values()], outside) for i in range(len(given.structure))]
    shapes = [given.weights_shape((*block.structure, *block.notes), block_shape) for block in blocks.values()]
    count = len(given.names) - len(given.structure)
    notes = [_alike([block.notes[i] for block in blocks.values()], shapes, split) for i in range(count)]
    blocks.clear()
    placed = []
    for arrays, fill in columns:
        placed.append(_stacked(arrays, split, fill))
    placed += [_stacked(arrays, split, _NOTHING, flat=flat) for arrays, flat in notes]
    if one_for_all is None:
        data, *structure = placed
    else:
        replicated = NamedSharding(split.mesh, PartitionSpec())
        data = jax.make_array_from_callback(one_for_all.shape, replicated, lambda where: one_for_all[where])
        structure = placed
    children = (units.attach(data, unit), *structure)
    matrix = cls.tree_unflatten((static[0], split_format, *static[2:]), children)
    return matrix if given is fmt else matrix.with_csc_index()  # type: ignore[attr-defined]


def _alike(notes: list[np.ndarray], shapes: Sequence[tuple[int, ...]], split: Split) -> tuple[list[np.ndarray], bool]:
    """The annotations of blocks in a common form (one for all, per row or column, or per entry), and whether it is per
    entry. The dtype is the same in all processes.

    Args:
        notes: annotations of this process's blocks.
        shapes: shapes of their weights.
        split: how the matrix is split.
    """
    # The form is ambiguous in a block with a single entry, or one per row or column, but other blocks may determine it.
    impossible = [
        [note.shape != (1,) for note in notes],
        [note.shape not in (shape, (1,)) for note, shape in zip(notes, shapes, strict=True)],
        [note.ndim != 2 or note.shape[1] != 1 for note in notes],
        [note.ndim != 2 or note.shape[0] != 1 for note in notes],
    ]
    *excluded, size = _agreed(np.array([*map(any, impossible), max(note.dtype.itemsize for note in notes)]), split)
    if all(excluded):
        raise MathError(
            "The blocks of a matrix have delays for all of their entries, for rows, for columns or for each entry, and "
            "all blocks do so in the same way."
        )
    for_entries = excluded.index(0) == 1
    if for_entries:
        notes = [np.broadcast_to(note, shape) for note, shape in zip(notes, shapes, strict=True)]
    dtype, limit = {1: (np.uint8, 2**8 - 1), 2: (np.uint16, 2**16 - 1)}.get(int(size), (np.int32, INT32_MAX))
    # Invalid delays stay invalid.
    return [np.where((note < 1) | (note > limit), 0, note).astype(dtype) for note in notes], for_entries


def _stacked(arrays: list[np.ndarray], split: Split, fill: int, *, flat: bool = False) -> Any:
    """The blocks' arrays on their devices, padded to one shape, and then flattened if ``flat``. They are removed from
    the list one by one, so that a process doesn't need memory for two copies of its blocks."""
    largest = np.max([array.shape for array in arrays], axis=0).reshape(-1)
    shape = tuple(map(int, _agreed(largest, split)))
    dtype = arrays[0].dtype
    if dtype.kind in "iu" and fill > np.iinfo(dtype).max:
        # Also if this process pads no block, because all must have one dtype.
        dtype = np.promote_types(dtype, np.min_scalar_type(fill))
    by_number = dict(zip(_own_blocks(split), arrays, strict=True))
    arrays.clear()
    on_one_device = split.mesh.size == split.devices

    def of_device(where: Any) -> np.ndarray:
        mine = range(*where[0].indices(split.blocks))
        there = _adjacent([by_number[at] for at in mine], shape, dtype)
        if there is not None:
            return there.reshape(len(mine), -1) if flat else there
        out = _aligned((len(mine), *shape), dtype)
        for place, at in enumerate(mine):
            block = by_number.pop(at) if on_one_device else by_number[at]
            if block.shape != shape:
                out[place] = fill
            out[place][tuple(map(slice, block.shape))] = block
        return out.reshape(len(mine), -1) if flat else out

    whole = (split.blocks, prod(shape)) if flat else (split.blocks, *shape)
    return jax.make_array_from_callback(whole, split.sharding, of_device)


def _aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """An uninitialised array, aligned so that JAX can use it on CPU without a copy."""
    size = prod(shape) * dtype.itemsize
    room = np.empty(size + _ALIGNMENT, np.uint8)
    begin = -room.ctypes.data % _ALIGNMENT
    return room[begin : begin + size].view(dtype).reshape(shape)


#: Alignment of XLA's arrays in bytes.
_ALIGNMENT = 64


def _moved(conn: _Stored, split: Split) -> _Stored:
    """The same blocks on the devices of another mesh."""
    spec = conn.__matrix_spec__
    fmt = SplitFormat.of(spec.format.block, split, transposed=spec.transposed)
    whole = NamedSharding(split.mesh, PartitionSpec())

    def place(leaf: Any, array: Any) -> Any:
        return jax.device_put(array, whole if leaf else split.sharding)

    data = jax.tree.map(lambda array: place(spec.is_homogeneous, array), conn.data)
    structure = [place(False, array) for array in spec.structure]
    return type(conn).tree_unflatten((conn.shape, fmt, *conn._static[2:]), (data, *structure))


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise MathError(message)
