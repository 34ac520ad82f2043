"""The primitive `matmul`: which kernels compute a call, and how its arrays and sizes reach them."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.encodings import BINARY, COMPACT, FLOAT, Encoding, is_event
from brainevent_core.formats import DENSE_FORMAT, Format, Shape
from brainevent_core.plugins import Takes
from brainevent_core.primitive.vmap_axes import VmapAxis, unmapped_avals, vmap_over
from brainevent_cpu.kernels.kernel_spec import ENCODINGS
from brainevent_cpu.kernels.selftest import check_product
from brainevent_cpu.kernels.structure import WIDE

from .compiled import CompiledKernel
from .entries import FORMATS, Entries, entries_of, known_operands
from .launcher import Buffer, Launch, Plan, Pointer, Size, Zero
from .launcher.call import has_devices, planned_call
from .native.spec import CHUNK, POINTERS, SIZES, KernelSpec
from .threads import SHORT, WARPS, block_of, lanes_of

__all__ = ["LEFT_TO_XLA", "matmul", "readable", "supports_matmul"]

# What comes with a call behind `KernelSpec.sizes`: a zero for parameters that aren't used, the threads of the product,
# and the number of pointers.
_ZERO, _THREADS, _POINTERS = range(SIZES, SIZES + 3)

_tested: dict[Hashable, str | None] = {}


def _further(*avals: Any, format: Format, encoding: Encoding, **static: Any) -> bool:
    return (format, encoding) != (DENSE_FORMAT, FLOAT) and known_operands(avals, avals[1:-1])


#: What `matmul` leaves to XLA.
LEFT_TO_XLA = Takes(formats=(DENSE_FORMAT,), encodings=(FLOAT,))

#: What `matmul` takes.
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
    """`A @ x`, or `A.T @ x` if `transpose`: the primitive `matmul` of core, see there.

    Args:
      data: weights, float16, bfloat16, float32 or float64, of the format's shape, or (1,) for all.
      *operands: the format's structure, of any integer dtypes, and x.
      format: of A.
      shape: of A.
      transpose: multiply by the transpose.
      encoding: of x.
      batch: the mapped axes of `vmap`, which are in front of the operands that are mapped.
      platform: "cuda", or "cpu" for tests.

    Returns:
      The product in a list, of shape (outer,) or (outer, batch) and the dtype of the weights. Half-precision weights
      are added up in single precision.

    Raises:
      MathError: if the arrays don't fit `shape`.
      KernelBuildError: if a kernel can't be compiled, or the self-test on this device fails.
      jax.errors.JaxRuntimeError: at run time, if a kernel can't be launched.
    """
    params: dict[str, Any] = {"format": format, "shape": shape, "transpose": transpose, "encoding": encoding}
    run = functools.partial(_product, platform=platform)
    if has_devices(platform):  # nothing can be tried where programs are compiled for a machine elsewhere
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
    lines, nse = found.lines, found.nse
    share, threads = _geometry(found, batch, platform)
    pointers = lines + 1 if "pointer" in arrays else 0
    columns = min(batch, lanes_of(platform)).bit_length() - 1
    sizes = (nse, lines, found.width, found.bound, found.bound2, batch, share, columns, 0, threads, pointers)
    outs = [jax.ShapeDtypeStruct((outer * batch,), np.dtype(spec.wide))]
    if pointers:  # numbers of 64 bits in the eyes of the kernels; JAX may have none
        outs.append(jax.ShapeDtypeStruct((2 * (1 + -(-pointers // CHUNK)),), np.int32))
    # Arrays go in flat, which costs XLA nothing.
    flat = [arrays[name].reshape(-1) for name in spec.inputs]
    plan = _plan(spec, platform)
    out = planned_call(plan, *flat, outs=outs, sizes=sizes, platform=platform)[0]
    return [(out if x.ndim == 1 else out.reshape(outer, batch)).astype(data.dtype)]


_INDEX_DTYPES = (
    ("index", "indices"),
    ("index", "target"),
    ("second", "pointer"),
    ("second", "source"),
    ("perm", "perm"),
)


def readable(x: jax.Array, encoding: Encoding, length: int) -> tuple[jax.Array, Encoding]:
    """x as kernels read it, and its encoding then; it stands for so many entries."""
    if encoding is COMPACT:
        # A scatter and, in it, what makes an event that is listed twice count once.
        return encoding.decode(x, length), BINARY
    return (is_event(x) if encoding is BINARY else x), encoding


def _geometry(entries: Entries, batch: int, platform: str) -> tuple[int, int]:
    """`share`, see `KernelSpec.sizes`, and how many threads a product needs."""
    lanes, lines = lanes_of(platform), entries.lines
    if entries.strategy == "coordinates":
        return 0, entries.nse * batch
    if entries.strategy == "gather":
        per_row = entries.nse // max(lines, 1)
        # Columns of x lie side by side, and so do the threads that read them.
        alone = per_row < SHORT or batch >= lanes
        share = 0 if alone else min(lanes, per_row // 2).bit_length() - 1
        return share, (lines * batch) << share
    per_warp = min(lanes, max(1, lines // WARPS[platform]))
    return per_warp, -(-lines // per_warp) * lanes


@functools.cache
def _plan(spec: KernelSpec, platform: str) -> Plan:
    """The plan of a product: two launches if rows are bounded by pointers, and one otherwise."""
    block = block_of(platform)
    inputs = list(spec.inputs)
    position = {name: i for i, name in enumerate(spec.arrays)}
    itemsizes = [jnp.dtype(dtype).itemsize for dtype in spec.inputs.values()]
    outputs = [Buffer(jnp.dtype(spec.wide).itemsize, 1), *([Buffer(4, 1)] if "maxima" in position else [])]
    operations: list[Zero | Launch] = []

    def launch(of: KernelSpec, threads: int, lines: int) -> Launch:
        pointers: list[Pointer | Size] = [Pointer(position[name]) for name in of.arrays]
        sizes: list[Pointer | Size] = [Size(lines if name == "lines" else i) for i, name in enumerate(of.sizes)]
        unused = [[Size(_ZERO)] * (number - len(some)) for some, number in ((pointers, POINTERS), (sizes, SIZES))]
        return Launch(CompiledKernel(of), threads, block, (*pointers, *unused[0], *sizes, *unused[1]))

    if "maxima" in position:
        operations.append(Zero(position["maxima"]))
        operations.append(launch(KernelSpec("pointers", second=spec.second), _POINTERS, _POINTERS))
    if spec.strategy != "gather":
        operations.append(Zero(position["out"]))
    operations.append(launch(spec, _THREADS, spec.sizes.index("lines")))
    buffers = tuple(Buffer(itemsize, 1) for itemsize in itemsizes)
    assert len(buffers) == len(inputs)
    return Plan(spec.name, buffers, tuple(outputs), _POINTERS + 1, tuple(operations))
