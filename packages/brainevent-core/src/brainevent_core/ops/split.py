"""Operations on a matrix in blocks: each device computes those that it has, with the kernels for an ordinary matrix.

Outside of ``shard_map`` an operation runs one of its own. Nothing in it that has the size of the weights travels, or is
on several devices: vectors along the split side are split as the blocks are, and those along the other side are needed
whole, and travel. Inside of a ``shard_map`` over the same axis, the matrix is the part of this device, and nothing
travels.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from brainevent_core import _jax
from brainevent_core.encodings import BINARY, BITPACKED, FLOAT, PLAIN, SPARSE_FLOAT, WORD_BITS, Encoding, is_event
from brainevent_core.errors import MathError, UnsupportedOperationError
from brainevent_core.formats import InBlocks, Shape, Split
from brainevent_core.primitives import encode_events_p

__all__ = ["Along", "everywhere", "exchange_events", "not_in_blocks", "on_blocks", "require_whole"]


def not_in_blocks(what: str) -> UnsupportedOperationError:
    """The error for what a matrix in blocks doesn't have."""
    return UnsupportedOperationError(
        f"A matrix that is split over devices has no {what}: `brainevent.sharding.unshard(matrix)` makes a whole one, "
        "where one host can hold that. Or do it before the matrix is split."
    )


def require_whole(format: Any, what: str) -> None:
    """Refuse a matrix in blocks.

    Raises:
        UnsupportedOperationError: naming what it doesn't have.
    """
    if isinstance(format, InBlocks):
        raise not_in_blocks(what)


# -- what travels ------------------------------------------------------------------------------------------------------


def exchange_events(encoding: Encoding, x: Any, axis: str) -> tuple[Encoding, Any]:
    """The events or numbers of all devices, inside ``shard_map``: each has a part of them, along the first axis of x.

    Events travel as bits, 32 in a word, and come out so if a part fills its words; numbers travel as they are.

    Args:
        encoding: one of those whose array is what it stands for.
        x: the part of this device, (n, …), of the same length on all.
        axis: of the mesh.

    Returns:
        The encoding and the array of all, (devices · n, …), in the order of the devices.
    """
    if encoding is not BINARY:
        return encoding, jax.lax.all_gather(x, axis, axis=0, tiled=True)
    if jnp.issubdtype(x.dtype, jnp.floating):
        return BINARY, _straight_through(axis, x)
    return _exchange_bits(axis, x)


