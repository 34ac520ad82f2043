"""The primitives `matmul` and `sddmm`: which native kernel computes a call, and how its arrays reach it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import reference
from brainevent_core.formats import get_format, get_operand, is_event
from brainevent_core.primitive.vmap_axes import VmapAxis, axes_in_front, over_levels

from ..bridge import native_call
from ..bridge.processor import has_lanes
from .compiled import native_kernel
from .kernel_spec import KernelSpec
from .structure import READ_AS, WIDE, pointers, reached, readable, rows, unsigned

__all__ = ["matmul", "native_kernel", "sddmm", "supports_matmul", "supports_sddmm"]

# Families whose vectors stand behind each other, with the results in the same order. In the others the columns of x
# stand side by side, so that all of them are read with one entry of the matrix.
_VECTORS_IN_A_ROW = ("dense", "indexed")

# Families that read a number for every entry of a row.
_GATHERS = ("gather", "indexed")

# Entries of a row, on average, below which those of many rows are collected, see `native.scatter`.
_SHORT = 25

# Of a batch of events with a dense matrix, the share above which a product that meets the zeros, too, is faster. With
# 32 vectors and 4,000 x 4,000 weights both were even at about 30 % (events @ A) and 8 % (A @ events).
_MANY_EVENTS = {True: 0.25, False: 0.0625}


def supports_matmul(*avals: Any, format: str, **params: Any) -> bool:
    """Whether `matmul` takes operands of these abstract values, and native kernels run at all.

    Numbers times a dense matrix are left to XLA: they have nothing sparse in them.
    """
    return (format, params["operand"]) != ("dense", "float") and _supports(*avals, format=format)


def supports_sddmm(*avals: Any, format: str, **params: Any) -> bool:
    """Whether `sddmm` takes operands of these abstract values; dense outer products are left to XLA."""
    return format != "dense" and _supports(*avals, format=format)


def _supports(first: Any, *others: Any, format: str) -> bool:
    return get_format(format).slots is None and readable(first, others[:-1], others[-1])


def matmul(
    data: jax.Array,
    *operands: jax.Array,
    format: str,
    shape: tuple[int, int],
    transpose: bool,
    operand: str,
    batch: Sequence[VmapAxis] = (),
) -> list[jax.Array]:
    """`A @ x`, or `A.T @ x` if `transpose`: the primitive `matmul` of core, see there.

    Args:
      data: weights, float16, bfloat16, float32 or float64, of the format's shape, or (1,) for all.
      *operands: the format's structure, of any integer dtypes, and x.
      format: of A.
      shape: of A.
      transpose: multiply by the transpose.
      operand: the encoding of x.
      batch: the levels of `vmap`, whose axes are in front of the operands that are mapped.

    Returns:
      The product in a list, of shape (outer,) or (outer, batch) and the dtype of the weights. Half-precision weights
      are added up in single precision.

    Raises:
      MathError: if the arrays don't fit `shape`.
      jax.errors.JaxRuntimeError: at run time, if there is no memory for intermediate sums.
    """
    params: dict[str, Any] = {"format": format, "shape": shape, "transpose": transpose, "operand": operand}

    def run(data: jax.Array, *operands: jax.Array) -> list[jax.Array]:
        *structure, x = operands
        fmt = get_format(format)
        fmt.validate(data, structure, shape)
        plan = _matmul_plan(structure, format, shape, transpose, operand)
        return _run(plan, data, x, shape, transpose, operand, homogeneous=fmt.is_homogeneous(data))

    mapped = axes_in_front(batch, len(operands))
    if get_format(format).base != "dense" or operands[-1].ndim - mapped == 1:
        return over_levels(run, batch)(data, *operands)

    def decode(x: jax.Array) -> jax.Array:
        return get_operand(operand).decode(x, shape[0] if transpose else shape[1])

    for _ in range(mapped):
        decode = jax.vmap(decode)
    # One decision for all members: under vmap both ways would run.
    events = decode(operands[-1])
    many = jnp.count_nonzero(events) > _MANY_EVENTS[transpose] * events.size
    dense = over_levels(lambda data, x: [reference.matmul(data, x, **params)], batch)
    return jax.lax.cond(many, dense, over_levels(run, batch), data, *operands)


def sddmm(
    y: jax.Array, *operands: jax.Array, format: str, shape: tuple[int, int], transpose: bool, operand: str
) -> list[jax.Array]:
    """`y[out] · x[in]` for every entry: the primitive `sddmm` of core, see there; arguments as in `matmul`.

    Returns:
      One number per entry in a list, of the format's shape for weights and the dtype of y.
    """
    *structure, x = operands
    fmt = get_format(format)
    per_entry = jax.ShapeDtypeStruct(fmt.data_shape(structure, shape), y.dtype)
    fmt.validate(per_entry, structure, shape)
    plan = _sddmm_plan(structure, format, shape, transpose)
    return _run(plan, y, x, shape, transpose, operand, out_shape=per_entry.shape)


# -- which kernel ------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Plan:
    """Which family of kernels, and the arrays that it takes between the first operand and x.

    Of `arrays`, those at the positions `pointers` keep their sign; the others are indices. `bound` and `reach` are the
    numbers of lines that the first and second kind of index reach.
    """

    family: str
    layout: str
    arrays: tuple[jax.Array, ...] = ()
    pointers: tuple[int, ...] = ()
    bound: int = 0
    reach: int = 0


def _matmul_plan(structure: list[Any], format: str, shape: tuple[int, int], transpose: bool, operand: str) -> _Plan:
    base = get_format(format).base
    if base == "dense":
        return _Plan("dense", "")
    if base == "coo":
        return _coordinates("coordinates", structure, shape, transpose)
    indices, indptr, bound = rows(structure, base, shape)
    if transpose:
        # Weights are in the order of indices, which stand in for weight indices, unread.
        return _Plan("scatter", base, (indices, indptr, indices), (1,), bound)
    if format == base or not get_operand(operand).selects:
        return _Plan("gather", base, (indices, indptr), (1,), bound)
    column_rows, column_pointers, perm = structure[-3:]
    by_column = (column_rows, pointers(column_pointers, column_rows.size), perm)
    return _Plan("indexed", base, (indices, indptr, *by_column), (1, 3), bound, reached(column_rows, shape[0]))


def _sddmm_plan(structure: list[Any], format: str, shape: tuple[int, int], transpose: bool) -> _Plan:
    base = get_format(format).base
    if base == "coo":
        return _coordinates("sddmm", structure, shape, transpose)
    indices, indptr, bound = rows(structure, base, shape)
    return _Plan("sddmm", base, (indices, indptr), (1,), bound)


def _coordinates(family: str, structure: list[Any], shape: tuple[int, int], transpose: bool) -> _Plan:
    order = -1 if transpose else 1
    targets, sources = structure[::order]
    lines, length = shape[::order]
    return _Plan(family, "", (targets, sources), (), reached(targets, lines), reached(sources, length))


# -- calling it --------------------------------------------------------------------------------------------------------


def _run(
    plan: _Plan,
    first: jax.Array,
    x: jax.Array,
    shape: tuple[int, int],
    transpose: bool,
    operand: str,
    *,
    homogeneous: bool = False,
    out_shape: tuple[int, ...] | None = None,
) -> list[jax.Array]:
    """Call the kernel of a plan; `out_shape` is that of one number per entry, None for a product."""
    outer, inner = shape[::-1] if transpose else shape
    encoding = get_operand(operand)
    encoding.validate(x, inner, first.dtype, "x")
    dtype, wide = first.dtype, np.dtype(WIDE[first.dtype.name])
    batch = 1 if x.ndim == 1 else x.shape[1]
    x = _readable(x, operand, wide)
    if homogeneous or out_shape is not None:
        first = first.astype(wide)
    # Weights in half precision are read as they are: half the traffic.
    weights = "homogeneous" if homogeneous else "entries" if first.dtype == wide else dtype.name
    in_a_row = plan.family in _VECTORS_IN_A_ROW or (plan.family == "scatter" and encoding.selects)
    call = KernelSpec(
        plan.family,
        plan.layout,
        weights,
        operand,
        transpose and plan.family != "coordinates",
        batch != 1,
        lanes=_looks_up_lanes(plan, inner),
    )
    kernel = native_kernel(dataclasses.replace(call, short=_has_short_rows(plan, call, inner)))
    size = x.shape[0]
    # Both transpositions vanish where the caller's vectors stand behind each other already, as in `vectors @ A`.
    if in_a_row or encoding.dtype is not None:
        x = x.T
    # Arrays go in flat, which costs XLA nothing.
    arrays = [array.reshape(-1) for array in (first, *plan.arrays, x)]
    (out,) = native_call(
        kernel,
        *arrays,
        outs=[jax.ShapeDtypeStruct((outer * batch,) if out_shape is None else (int(np.prod(out_shape)),), wide)],
        attributes={
            "batch": np.int64(batch),
            "bound": np.int64(plan.bound),
            "inner": np.int64(inner),
            "outer": np.int64(outer),
            "reach": np.int64(plan.reach),
            "size": np.int64(size),
            "width": np.int64(shape[1] if plan.layout == "" else plan.arrays[0].size // max(shape[0], 1)),
        },
        read_as=_read_as(arrays, plan),
    )
    if out_shape is not None:
        out = out.reshape(out_shape)
    elif x.ndim == 2:
        out = out.reshape(batch, outer).T if in_a_row else out.reshape(outer, batch)
    return [out.astype(dtype)]


def _looks_up_lanes(plan: _Plan, inner: int) -> bool:
    """Whether a kernel looks up vectors of numbers; their places have 32 bits."""
    return plan.family in _GATHERS and plan.arrays[0].dtype.itemsize <= 4 and inner < 2**31 and has_lanes()


def _has_short_rows(plan: _Plan, call: KernelSpec, inner: int) -> bool:
    """Whether a kernel collects entries of short rows, all of which it scatters."""
    one_by_one = call.batched or call.selects or call.weights not in ("entries", "homogeneous")
    return (plan.family, plan.layout) == ("scatter", "csr") and not one_by_one and plan.arrays[0].size < _SHORT * inner


def _readable(x: jax.Array, operand: str, wide: np.dtype[Any]) -> jax.Array:
    """x in a dtype that kernels read: events as booleans unless they are encoded, numbers as sums are."""
    if not get_operand(operand).event:
        return x.astype(wide)
    return is_event(x) if operand == "binary" else x


def _read_as(arrays: list[jax.Array], plan: _Plan) -> dict[int, Any]:
    """The dtypes as which a kernel reads the first operand, the arrays of the plan, and x."""
    names = [array.dtype.name for array in arrays]
    dtypes: dict[int, Any] = {i: READ_AS[name] for i, name in enumerate(names) if name in READ_AS}
    for i, array in enumerate(plan.arrays):
        if i not in plan.pointers:
            dtypes[1 + i] = unsigned(array)
    return dtypes
