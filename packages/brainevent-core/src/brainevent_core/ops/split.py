"""Operations on a matrix in blocks: each device computes its own blocks, with the kernels for an ordinary matrix.

Outside ``shard_map``, an operation starts its own ``shard_map``. Arrays of the size of the weights are neither
communicated nor replicated: vectors along the split axis are split like the blocks; vectors along the other axis are
needed whole, and are communicated. Inside a ``shard_map`` over the same axis, the matrix is this device's part, and
nothing is communicated.
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
    """The error for a feature that a matrix in blocks doesn't have."""
    return UnsupportedOperationError(
        f"A matrix that is split over devices has no {what}: `brainevent.sharding.unshard(matrix)` makes a whole one, "
        "where one host can hold that. Or do it before the matrix is split."
    )


def require_whole(format: Any, what: str) -> None:
    """Reject a matrix in blocks.

    Raises:
        UnsupportedOperationError: if the matrix is in blocks; names the missing feature.
    """
    if isinstance(format, InBlocks):
        raise not_in_blocks(what)


# -- communication -----------------------------------------------------------------------------------------------------


def exchange_events(encoding: Encoding, x: Any, axis: str) -> tuple[Encoding, Any]:
    """All-gather events or numbers along the first axis of x, inside ``shard_map``.

    Events are communicated as bits, 32 per word. The result stays bit-packed if each part fills its words, unless the
    events are floats. Numbers are communicated as they are.

    Args:
        encoding: an encoding in ``PLAIN``.
        x: this device's part, (n, …), with the same n on all devices.
        axis: the mesh axis.

    Returns:
        The encoding and the gathered array, (devices · n, …) when decoded, in the order of the devices.
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
    """Exchange float events as bits, and return them as zeros and ones, because products only test for nonzero. The
    tangent is that of the numbers (straight-through)."""
    encoding, events = _exchange_bits(axis, x)
    return encoding.decode(events, jax.lax.axis_size(axis) * x.shape[0]).astype(x.dtype)


@_straight_through.defjvp
def _straight_through_jvp(axis: str, primals: Any, tangents: Any) -> Any:
    (x,), (x_dot,) = primals, tangents
    return _straight_through(axis, x), jax.lax.all_gather(x_dot, axis, axis=0, tiled=True)


def everywhere(split: Split, travel: Callable[[Any], Any], array: Any) -> Any:
    """Run ``travel`` on each device's part of an array, outside ``shard_map``, and return its replicated result.

    Args:
        split: names the mesh and its axis.
        travel: the program of one device, applied to its part along the first axis; its result is equal on all devices.
        array: split along its first axis, or not split yet.
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
        check_vma=False,  # the check can't see that a gathered array is equal on all devices
    )(array)


# -- operations, block by block ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Along:
    """The layout of an operand or result whose first axis runs along an axis of the stored matrix.

    Attributes:
        axis: rows (0) or columns (1).
        encoding: encoding of the array. The operation receives the encoding after communication.
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
    """Run an operation on each block of a matrix, and combine the results.

    Args:
        fmt: format of the matrix.
        shape: shape of the stored matrix, see :attr:`MatrixSpec.here`.
        operation: ``(encodings, shape, entries, operands) → result`` for an ordinary matrix of ``fmt.block``. The
            encodings are those of the operands.
        entries: arrays whose first axis is the blocks, or one number for all entries of all blocks, (1,) or ().
        operands: the other arrays with their layouts; None for a replicated array.
        result: layout of the result. None if the operation returns a pytree of arrays of the block; these are stacked
            along a first axis of the blocks.

    Returns:
        The result. Along the split axis, it is split like the blocks. Along the other axis, it is the sum over blocks,
        in their order: over all blocks outside ``shard_map``, over this device's blocks inside.
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
    """Decode an operand along the split axis, because words and lists of events can't be cut into blocks."""
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
    """The program of one device, for all its blocks at once.

    If ``whole``, the shape is that of the whole matrix, and sums over blocks include those of all devices.
    """
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
        # Without vmap, for kernels that support no mapped axes. A reshape copies nothing; indexing might. But if new
        # weights overwrite the old ones in a loop, XLA copies both for a reshape; with a mapped axis it copies nothing.
        out = call(_without_blocks(axes, entries), _without_blocks(mapped, given))
        out = jax.tree.map(lambda array: array[None], out)
    else:
        out = jax.vmap(call, (axes, mapped))(list(entries), given)
    if result is None:
        return out
    if result.axis == fmt.axis:
        return out.reshape(-1, *out.shape[2:])
    if whole:
        # All partial sums of a number are sent to one device, which adds them in the order of the blocks. The summation
        # order of psum would depend on the number of devices.
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
    """Outside ``shard_map``: run the program of one device in a ``shard_map`` over the blocks."""
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
        # Over explicit axes, arrays must already be sharded as in_specs says.
        visible = {name for name, kind in types.items() if kind == AxisType.Explicit}
        entries = [_split_as(mesh, spec, array, visible) for spec, array in zip(entry_specs, entries)]
        operands = [_split_as(mesh, spec, array, visible) for spec, array in zip(specs, operands)]
    # A batch that is split over another explicit axis stays split. Mesh axes over which nothing is split are left out.
    axes = {fmt.mesh_axis, *(name for rest in further for entry in rest for name in _names_in(entry))}
    rest = further[-1] if further else ()  # of x, the last operand if the result is along an axis
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
    """The mesh of the current context, which must have the axis of the split; if there is none, the split's own mesh.

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
    """The mesh axes in one element of a partition spec."""
    return () if entry is None else entry if isinstance(entry, tuple) else (entry,)


def _split_as(mesh: Any, spec: PartitionSpec, array: Any, visible: Set[str]) -> Any:
    """``array``, resharded to ``spec`` over the explicit axes of a mesh, ``visible``."""
    named = [entry if visible >= set(_names_in(entry)) else None for entry in spec]
    sharding = NamedSharding(mesh, PartitionSpec(*named, *[None] * (jnp.ndim(array) - len(spec))))
    return array if jax.typeof(array).sharding == sharding else jax.sharding.reshard(array, sharding)