def _exchange_bits(axis: str, x: Any) -> tuple[Encoding, Any]:
    n, rest = x.shape[0], x.shape[1:]
    words = encode_events_p(is_event(x), encoding=BITPACKED, length=-(-n // WORD_BITS))
    words = jax.lax.all_gather(words, axis, axis=0, tiled=True)
    if n % WORD_BITS == 0:
        return BITPACKED, words
    events = BITPACKED.decode(words, words.shape[0] * WORD_BITS)
    padded = -(-n // WORD_BITS) * WORD_BITS
    return BINARY, events.reshape(-1, padded, *rest)[:, :n].reshape(-1, *rest)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _straight_through(axis: str, x: Any) -> Any:
    """Events that are floats, as zeros and ones: products look at nothing else of them, and so does their derivative,
    which is that of the numbers."""
    encoding, events = _exchange_bits(axis, x)
    return encoding.decode(events, jax.lax.axis_size(axis) * x.shape[0]).astype(x.dtype)


@_straight_through.defjvp
def _straight_through_jvp(axis: str, primals: Any, tangents: Any) -> Any:
    (x,), (x_dot,) = primals, tangents
    return _straight_through(axis, x), jax.lax.all_gather(x_dot, axis, axis=0, tiled=True)


def everywhere(split: Split, travel: Callable[[Any], Any], array: Any) -> Any:
    """What all devices have after ``travel``, the program of one, outside of ``shard_map``.

    Args:
        split: which names the devices.
        travel: of the part of this device along the first axis; it gives the same on all.
        array: split along its first axis, or not yet.
    """
    mesh = _mesh_in_use(split.mesh, split.axis, split.devices)
    spec = PartitionSpec(split.axis)
    if AxisType.Explicit in mesh.axis_types:
        types = zip(mesh.axis_names, mesh.axis_types, strict=True)
        array = _split_as(mesh, spec, array, {name for name, kind in types if kind == AxisType.Explicit})
    here: Any = jax.sharding.get_abstract_mesh()
    return jax.shard_map(
        travel,
        mesh=split.mesh if here.empty else None,
        in_specs=spec,
        out_specs=PartitionSpec(),
        axis_names={split.axis},
        check_vma=False,  # it can't see that what was gathered is the same on all
    )(array)


# -- operations, block by block ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Along:
    """An operand, or a result, whose first axis runs along an axis of what is stored.

    Attributes:
        axis: rows (0) or columns (1).
        encoding: what the array stands for; the operation is given the one in which it arrives.
    """

    axis: int
    encoding: Encoding = FLOAT


def on_blocks(
    fmt: InBlocks,
    shape: Shape,
    operation: Callable[..., Any],
    entries: Sequence[Any],
    operands: Sequence[tuple[Along | None, Any]],
    result: Along | None,
) -> Any:
    """An operation on each block of a matrix, put together.

    Args:
        fmt: of the matrix.
        shape: of what is stored here, see :attr:`MatrixSpec.here`.
        operation: ``(encodings, shape, entries, operands) → result`` for an ordinary matrix of ``fmt.block``. The
            encodings are those of the operands.
        entries: arrays with the blocks in front, or one number for all entries of all blocks, of shape (1,) or ().
        operands: arrays beside the matrix, and how they lie; None for one that is whole everywhere.
        result: how the result lies. None for what has an array of each block: a pytree of those, the blocks in front.

    Returns:
        The result; one along the split side is split as the blocks are. One along the other side is the sum of what the
        blocks give, in their order: outside of ``shard_map`` of all, inside of those of this device.
    """
    operands = [_decoded(fmt, shape, *operand) for operand in operands]
    homogeneous = [tuple(array.shape) in ((), (1,)) for array in entries]
    run = functools.partial(_run, fmt, shape, operation, homogeneous, result)
    lies = [one for one, _ in operands]
    arrays = [array for _, array in operands]
    if fmt.is_local:
        return run(lies, False, [False] * len(lies), entries, arrays)
    return _mapped(fmt, shape, run, lies, entries, arrays, homogeneous, result)


def _decoded(fmt: InBlocks, shape: Shape, lies: Along | None, x: Any) -> tuple[Along | None, Any]:
    """An operand along the split side is cut into blocks, which words or lists of events can't be."""
    if lies is None or lies.encoding in PLAIN or lies.axis != fmt.axis:
        return lies, x
    encoding = BINARY if lies.encoding.event else SPARSE_FLOAT if lies.encoding.selects else FLOAT
    return replace(lies, encoding=encoding), lies.encoding.decode(x, shape[lies.axis])


def _run(
    fmt: InBlocks,
    shape: Shape,
    operation: Callable[..., Any],
    homogeneous: Sequence[bool],
    result: Along | None,
    lies: Sequence[Along | None],
    whole: bool,
    travels: Sequence[bool],
    entries: Sequence[Any],
    operands: Sequence[Any],
) -> Any:
    """The program of one device: its blocks, at once. ``whole`` says whether the result is that of all devices."""
    count = fmt.blocks_here
    encodings, given, mapped = [], [], []
    for one, array, travel in zip(lies, operands, travels):
        split = one is not None and one.axis == fmt.axis
        encoding = None if one is None else one.encoding
        if split:
            array = array.reshape(count, array.shape[0] // count, *array.shape[1:])
        elif travel and encoding is not None:
            encoding, array = exchange_events(encoding, array, fmt.mesh_axis)
        encodings.append(encoding)
        given.append(array)
        mapped.append(0 if split else None)
    block_shape = fmt.block_shape(shape, fmt.blocks if whole else count)
    call = functools.partial(operation, encodings, block_shape)
    axes = [None if same else 0 for same in homogeneous]
    if count == 1 and result is not None:
        # Not under vmap, for the kernels that take no mapped axes; a reshape copies nothing, an index might. But where
        # new weights overwrite the old ones in a loop, XLA copies both for a reshape, and a mapped axis is in place.
        out = call(_without_blocks(axes, entries), _without_blocks(mapped, given))
        out = jax.tree.map(lambda array: array[None], out)
    else:
        out = jax.vmap(call, (axes, mapped))(list(entries), given)
    if result is None:
        return out
    if result.axis == fmt.axis:
        return out.reshape(-1, *out.shape[2:])
    if whole:
        # All partial sums of a number come together on one device, which adds them up in the order of the blocks: what
        # psum gives depends on how many devices there are.
        surplus = -out.shape[1] % fmt.devices
        out = jnp.pad(out, [(0, 0), (0, surplus)] + [(0, 0)] * (out.ndim - 2))
        out = jax.lax.all_to_all(out, fmt.mesh_axis, split_axis=1, concat_axis=0, tiled=True)
    return functools.reduce(operator.add, out)


def _without_blocks(axes: Sequence[int | None], arrays: Sequence[Any]) -> list[Any]:
    return [array if axis is None else array.reshape(array.shape[1:]) for axis, array in zip(axes, arrays)]


def _mapped(
    fmt: InBlocks,
    shape: Shape,
    run: Callable[..., Any],
    lies: Sequence[Along | None],
    entries: Sequence[Any],
    operands: Sequence[Any],
    homogeneous: Sequence[bool],
    result: Along | None,
) -> Any:
    """Outside of ``shard_map``: one over the blocks."""
    here: Any = jax.sharding.get_abstract_mesh()
    mesh = _mesh_in_use(fmt.mesh, fmt.mesh_axis, fmt.devices)
    types = dict(zip(mesh.axis_names, mesh.axis_types, strict=True))
    explicit = types[fmt.mesh_axis] == AxisType.Explicit
    block = PartitionSpec(fmt.mesh_axis)
    entry_specs = [PartitionSpec() if same else block for same in homogeneous]
    specs, travels, further = [], [], []
    for one, array in zip(lies, operands):
        given = tuple(_jax.partition(jax.typeof(array)))
        rest = given[1:] if one is not None else ()
        further.append(rest)
        split = one is not None and one.axis == fmt.axis
        if one is None or fmt.devices == 1:
            travel = False
        elif explicit:
            travel = not split and bool(given) and given[0] == fmt.mesh_axis
        else:
            travel = not split and one.encoding in PLAIN and shape[one.axis] % fmt.devices == 0
        travels.append(travel)
        specs.append(PartitionSpec(fmt.mesh_axis if split or travel else None, *rest) if one else PartitionSpec())
    if AxisType.Explicit in mesh.axis_types:
        # Over explicit axes arrays must be split as the program says already.
        visible = {name for name, kind in types.items() if kind == AxisType.Explicit}
        entries = [_split_as(mesh, spec, array, visible) for spec, array in zip(entry_specs, entries)]
        operands = [_split_as(mesh, spec, array, visible) for spec, array in zip(specs, operands)]
    # A batch that is split over another explicit axis stays so. Axes that nothing here is split over are not ours.
    axes = {fmt.mesh_axis, *(name for rest in further for entry in rest for name in _names_in(entry))}
    rest = further[-1] if further else ()  # the only operand of what has a result along an axis
    out_specs = block if result is None else PartitionSpec(fmt.mesh_axis, *rest)
    out = jax.shard_map(
        functools.partial(run, lies, True, travels),
        mesh=fmt.mesh if here.empty else None,
        in_specs=(entry_specs, specs),
        out_specs=out_specs,
        axis_names=axes,
    )(list(entries), list(operands))
    if result is None or result.axis == fmt.axis or shape[result.axis] == out.shape[0]:
        return out
    if explicit:
        out = _split_as(mesh, PartitionSpec(None, *rest), out, axes)
    return out[: shape[result.axis]]


def _mesh_in_use(own: Any, axis: str, devices: int) -> Any:
    """The mesh that a program sees, which has the axis of a split; that of the split where it sees none.

    Raises:
        MathError: if it has no such axis.
    """
    here: Any = jax.sharding.get_abstract_mesh()
    mesh: Any = own if here.empty else here
    if axis not in mesh.axis_names or mesh.shape[axis] != devices:
        raise MathError(
            f"The matrix is split over the {devices} devices along {axis!r}, and the mesh in use here, of "
            f"the axes {dict(mesh.shape)}, has no such axis: use the mesh of its split, `jax.set_mesh(split.mesh)`."
        )
    return mesh


def _names_in(entry: Any) -> tuple[str, ...]:
    """The mesh axes that a partition spec names for one axis of an array."""
    return () if entry is None else entry if isinstance(entry, tuple) else (entry,)


def _split_as(mesh: Any, spec: PartitionSpec, array: Any, visible: Set[str]) -> Any:
    """An array that is split so over the explicit axes of a mesh, which are ``visible``."""
    named = [entry if visible >= set(_names_in(entry)) else None for entry in spec]
    sharding = NamedSharding(mesh, PartitionSpec(*named, *[None] * (jnp.ndim(array) - len(spec))))
    return array if jax.typeof(array).sharding == sharding else jax.sharding.reshard(array, sharding)
