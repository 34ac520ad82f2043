"""The primitives `deliver` and `take_slot`: which native kernel runs a call, and how it gets its arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.encodings import BINARY, Encoding, is_event
from brainevent_core.formats import (
    COO_FORMAT,
    CSC_INDEX,
    CSR_FORMAT,
    DELAY,
    FIXED_NUM_FORMAT,
    Format,
    Shape,
    Structure,
    delay_extent,
)
from brainevent_core.plugins import Takes
from brainevent_core.primitive.vmap_axes import VmapAxis, number_of_members, vmap_over

from .compiled import native_kernel
from .in_place import mapped_everywhere, overwrite
from .kernel_spec import ENCODINGS, KernelSpec
from .structure import READ_AS, WIDE, pointers, reached, readable, rows, unsigned

__all__ = ["deliver", "supports_deliver", "supports_take", "take_slot"]

_FORMATS = tuple(
    fmt.with_component(DELAY)
    for base in (COO_FORMAT, CSR_FORMAT, FIXED_NUM_FORMAT)
    for fmt in (base, *([base.with_component(CSC_INDEX)] if base is not COO_FORMAT else []))
)


def _readable_operands(ring: Any, data: Any, *operands: Any, **_: Any) -> bool:
    """Sums in half precision are left to the reference, which has the memory to accumulate them in single precision."""
    *structure, _, x = operands
    return readable(data, structure, ring, x) and ring.dtype == WIDE[data.dtype.name]


#: What `deliver` supports, if native kernels run at all.
supports_deliver = Takes(
    formats=_FORMATS, encodings=ENCODINGS, dtypes=("float32", "float64"), further=_readable_operands
)


def deliver(
    ring: jax.Array,
    *operands: jax.Array,
    batch: Sequence[VmapAxis] = (),
    after: Sequence[jax.Array] = (),
    **static: Any,
) -> list[jax.Array]:
    """The ring after events: the primitive `deliver` of core, see there.

    Args:
      ring: float32 or float64, (slots, length of the result); overwritten if XLA allows it.
      *operands: the weights, whose sums have the dtype of the ring; the format's structure, of any integer dtypes;
        the step, and x.
      batch: the mapped axes of `vmap`, which are in front of the operands that are mapped. A ring that isn't mapped is
        copied for each member.
      after: results of prior uses of the ring.
      **static: format, shape, transpose and encoding.
    """
    ring, mapped = mapped_everywhere(ring, batch)
    add = partial(_deliver, after=after, members=number_of_members(mapped), **static)
    outputs: list[jax.Array] = vmap_over(add, mapped)(ring, *operands)
    return outputs


def _supports_take(ring: Any, t: Any) -> bool:
    return readable(ring, (), t)


#: What `take_slot` supports, if native kernels run at all.
supports_take = Takes(dtypes=tuple(WIDE), further=_supports_take)


def take_slot(
    ring: jax.Array, t: jax.Array, *, batch: Sequence[VmapAxis] = (), after: Sequence[jax.Array] = ()
) -> list[jax.Array]:
    """The ring with its present slot cleared, and the former content of the slot: the primitive `take_slot` of core,
    see there. Arguments are those of `deliver`."""
    ring, mapped = mapped_everywhere(ring, batch)
    take = partial(_take, after=after, members=number_of_members(mapped))
    outputs: list[jax.Array] = vmap_over(take, mapped)(ring, t)
    return outputs


def _take(ring: jax.Array, t: jax.Array, *, after: Sequence[jax.Array], members: int) -> list[jax.Array]:
    slots, length = ring.shape
    seen = READ_AS.get(ring.dtype.name, ring.dtype)
    return overwrite(
        native_kernel(KernelSpec("delays.take"), members * length),
        ring,
        _slot(t, slots),
        after=after,
        attributes={"length": np.int64(length)},
        read_as=[seen, np.dtype(np.int32)],
        further=[jax.ShapeDtypeStruct((length,), ring.dtype)],
    )


def _slot(t: jax.Array, slots: int) -> jax.Array:
    """The slot of a step, in an array of one element."""
    return jnp.mod(t, slots).astype(jnp.int32).reshape(1)


def _deliver(
    ring: jax.Array,
    data: jax.Array,
    *operands: jax.Array,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    after: Sequence[jax.Array],
    members: int,
) -> list[jax.Array]:
    *structure, t, x = operands
    format.validate(data, structure, shape)
    slots, length = ring.shape
    inner = shape[0] if transpose else shape[1]
    encoding.validate(x, inner, data.dtype, "x")
    plan = _plan(format.named(structure), format, shape, transpose, encoding)
    homogeneous = format.is_homogeneous(data)
    if homogeneous or (not encoding.event and data.dtype != ring.dtype):
        data = data.astype(ring.dtype)
    if encoding is BINARY:
        x = is_event(x)
    elif not encoding.event:
        x = x.astype(ring.dtype)
    call = KernelSpec(
        f"delays.{plan.family}",
        plan.layout,
        "homogeneous" if homogeneous else "entries" if data.dtype == ring.dtype else data.dtype.name,
        encoding,
        plan.family == "rows",
        permuted=plan.permuted,
        delays=plan.extent,
    )
    now = _slot(t, slots)
    arrays = [array.reshape(-1) for array in (data, *plan.arrays, plan.delays)]
    seen = [READ_AS.get(array.dtype.name, array.dtype) for array in (ring, *arrays, now, x)]
    for i, array in enumerate(arrays[1:]):
        if i not in plan.pointers:
            seen[2 + i] = unsigned(array)
    attributes = {
        "bound": plan.bound,
        "inner": inner,
        "length": length,
        "size": x.shape[0],
        "slots": slots,
        "width": plan.arrays[0].size // max(shape[0], 1),
    }
    if plan.family == "scan":
        attributes["rows"] = shape[0]
    return overwrite(
        native_kernel(call, members * max(array.size for array in arrays)),
        ring,
        *arrays,
        now,
        x,
        after=after,
        attributes={name: np.int64(value) for name, value in attributes.items()},
        read_as=seen,
    )


@dataclasses.dataclass(frozen=True)
class _Plan:
    """The family of kernels, and its arrays between the weights and the delays.

    Of `arrays`, those at the positions `pointers` stay signed; the others are indices. `bound` is the number of targets
    that an index can reach, and `extent` says what each delay belongs to.
    """

    family: str
    layout: str
    arrays: tuple[jax.Array, ...]
    pointers: tuple[int, ...]
    bound: int
    delays: jax.Array
    extent: str
    permuted: bool = False


def _plan(structure: Structure, format: Format, shape: Shape, transpose: bool, encoding: Encoding) -> _Plan:
    delays = structure.delay
    sides = {"row": "source", "column": "target"} if transpose else {"row": "target", "column": "source"}
    extent = sides.get(delay_extent(delays), delay_extent(delays))
    if format.base is COO_FORMAT:
        targets, sources = (structure.row, structure.col)[:: -1 if transpose else 1]
        bound = reached(targets, shape[1] if transpose else shape[0])
        return _Plan("scan", "", (sources, targets), (), bound, delays, extent)
    indices, indptr, bound = rows(structure, format, shape)
    if transpose:
        return _Plan("rows", format.base.name, (indices, indptr, indices), (1,), bound, delays, extent)
    if format.carries(CSC_INDEX) and encoding.selects:
        column_rows = structure.csc_indices
        arrays = (column_rows, pointers(structure.csc_indptr, column_rows.size), structure.csc_perm)
        return _Plan("rows", "csr", arrays, (1,), reached(column_rows, shape[0]), delays, extent, permuted=True)
    return _Plan("scan", format.base.name, (indices, indptr), (1,), shape[0], delays, extent)
