"""The primitive `stdp_update`: which native kernel updates the weights, and how it gets its arrays."""

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
    DENSE_FORMAT,
    FIXED_NUM_FORMAT,
    WEIGHT_INDICES,
    Format,
    Shape,
    Structure,
)
from brainevent_core.plugins import Takes
from brainevent_core.primitive.vmap_axes import VmapAxis, number_of_members, vmap_over

from ..bridge import native_call
from .compiled import native_kernel
from .in_place import mapped_everywhere, overwrite
from .kernel_spec import ENCODINGS, KernelSpec
from .structure import READ_AS, WIDE, pointers, reached, readable, rows, unsigned

__all__ = ["stdp_update", "supports_stdp_update"]

_PERMUTED = CSR_FORMAT.with_component(WEIGHT_INDICES)
_FORMATS = (
    DENSE_FORMAT,
    COO_FORMAT,
    *(fmt for base in (CSR_FORMAT, FIXED_NUM_FORMAT) for fmt in (base, base.with_component(CSC_INDEX))),
    _PERMUTED,
)


def _readable_operands(data: Any, *operands: Any, format: Format, transpose: bool, **_: Any) -> bool:
    """A scan for the events of columns reads weights in the order of entries; weights in another order are declined.
    Bounds must be scalars: with one bound per weight, core's own kernel runs."""
    *_, lower, upper = operands
    if lower.ndim or upper.ndim:
        return False
    return not (format is _PERMUTED and not transpose) and readable(data, operands[:-4], *operands[-4:])


#: What `stdp_update` supports, if native kernels run at all.
supports_stdp_update = Takes(
    formats=_FORMATS,
    encodings=tuple(encoding for encoding in ENCODINGS if encoding.event),
    dtypes=tuple(WIDE),
    further=_readable_operands,
)


def stdp_update(
    data: jax.Array,
    *operands: jax.Array,
    batch: Sequence[VmapAxis] = (),
    after: Sequence[jax.Array] = (),
    **static: Any,
) -> list[jax.Array]:
    """New weights: the primitive `stdp_update` of core, see there.

    Args:
      data: weights, float16, bfloat16, float32 or float64, of the format's shape; overwritten if XLA allows it.
      *operands: the format's structure, of any integer dtypes, then x, the trace, and the bounds.
      batch: the mapped axes of `vmap`, which are in front of the operands that are mapped. Weights that aren't mapped
        are copied for each member.
      after: results of prior uses of the weights.
      **static: format, shape, transpose, encoding and clip.
    """
    data, mapped = mapped_everywhere(data, batch)
    update = partial(_update, after=after, members=number_of_members(mapped), **static)
    outputs: list[jax.Array] = vmap_over(update, mapped)(data, *operands)
    return outputs


