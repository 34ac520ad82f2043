"""The primitive `stdp_update`: which native kernel changes the weights, and how its arrays reach it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.formats import COLUMN_INDEX, get_format, get_operand, is_event
from brainevent_core.primitive.vmap_axes import VmapAxis, axes_in_front, over_levels, sizes

from ..bridge import native_call
from .compiled import native_kernel
from .in_place import overwrite
from .kernel_spec import KernelSpec
from .structure import READ_AS, WIDE, pointers, reached, readable, rows, unsigned

__all__ = ["stdp_update", "supports_stdp_update"]

_FORMATS = ("dense", "coo", "csr", "csr_indexed", "csr_slots", "fixed_num", "fixed_num_indexed")


def supports_stdp_update(data: Any, *operands: Any, format: str, transpose: bool, **_: Any) -> bool:
    """Whether `stdp_update` takes operands of these abstract values, and native kernels run at all.

    A scan for the events of columns meets weights in the order of entries, so those in another order are declined.
    """
    scanned_permuted = format == "csr_slots" and not transpose
    return format in _FORMATS and not scanned_permuted and readable(data, operands[:-4], *operands[-4:])


def stdp_update(
    data: jax.Array,
    *operands: jax.Array,
    batch: Sequence[VmapAxis] = (),
    after: Sequence[jax.Array] = (),
    **static: Any,
) -> list[jax.Array]:
    """New weights: the primitive `stdp_update` of core, see there.

    Args:
      data: weights, float16, bfloat16, float32 or float64, of the format's shape; overwritten if XLA lets us.
      *operands: the format's structure, of any integer dtypes, then x, the trace, and the bounds.
      batch: the levels of `vmap`, whose axes are in front of the operands that are mapped. Weights that aren't mapped
        are copied for each member.
      after: what has been computed from the weights before.
      **static: format, shape, transpose, operand and clip.
    """
    front = [level.size if level.mapped[0] else 1 for level in batch]
    inner = data.shape[axes_in_front(batch, 0) :]
    data = jnp.broadcast_to(data.reshape(*front, *inner), (*sizes(batch), *inner))
    levels = [VmapAxis(level.size, (True, *level.mapped[1:])) for level in batch]
    return over_levels(lambda *unmapped: _update(*unmapped, after=after, **static), levels)(data, *operands)


def _update(
    data: jax.Array,
    *operands: jax.Array,
    format: str,
    shape: tuple[int, int],
    transpose: bool,
    operand: str,
    clip: str,
    after: Sequence[jax.Array],
) -> list[jax.Array]:
    """The new weights of one member.

    Args:
      data: as in `stdp_update`.
      *operands: likewise.
      format: of the matrix.
      shape: of what is stored.
      transpose: whether x has the events of the rows of what is stored, rather than of its columns.
      operand: the encoding of x.
      clip: which weights are clipped, "all" or "updated".
      after: what has been computed from the weights before.
    """
    *structure, x, trace, lower, upper = operands
    get_format(format).validate(data, structure, shape)
    plan = _plan(structure, format, shape, transpose)
    wide = np.dtype(WIDE[data.dtype.name])
    x = _bytes(x, operand, shape[0] if transpose else shape[1])
    numbers = [array.astype(wide).reshape(-1) for array in (trace, lower, upper)]
    call = KernelSpec(
        f"plasticity.{plan.family}",
        plan.layout,
        "entries" if data.dtype == wide else data.dtype.name,
        "binary",
        plan.transpose,
        permuted=plan.permuted,
        shared=format == "csr_slots",
        clip=clip,
    )
    arrays = [array.reshape(-1) for array in plan.arrays]
    seen = [READ_AS.get(array.dtype.name, array.dtype) for array in (data, *arrays, x, *numbers)]
    for i, array in enumerate(arrays):
        if i not in plan.pointers:
            seen[1 + i] = unsigned(array)
    new = overwrite(
        native_kernel(call),
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
    return [new]


@dataclasses.dataclass(frozen=True)
class _Plan:
    """Which family of kernels, and the arrays that it takes between the weights and x.

    Of `arrays`, those at the positions `pointers` keep their sign; the others are indices. `bound` is the number of
    lines of the trace that an index reaches. `transpose` where the kernel depends on it.
    """

    family: str
    layout: str = ""
    arrays: tuple[jax.Array, ...] = ()
    pointers: tuple[int, ...] = ()
    bound: int = 0
    permuted: bool = False
    transpose: bool = False


def _plan(structure: list[Any], format: str, shape: tuple[int, int], transpose: bool) -> _Plan:
    fmt = get_format(format)
    base = fmt.base
    if base == "dense":
        return _Plan("dense", transpose=transpose)
    if base == "coo":
        sources, targets = structure if transpose else structure[::-1]
        lines, others = shape if transpose else shape[::-1]
        if reached(sources, lines) < lines:
            # Read as unsigned, a negative one of them would be a line.
            sources = sources.astype(np.int32 if lines <= np.iinfo(np.int32).max else np.int64)
        starts = _line_starts(sources, lines)
        return _Plan("coordinates", "", (targets, sources, starts), (2,), reached(targets, others))
    if COLUMN_INDEX[-1] in fmt.structure and not transpose:
        column_rows, column_pointers, perm = structure[-3:]
        arrays = (column_rows, pointers(column_pointers, column_rows.size), perm)
        return _Plan("rows", "csr", arrays, (1,), reached(column_rows, shape[0]), permuted=True)
    indices, indptr, bound = rows(structure, base, shape)
    if not transpose:
        return _Plan("scan", base, (indices, indptr, _all_inside(indices, bound)), (1, 2), bound)
    if format == "csr_slots":
        return _Plan("rows", base, (indices, indptr, structure[2]), (1,), bound, permuted=True)
    return _Plan("rows", base, (indices, indptr, indices), (1,), bound)


def _bytes(x: jax.Array, operand: str, lines: int) -> jax.Array:
    """Whether each line has an event, from any encoding: as an operation of its own, it needs no other kernels."""
    get_operand(operand).validate(x, lines, None, "x")
    if operand == "binary":
        return is_event(x)
    kernel = native_kernel(KernelSpec("plasticity.events", operand=operand))
    out = jax.ShapeDtypeStruct((lines,), jnp.uint8)
    return native_call(kernel, x, outs=[out])[0]


def _all_inside(indices: jax.Array, reach: int) -> jax.Array:
    """1 if all indices, read as unsigned, are below `reach`, otherwise 0. XLA hoists it out of loops."""
    return native_call(
        native_kernel(KernelSpec("plasticity.inside")),
        indices.reshape(-1),
        outs=[jax.ShapeDtypeStruct((1,), jnp.int32)],
        attributes={"reach": np.int64(reach)},
        read_as={0: unsigned(indices)},
    )[0]


def _line_starts(sources: jax.Array, lines: int) -> jax.Array:
    """Where each line begins in a list of entries, if the list is sorted; see `native.plasticity.line_starts`.

    As an operation of its own, it is hoisted out of loops by XLA. Where the list is in any other order it ends early.
    """
    wide = np.dtype(np.int32 if sources.size <= np.iinfo(np.int32).max else np.int64)
    out = jax.ShapeDtypeStruct((lines + 2,), wide)
    return native_call(
        native_kernel(KernelSpec("plasticity.line_starts")),
        sources,
        outs=[out],
        read_as={0: unsigned(sources)},
    )[0]
