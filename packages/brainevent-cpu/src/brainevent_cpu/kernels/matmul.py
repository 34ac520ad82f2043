"""The primitives `matmul` and `sddmm`: which native kernel computes a call, and how its arrays reach it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import reference
from brainevent_core.encodings import BINARY, FLOAT, Encoding, is_event
from brainevent_core.formats import (
    COO_FORMAT,
    CSC_INDEX,
    CSR_FORMAT,
    DENSE_FORMAT,
    FIXED_NUM_FORMAT,
    Format,
    Shape,
    Structure,
)
from brainevent_core.plugins import Takes
from brainevent_core.primitive.vmap_axes import VmapAxis, number_mapped, number_of_members, unmapped_avals, vmap_over

from ..bridge import native_call
from ..bridge.processor import has_lanes
from ..bridge.selftest import bridge_is_usable
from .compiled import native_kernel
from .kernel_spec import ENCODINGS, KernelSpec
from .selftest import check_product
from .structure import READ_AS, WIDE, pointers, reached, readable, rows, unsigned

__all__ = ["SPARSE_FORMATS", "matmul", "native_kernel", "sddmm", "supports_matmul", "supports_sddmm"]

# Families in which each column of x and of the result is contiguous. In the others x is row-major, so that all columns
# are read with one entry of the matrix.
_VECTORS_IN_A_ROW = ("dense", "indexed")

# Families that gather an element of x for every entry of a row.
_GATHERS = ("gather", "indexed")

# The average number of entries per row below which entries of many rows are collected, see `native.scatter`.
_SHORT = 25

# For a batch of events and a dense matrix, the fraction of events above which the dense product is faster. With 32
# vectors and 4,000 x 4,000 weights, both took equally long at about 30 % (events @ A) and 8 % (A @ events).
_MANY_EVENTS = {True: 0.25, False: 0.0625}


#: The sparse formats, with the components that kernels support.
SPARSE_FORMATS = (
    COO_FORMAT,
    *(fmt for base in (CSR_FORMAT, FIXED_NUM_FORMAT) for fmt in (base, base.with_component(CSC_INDEX))),
)


def _readable_operands(first: Any, *others: Any, **params: Any) -> bool:
    return readable(first, others[:-1], others[-1])


def _sparse_somewhere(*avals: Any, format: Format, encoding: Encoding, **params: Any) -> bool:
    """Numbers times a dense matrix are left to XLA, because nothing in them is sparse."""
    if (format, encoding) == (DENSE_FORMAT, FLOAT):
        return False
    data, *structure, x = avals
    return readable(data, structure, x, works=bridge_is_usable)  # `matmul` has a self-test of its own


#: What `matmul` supports, if native kernels run at all.
supports_matmul = Takes(
    formats=(DENSE_FORMAT, *SPARSE_FORMATS), encodings=ENCODINGS, dtypes=tuple(WIDE), further=_sparse_somewhere
)

#: What `sddmm` supports; dense outer products are left to XLA.
supports_sddmm = Takes(formats=SPARSE_FORMATS, encodings=ENCODINGS, dtypes=tuple(WIDE), further=_readable_operands)


def matmul(
    data: jax.Array,
    *operands: jax.Array,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    batch: Sequence[VmapAxis] = (),
) -> list[jax.Array]:
    """`A @ x`, or `A.T @ x` if `transpose`: the primitive `matmul` of core, see there.

    Args:
      data: weights, float16, bfloat16, float32 or float64, of the format's shape, or (1,) for a homogeneous weight.
      *operands: the format's structure, of any integer dtypes, and x.
      format: the format of A.
      shape: the shape of A.
      transpose: whether to multiply by the transpose.
      encoding: the encoding of x.
      batch: the mapped axes of `vmap`, which are in front of the operands that are mapped.

    Returns:
      The product in a list, of shape (outer,) or (outer, batch) and the dtype of the weights. Half-precision weights
      are accumulated in single precision.

    Raises:
      MathError: if the arrays don't fit `shape`.
      KernelBuildError: if a kernel can't be compiled, or the self-test of products fails.
      jax.errors.JaxRuntimeError: at run time, if there is no memory for intermediate sums.
    """
    params: dict[str, Any] = {"format": format, "shape": shape, "transpose": transpose, "encoding": encoding}
    avals = unmapped_avals(tuple(batch), (data, *operands))
    work = _work(avals, number_of_members(batch))
    # The self-test is a small product with the kernel of this call.
    check_product(partial(_product, work=work), *avals, **params, per_row=_per_row(avals, format, shape))
    return _product(data, *operands, **params, batch=batch, work=work)


def _per_row(avals: Sequence[Any], format: Format, shape: Shape) -> int:
    """The number of entries per row with which a small matrix needs the same kernels."""
    entries = avals[1].size if format is not DENSE_FORMAT else 0
    return 8 if entries < _SHORT * shape[0] else 32


def _product(
    data: jax.Array,
    *operands: jax.Array,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    batch: Sequence[VmapAxis] = (),
    work: int,
) -> list[jax.Array]:
    """The product of `matmul`, with the same arguments; `work` is the result of `_work`."""
    params: dict[str, Any] = {"format": format, "shape": shape, "transpose": transpose, "encoding": encoding}

    def run(data: jax.Array, *operands: jax.Array) -> list[jax.Array]:
        *structure, x = operands
        format.validate(data, structure, shape)
        plan = _matmul_plan(format.named(structure), format, shape, transpose, encoding)
        return _run(plan, data, x, shape, transpose, encoding, work, homogeneous=format.is_homogeneous(data))

    mapped = number_mapped(batch, len(operands))
    if format is not DENSE_FORMAT or operands[-1].ndim - mapped == 1:
        return vmap_over(run, batch)(data, *operands)

    def decode(x: jax.Array) -> jax.Array:
        return encoding.decode(x, shape[0] if transpose else shape[1])

    for _ in range(mapped):
        decode = jax.vmap(decode)
    # One decision for all members, because under `vmap` a `cond` runs both branches.
    events = decode(operands[-1])
    many = jnp.count_nonzero(events) > _MANY_EVENTS[transpose] * events.size
    dense = vmap_over(lambda data, x: [reference.matmul(data, x, **params)], batch)
    return jax.lax.cond(many, dense, vmap_over(run, batch), data, *operands)


def sddmm(
    y: jax.Array,
    *operands: jax.Array,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    members: int = 1,
) -> list[jax.Array]:
    """`y[out] · x[in]` for every entry: the primitive `sddmm` of core, see there. Arguments are those of `matmul`,
    except for `members`, the number of members of a `vmap` around it.

    Returns:
      A list of one array, with one number per entry, of the format's shape for weights and the dtype of y.
    """
    *structure, x = operands
    per_entry = jax.ShapeDtypeStruct(format.weights_shape(structure, shape), y.dtype)
    format.validate(per_entry, structure, shape)
    plan = _sddmm_plan(format.named(structure), format, shape, transpose)
    work = _work((*structure, x), members)
    return _run(plan, y, x, shape, transpose, encoding, work, out_shape=per_entry.shape)


def _work(arrays: Sequence[Any], members: int) -> int:
    """How many entries a call has at most, times the columns of x (the last array) and the members of a `vmap`."""
    *matrix, x = arrays
    return members * math.prod(x.shape[1:]) * max(array.size for array in matrix)


# -- which kernel ------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Plan:
    """The family of kernels, and its arrays between the first operand and x.

    Of `arrays`, those at the positions `pointers` stay signed; the others are indices. `bound` and `reach` are the
    upper bounds of the first and second kind of index.
    """

    family: str
    layout: str
    arrays: tuple[jax.Array, ...] = ()
    pointers: tuple[int, ...] = ()
    bound: int = 0
    reach: int = 0


def _matmul_plan(structure: Structure, format: Format, shape: Shape, transpose: bool, encoding: Encoding) -> _Plan:
    if format is DENSE_FORMAT:
        return _Plan("dense", "")
    if format is COO_FORMAT:
        return _coordinates("coordinates", structure, shape, transpose)
    indices, indptr, bound = rows(structure, format, shape)
    layout = format.base.name
    if transpose:
        # Weights are in the order of entries. The indices are a placeholder for their positions, which aren't read.
        return _Plan("scatter", layout, (indices, indptr, indices), (1,), bound)
    if not format.carries(CSC_INDEX) or not encoding.selects:
        return _Plan("gather", layout, (indices, indptr), (1,), bound)
    column_rows = structure.csc_indices
    by_column = (column_rows, pointers(structure.csc_indptr, column_rows.size), structure.csc_perm)
    return _Plan("indexed", layout, (indices, indptr, *by_column), (1, 3), bound, reached(column_rows, shape[0]))


def _sddmm_plan(structure: Structure, format: Format, shape: Shape, transpose: bool) -> _Plan:
    if format is COO_FORMAT:
        return _coordinates("sddmm", structure, shape, transpose)
    indices, indptr, bound = rows(structure, format, shape)
    return _Plan("sddmm", format.base.name, (indices, indptr), (1,), bound)


def _coordinates(family: str, structure: Structure, shape: Shape, transpose: bool) -> _Plan:
    order = -1 if transpose else 1
    targets, sources = (structure.row, structure.col)[::order]
    lines, length = shape[::order]
    return _Plan(family, "", (targets, sources), (), reached(targets, lines), reached(sources, length))


# -- calling it --------------------------------------------------------------------------------------------------------


def _run(
    plan: _Plan,
    first: jax.Array,
    x: jax.Array,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    work: int,
    *,
    homogeneous: bool = False,
    out_shape: tuple[int, ...] | None = None,
) -> list[jax.Array]:
    """Call the kernel of a plan. `work` is the result of `_work`, `out_shape` the shape of one number per entry, or
    None for a product."""
    outer, inner = shape[::-1] if transpose else shape
    encoding.validate(x, inner, first.dtype, "x")
    dtype, wide = first.dtype, np.dtype(WIDE[first.dtype.name])
    batch = 1 if x.ndim == 1 else x.shape[1]
    x = _readable(x, encoding, wide)
    if homogeneous or out_shape is not None:
        first = first.astype(wide)
    # Half-precision weights are read without conversion, which halves the memory traffic.
    weights = "homogeneous" if homogeneous else "entries" if first.dtype == wide else dtype.name
    in_a_row = plan.family in _VECTORS_IN_A_ROW or (plan.family == "scatter" and encoding.selects)
    call = KernelSpec(
        plan.family,
        plan.layout,
        weights,
        encoding,
        transpose and plan.family != "coordinates",
        batch != 1,
        lanes=_looks_up_lanes(plan, inner),
    )
    kernel = native_kernel(dataclasses.replace(call, short=_has_short_rows(plan, call, inner)), work)
    size = x.shape[0]
    # Both transpositions vanish if the caller's vectors are contiguous already, as in `vectors @ A`.
    if in_a_row or encoding.dtype is not None:
        x = x.T
    # Kernels get flat arrays, which costs XLA nothing.
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
    """Whether a kernel uses SIMD gathers, whose positions have 32 bits."""
    return plan.family in _GATHERS and plan.arrays[0].dtype.itemsize <= 4 and inner < 2**31 and has_lanes()


def _has_short_rows(plan: _Plan, call: KernelSpec, inner: int) -> bool:
    """Whether a kernel that scatters all rows collects the entries of short ones."""
    one_by_one = call.batched or call.selects or call.weights not in ("entries", "homogeneous")
    return (plan.family, plan.layout) == ("scatter", "csr") and not one_by_one and plan.arrays[0].size < _SHORT * inner


def _readable(x: jax.Array, encoding: Encoding, wide: np.dtype[Any]) -> jax.Array:
    """x in a dtype that kernels read: events as booleans unless they are encoded, numbers in the dtype of sums."""
    if not encoding.event:
        return x.astype(wide)
    return is_event(x) if encoding is BINARY else x


def _read_as(arrays: list[jax.Array], plan: _Plan) -> dict[int, Any]:
    """The dtypes as which a kernel reads the first operand, the arrays of the plan, and x."""
    names = [array.dtype.name for array in arrays]
    dtypes: dict[int, Any] = {i: READ_AS[name] for i, name in enumerate(names) if name in READ_AS}
    for i, array in enumerate(plan.arrays):
        if i not in plan.pointers:
            dtypes[1 + i] = unsigned(array)
    return dtypes