def _update(
    data: jax.Array,
    *operands: jax.Array,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    clip: str,
    after: Sequence[jax.Array],
    members: int,
) -> list[jax.Array]:
    """The new weights of one member.

    Args:
      data: as in `stdp_update`.
      *operands: likewise.
      format: the format of the matrix.
      shape: the shape of the stored matrix.
      transpose: whether x has the events of the rows of the stored matrix, instead of its columns.
      encoding: the encoding of x.
      clip: which weights are clipped, "all" or "updated".
      after: results of prior uses of the weights.
      members: the number of members.
    """
    *structure, x, trace, lower, upper = operands
    format.validate(data, structure, shape)
    plan = _plan(format.named(structure), format, shape, transpose)
    wide = np.dtype(WIDE[data.dtype.name])
    x = _bytes(x, encoding, shape[0] if transpose else shape[1])
    numbers = [array.astype(wide).reshape(-1) for array in (trace, lower, upper)]
    call = KernelSpec(
        f"plasticity.{plan.family}",
        plan.layout,
        "entries" if data.dtype == wide else data.dtype.name,
        BINARY,
        plan.transpose,
        permuted=plan.permuted,
        shared=format is _PERMUTED,
        clip=clip,
    )
    arrays = [array.reshape(-1) for array in plan.arrays]
    seen = [READ_AS.get(array.dtype.name, array.dtype) for array in (data, *arrays, x, *numbers)]
    for i, array in enumerate(arrays):
        if i not in plan.pointers:
            seen[1 + i] = unsigned(array)
    return overwrite(
        native_kernel(call, members * max(array.size for array in (data, *arrays))),
        data,
        *arrays,
        x,
        *numbers,
        after=after,
        attributes={
            "bound": np.int64(plan.bound),
            "lines": np.int64(shape[0] if transpose else shape[1]),
            "others": np.int64(shape[1] if transpose else shape[0]),
            "width": np.int64(data.size // max(shape[0], 1)),
        },
        read_as=seen,
    )


@dataclasses.dataclass(frozen=True)
class _Plan:
    """The family of kernels, and its arrays between the weights and x.

    Of `arrays`, those at the positions `pointers` stay signed; the others are indices. `bound` is the number of
    elements of the trace that an index can reach. `transpose` is set only if the kernel depends on it.
    """

    family: str
    layout: str = ""
    arrays: tuple[jax.Array, ...] = ()
    pointers: tuple[int, ...] = ()
    bound: int = 0
    permuted: bool = False
    transpose: bool = False


def _plan(structure: Structure, format: Format, shape: Shape, transpose: bool) -> _Plan:
    if format is DENSE_FORMAT:
        return _Plan("dense", transpose=transpose)
    if format is COO_FORMAT:
        sources, targets = (structure.row, structure.col)[:: 1 if transpose else -1]
        lines, others = shape if transpose else shape[::-1]
        if reached(sources, lines) < lines:
            # Read as unsigned, negative sources would be valid rows or columns.
            sources = sources.astype(np.int32 if lines <= np.iinfo(np.int32).max else np.int64)
        starts = _line_starts(sources, lines)
        return _Plan("coordinates", "", (targets, sources, starts), (2,), reached(targets, others))
    if format.carries(CSC_INDEX) and not transpose:
        column_rows = structure.csc_indices
        arrays = (column_rows, pointers(structure.csc_indptr, column_rows.size), structure.csc_perm)
        return _Plan("rows", "csr", arrays, (1,), reached(column_rows, shape[0]), permuted=True)
    indices, indptr, bound = rows(structure, format, shape)
    layout = format.base.name
    if not transpose:
        return _Plan("scan", layout, (indices, indptr, _all_inside(indices, bound)), (1, 2), bound)
    if format is _PERMUTED:
        return _Plan("rows", layout, (indices, indptr, structure.weight_indices), (1,), bound, permuted=True)
    return _Plan("rows", layout, (indices, indptr, indices), (1,), bound)


def _bytes(x: jax.Array, encoding: Encoding, lines: int) -> jax.Array:
    """Decode events from any encoding to one boolean or byte per row (or column). As this is a separate operation,
    plasticity kernels don't depend on the encoding."""
    encoding.validate(x, lines, None, "x")
    if encoding is BINARY:
        return is_event(x)
    kernel = native_kernel(KernelSpec("plasticity.events", encoding=encoding), lines)
    out = jax.ShapeDtypeStruct((lines,), jnp.uint8)
    return native_call(kernel, x, outs=[out])[0]


def _all_inside(indices: jax.Array, reach: int) -> jax.Array:
    """1 if all indices, read as unsigned, are below `reach`, otherwise 0. XLA hoists it out of loops."""
    return native_call(
        native_kernel(KernelSpec("plasticity.inside"), indices.size),
        indices.reshape(-1),
        outs=[jax.ShapeDtypeStruct((1,), jnp.int32)],
        attributes={"reach": np.int64(reach)},
        read_as={0: unsigned(indices)},
    )[0]


def _line_starts(sources: jax.Array, lines: int) -> jax.Array:
    """Where each row (or column) begins in a list of entries, if it is sorted; see `native.plasticity.line_starts`.

    This is a separate operation so that XLA hoists it out of loops. If the list isn't sorted, it ends early.
    """
    wide = np.dtype(np.int32 if sources.size <= np.iinfo(np.int32).max else np.int64)
    out = jax.ShapeDtypeStruct((lines + 2,), wide)
    return native_call(
        native_kernel(KernelSpec("plasticity.line_starts"), sources.size),
        sources,
        outs=[out],
        read_as={0: unsigned(sources)},
    )[0]
