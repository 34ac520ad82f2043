"""The primitive `matmul`: the selection of kernels, and how calls map to their arrays and sizes."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from typing import Any

import jax
import numpy as np

from brainevent_core.encodings import BINARY, COMPACT, FLOAT, Encoding, is_event
from brainevent_core.formats import DENSE_FORMAT, Format, Shape
from brainevent_core.plugins import Takes
from brainevent_core.primitive.vmap_axes import VmapAxis, unmapped_avals, vmap_over
from brainevent_cpu.kernels.kernel_spec import ENCODINGS
from brainevent_cpu.kernels.selftest import check_product
from brainevent_cpu.kernels.structure import WIDE

from .entries import FORMATS, entries_of, known_operands
from .launcher.call import has_devices
from .native.spec import KernelSpec
from .operations import Fill, Run, carry_out, geometry, pointer_runs
from .threads import lanes_of

__all__ = ["LEFT_TO_XLA", "matmul", "readable", "supports_matmul"]

_tested: dict[Hashable, str | None] = {}


def _further(*avals: Any, format: Format, encoding: Encoding, **static: Any) -> bool:
    return (format, encoding) != (DENSE_FORMAT, FLOAT) and known_operands(avals, avals[1:-1])


#: The calls that `matmul` leaves to XLA.
LEFT_TO_XLA = Takes(formats=(DENSE_FORMAT,), encodings=(FLOAT,))

#: The calls that `matmul` supports.
supports_matmul = Takes(formats=FORMATS, encodings=ENCODINGS, dtypes=tuple(WIDE), further=_further)


def matmul(
    data: jax.Array,
    *operands: jax.Array,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    batch: Sequence[VmapAxis] = (),
    platform: str,
) -> list[jax.Array]:
    """`A @ x`, or `A.T @ x` if `transpose`, as the primitive `matmul` of core defines it.

    Args:
      data: weights, float16, bfloat16, float32 or float64, of the format's shape, or (1,) if homogeneous.
      *operands: the format's structure, of any integer dtypes, and x.
      format: of A.
      shape: of A.
      transpose: multiply by the transpose.
      encoding: of x.
      batch: the mapped axes of `vmap`, which are in front of the operands that are mapped.
      platform: "cuda", or "cpu" for tests.

    Returns:
      The product in a list, of shape (outer,) or (outer, batch) and the dtype of the weights. Half-precision weights
      are accumulated in single precision.

    Raises:
      MathError: if the arrays don't fit `shape`.
      KernelBuildError: if a kernel can't be compiled, or the self-test on this device fails.
      jax.errors.JaxRuntimeError: at run time, if a kernel can't be launched.
    """
    params: dict[str, Any] = {"format": format, "shape": shape, "transpose": transpose, "encoding": encoding}
    run = functools.partial(_product, platform=platform)
    if has_devices(platform):  # no test in a process that compiles for another machine
        avals = unmapped_avals(tuple(batch), (data, *operands))
        key = (platform, str(format), transpose)
        check_product(run, *avals, **params, per_row=40, platform=platform, found=_tested, key=key)
    return vmap_over(functools.partial(run, **params), batch)(data, *operands)


def _product(
    data: jax.Array,
    *operands: jax.Array,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    platform: str,
) -> list[jax.Array]:
    """The product of unmapped operands."""
    *structure, x = operands
    format.validate(data, structure, shape)
    outer, inner = shape[::-1] if transpose else shape
    encoding.validate(x, inner, data.dtype, "x")
    homogeneous = format.is_homogeneous(data)
    found = entries_of(format.named(structure), format, shape, transpose, encoding, permutes=not homogeneous)
    x, encoding = readable(x, encoding, inner)
    batch = 1 if x.ndim == 1 else x.shape[1]
    arrays = {"data": data, **found.arrays, "x": x}
    spec = KernelSpec(
        found.strategy,
        found.layout,
        value=data.dtype.name,
        homogeneous=homogeneous,
        permuted="perm" in arrays,
        encoding=encoding,
        batched=batch != 1,
        **found.dtypes,
    )
    first, made, pointers = pointer_runs(arrays)
    sizes = {
        **geometry(found, platform, batch=batch, whole=True),
        "batch": batch,
        "columns": min(batch, lanes_of(platform)).bit_length() - 1,
        "pointers": pointers,
    }
    # Arrays are passed flat; these reshapes are free in XLA.
    inputs = {name: array.reshape(-1) for name, array in arrays.items()}
    outs = {"out": jax.ShapeDtypeStruct((outer * batch,), np.dtype(spec.wide)), **made}
    added = [Fill("out")] if found.strategy != "gather" else []  # a gather writes every sum
    out = carry_out([*first, *added, Run(spec)], inputs, outs, sizes, platform=platform)[0]
    return [(out if x.ndim == 1 else out.reshape(outer, batch)).astype(data.dtype)]


def readable(x: jax.Array, encoding: Encoding, length: int) -> tuple[jax.Array, Encoding]:
    """x in a form that kernels can read, and its new encoding; `length` is the number of encoded entries."""
    if encoding is COMPACT:
        # Decoding is a scatter, in which an event that is listed twice counts once.
        return encoding.decode(x, length), BINARY
    return (is_event(x) if encoding is BINARY else x), encoding
