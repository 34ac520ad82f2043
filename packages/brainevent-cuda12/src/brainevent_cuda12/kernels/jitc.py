"""Just-in-time connectivity: kernels of the primitives `jitc_matmul`, `jitc_to_dense` and `jitc_to_coo`, and how calls
map to their arrays and sizes."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.encodings import Encoding
from brainevent_core.formats import Shape
from brainevent_core.jitc import ConnectionRule, block_size, cells, gap_tables
from brainevent_core.plugins import Takes
from brainevent_core.primitive.vmap_axes import VmapAxis, unmapped_avals, vmap_over
from brainevent_cpu.kernels.kernel_spec import ENCODINGS
from brainevent_cpu.kernels.selftest import check_once
from brainevent_cpu.kernels.structure import WIDE

from .jitc_selftest import coo_is_right, dense_is_right, product_is_right
from .launcher.call import has_devices
from .matmul import readable
from .native.jitc.spec import LAWS, JitcSpec
from .operations import Fill, Run, carry_out
from .threads import WARPS, lanes_of

__all__ = ["matmul", "supports_matmul", "supports_writing", "to_coo", "to_dense"]

_tested: dict[Hashable, str | None] = {}


def _at_known_sizes(*avals: Any, shape: Shape, nse: int = 0, **_: Any) -> bool:
    return all(isinstance(size, int) for aval in avals for size in (*aval.shape, *shape, nse))


def _from_the_first_column(data: Any, seed: Any, offset: Any, *others: Any, **static: Any) -> bool:
    """Whether the matrix begins at column 0 of the network; only windows have a second offset, for the column."""
    return offset.shape[-1] == 1 and _at_known_sizes(data, seed, offset, *others, **static)


#: The calls that `matmul` supports.
supports_matmul = Takes(laws=LAWS, encodings=ENCODINGS, dtypes=tuple(WIDE), further=_from_the_first_column)

#: The calls that `to_dense` and `to_coo` support; draws are the same for all laws.
supports_writing = Takes(laws=LAWS, further=_at_known_sizes)


def matmul(
    *operands: jax.Array,
    rule: ConnectionRule,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    batch: Sequence[VmapAxis] = (),
    platform: str,
) -> list[jax.Array]:
    """`A @ x`, or `A.T @ x` if `transpose`, as the primitive `jitc_matmul` of core defines it.

    Args:
      *operands: parameters of the weights, float16, bfloat16, float32 or float64; the seed; the row of the network at
        which A begins; and x.
      rule: the law of the weights, and the connection probability.
      shape: of A.
      transpose: multiply by the transpose.
      encoding: of x.
      batch: the mapped axes of `vmap`, which are in front of the operands that are mapped.
      platform: "cuda", or "cpu" for tests.

    Returns:
      The product in a list, of shape (outer,) or (outer, batch) and the dtype of the parameters. Half-precision
      products are computed in single precision.

    Raises:
      MathError: if x doesn't fit `shape`.
      KernelBuildError: if a kernel can't be compiled, or the self-test on this device fails.
      jax.errors.JaxRuntimeError: at run time, if a kernel can't be launched.
    """
    params: dict[str, Any] = {"rule": rule, "transpose": transpose, "encoding": encoding}
    run = functools.partial(_product, platform=platform)
    if has_devices(platform):  # no test in a process that compiles for another machine
        avals = unmapped_avals(tuple(batch), operands)
        what = f"a small {'scatter' if transpose else 'gather'} of generated connectivity"
        small = functools.partial(product_is_right, run, avals[0], avals[-1], platform=platform, **params)
        check_once(_tested, (platform, rule.law, transpose), what, small)
    return vmap_over(functools.partial(run, shape=shape, **params), batch)(*operands)


def _product(
    data: jax.Array,
    seed: jax.Array,
    offset: jax.Array,
    x: jax.Array,
    *,
    rule: ConnectionRule,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    platform: str,
) -> list[jax.Array]:
    """The product of unmapped operands."""
    outer, inner = shape[::-1] if transpose else shape
    encoding.validate(x, inner, data.dtype, "x")
    given, encoding = readable(x, encoding, inner)
    batch = 1 if x.ndim == 1 else x.shape[1]
    geometry = (_scatter_geometry if transpose else _gather_geometry)(rule.prob, shape, batch, platform)
    split = not transpose and geometry.parts > 1
    strategy = "jitc_scatter" if transpose else "jitc_gather"
    spec = _spec(
        strategy, rule, law=rule.law, value=data.dtype.name, encoding=encoding, batched=batch != 1, split=split
    )
    out = jax.ShapeDtypeStruct((outer * batch,), np.dtype(spec.wide))
    # Arrays are passed flat; these reshapes are free in XLA.
    arrays = (data, seed, offset, _tables(rule), given.reshape(-1))
    sizes = {"batch": batch, "columns": _columns(batch, platform)}
    zeroed = transpose or split
    (product,) = _launched(spec, arrays, [out], rule, shape, geometry, platform=platform, zeroed=zeroed, **sizes)
    return [(product if x.ndim == 1 else product.reshape(outer, batch)).astype(data.dtype)]


def to_dense(
    *operands: jax.Array, rule: ConnectionRule, shape: Shape, batch: Sequence[VmapAxis] = (), platform: str
) -> list[jax.Array]:
    """A window of the network, as the primitive `jitc_to_dense` of core defines it.

    Args:
      *operands: the seed; row and column of the network at which the window begins.
      rule: the connection probability.
      shape: of the window.
      batch: the mapped axes of `vmap`.
      platform: "cuda", or "cpu" for tests.

    Returns:
      Whether each element is a connection, and the draw for its weight (0 if there is no connection).

    Raises:
      KernelBuildError: if a kernel can't be compiled, or the self-test on this device fails.
      jax.errors.JaxRuntimeError: at run time, if a kernel can't be launched.
    """
    run = functools.partial(_window, rule=rule, platform=platform)
    if has_devices(platform):
        small = functools.partial(dense_is_right, run, rule, platform=platform)
        check_once(_tested, (platform, "dense"), "a small window of generated connectivity", small)
    return vmap_over(functools.partial(run, shape=shape), batch)(*operands)


def to_coo(
    *operands: jax.Array, rule: ConnectionRule, shape: Shape, nse: int, batch: Sequence[VmapAxis] = (), platform: str
) -> list[jax.Array]:
    """The connections of a matrix in row-major order, as the primitive `jitc_to_coo` of core defines it.

    Args:
      *operands: the seed; the row of the network at which the matrix begins.
      rule: the connection probability.
      shape: of the matrix.
      nse: capacity of the list of connections.
      batch: the mapped axes of `vmap`.
      platform: "cuda", or "cpu" for tests.

    Returns:
      The number of connections of each row; the columns and draws of the first `nse` connections, padded with the
      column `shape[1]` and the draw 0.

    Raises:
      KernelBuildError: if a kernel can't be compiled, or the self-test on this device fails.
      jax.errors.JaxRuntimeError: at run time, if a kernel can't be launched.
    """
    run = functools.partial(_entries, rule=rule, platform=platform)
    if has_devices(platform):
        small = functools.partial(coo_is_right, run, rule, platform=platform)
        check_once(_tested, (platform, "coo"), "a small list of generated connectivity", small)
    return vmap_over(functools.partial(run, shape=shape, nse=nse), batch)(*operands)


def _window(
    seed: jax.Array, offset: jax.Array, *, rule: ConnectionRule, shape: Shape, platform: str
) -> list[jax.Array]:
    rows, length = shape
    # A window can begin inside a block, and then extends into one more block.
    blocks = -(-length // block_size(rule.prob)) + 1 if length else 0
    geometry = _writing_geometry(rule.prob, shape, blocks, platform)
    outs = [jax.ShapeDtypeStruct((rows * length,), dtype) for dtype in (jnp.bool_, jnp.uint32)]
    arrays = seed, offset, _tables(rule)
    spec = _spec("jitc_dense", rule)
    found = _launched(spec, arrays, outs, rule, shape, geometry, platform=platform, zeroed=True, nse=0)
    return [one.reshape(shape) for one in found]


def _entries(
    seed: jax.Array, offset: jax.Array, *, rule: ConnectionRule, shape: Shape, nse: int, platform: str
) -> list[jax.Array]:
    rows, length = shape
    geometry = _writing_geometry(rule.prob, shape, -(-length // block_size(rule.prob)), platform)
    run = functools.partial(_launched, rule=rule, shape=shape, geometry=geometry, nse=nse, platform=platform)
    arrays, blocks = (seed, offset, _tables(rule)), geometry.parts * geometry.turns
    (per_block,) = run(_spec("jitc_count", rule), arrays, [jax.ShapeDtypeStruct((rows * blocks,), jnp.int32)])
    counts = per_block.reshape(rows, blocks).sum(axis=1, dtype=jnp.int32)
    if nse == 0:
        return [counts, jnp.zeros(0, jnp.int32), jnp.zeros(0, jnp.uint32)]
    before = jnp.cumsum(per_block, dtype=jnp.int32) - per_block
    outs = [jax.ShapeDtypeStruct((nse,), dtype) for dtype in (jnp.int32, jnp.uint32)]
    columns, drawn = run(_spec("jitc_list", rule), (*arrays, before), outs, zeroed=True)
    return [counts, columns + jnp.int32(length), drawn]


def _spec(strategy: str, rule: ConnectionRule, **facts: Any) -> JitcSpec:
    return JitcSpec(strategy, digits=len(gap_tables(rule.prob)), cells=cells(rule.prob), **facts)


def _tables(rule: ConnectionRule) -> jax.Array:
    return jnp.asarray(gap_tables(rule.prob)).reshape(-1)


class _Geometry(NamedTuple):
    """How the blocks of all rows are distributed, see `JitcSpec.sizes`, and the number of threads."""

    parts: int
    turns: int
    share: int
    threads: int


def _columns(batch: int, platform: str) -> int:
    """log2 of the lanes for the columns of x: one per column, rounded up to a power of two, at most a warp."""
    return (min(max(batch, 1), lanes_of(platform)) - 1).bit_length()


def _gather_geometry(prob: float, shape: Shape, batch: int, platform: str) -> _Geometry:
    rows, length = shape
    lanes = lanes_of(platform)
    share = (lanes if batch != 1 else _lanes_for(prob, length, lanes)).bit_length() - 1
    groups = rows * (-(-batch >> _columns(batch, platform)) if batch != 1 else 1)
    return _shared(groups, share, -(-length // block_size(prob)), lanes, platform)


def _writing_geometry(prob: float, shape: Shape, blocks: int, platform: str) -> _Geometry:
    lanes = lanes_of(platform)
    return _shared(shape[0], _lanes_for(prob, shape[1], lanes).bit_length() - 1, blocks, lanes, platform)


def _lanes_for(prob: float, length: int, lanes: int) -> int:
    """How many lanes take the steps of a block at once: half as many as it has connections on average, because some of
    the last lanes end up beyond the end of the block."""
    return min(lanes, max(1, int(min(block_size(prob), length) * prob) // 2))


def _shared(groups: int, share: int, blocks: int, lanes: int, platform: str) -> _Geometry:
    """Distribute the blocks of each row over as many groups of lanes as are needed to keep the device busy."""
    busy = WARPS[platform] * lanes
    parts = max(1, min(blocks, busy // max(groups << share, 1)))
    return _Geometry(parts, -(-blocks // parts), share, groups * parts << share)


def _scatter_geometry(prob: float, shape: Shape, batch: int, platform: str) -> _Geometry:
    rows, length = shape
    lanes, warps, blocks = lanes_of(platform), WARPS[platform], -(-length // block_size(prob))
    per_warp = min(lanes, max(1, rows // warps))
    # Few rows are active, and the warps of the others are idle, so the blocks of a row are split among warps even if
    # there are rows enough for all warps.
    parts = max(1, min(blocks, 4 * warps // max(1, min(rows, warps))))
    threads = -(-rows // per_warp) * parts * lanes if blocks and batch else 0
    return _Geometry(parts, -(-blocks // parts), per_warp, threads)


def _launched(
    spec: JitcSpec,
    arrays: Sequence[jax.Array],
    outs: Sequence[jax.ShapeDtypeStruct],
    rule: ConnectionRule,
    shape: Shape,
    geometry: _Geometry,
    *,
    platform: str,
    zeroed: bool = False,
    **sizes: int,
) -> list[jax.Array]:
    """Launch a kernel and return its outputs. `sizes` are those that not all kernels have. `zeroed` fills the outputs
    with zeros first, for kernels that accumulate or don't write all elements."""
    rows, length = shape
    common = {"lines": rows, "length": length, "block": block_size(rule.prob), **geometry._asdict()}
    made = dict(zip(spec.outputs, outs, strict=True))
    fills = map(Fill, made if zeroed else ())
    inputs = dict(zip(spec.inputs, arrays, strict=True))
    return carry_out([*fills, Run(spec)], inputs, made, {**common, **sizes}, platform=platform)
