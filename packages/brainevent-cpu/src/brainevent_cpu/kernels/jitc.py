"""Just-in-time connectivity: kernels of the primitives `jitc_matmul`, `jitc_to_dense` and `jitc_to_coo`."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import brainevent_core.jitc
from brainevent_core.encodings import Encoding
from brainevent_core.formats import Shape
from brainevent_core.jitc import NORMAL, SCALAR, UNIFORM, ConnectionRule, block_size, gap_tables
from brainevent_core.plugins import Takes

from ..bridge import NativeKernel, native_call
from ..bridge.processor import has_lanes
from ..bridge.selftest import bridge_works
from ..bridge.thread_settings import is_worth_a_thread
from .kernel_spec import ENCODINGS
from .native.jitc.work import ENTRIES_PER_CONNECTION
from .sources import sources_of
from .structure import WIDE

__all__ = ["elements", "entries", "matmul", "supports_matmul", "supports_writing"]

# From how many rows on it is faster to walk along 16 rows at once, even if the others are idle.
_LINES_AT_ONCE = 8

# From how many connections per block on it is faster to look up gaps in SIMD vectors, although some are wasted: this
# takes 0.7 of the time with 400 connections, 0.83 with 50 or 100, and 1.08 with 20.
_CONNECTIONS_AT_ONCE = 32


def _sources(module: str) -> tuple[str, ...]:
    """The source files of the machine code of a module of `native.jitc`, including the constants of core's stream."""
    core = Path(brainevent_core.jitc.__file__)
    stream = (str(core.with_name(name)) for name in ("draws.py", "alias_tables.py"))
    return (*sources_of(f"jitc.{module}"), *stream)


_LAWS = (SCALAR, UNIFORM, NORMAL)


def _at_known_sizes(data: Any, seed: Any, first: Any, x: Any, **_: Any) -> bool:
    return all(isinstance(size, int) for size in x.shape) and bridge_works()


def _bridge_works(*avals: Any, **_: Any) -> bool:
    return bridge_works()


#: What `matmul` supports, if native kernels run at all. It decodes x with `Encoding.decode`.
supports_matmul = Takes(laws=_LAWS, encodings=ENCODINGS, dtypes=tuple(WIDE), further=_at_known_sizes)

#: What `to_dense` and `to_coo` support; draws are the same for all laws.
supports_writing = Takes(laws=_LAWS, further=_bridge_works)


def matmul(
    data: jax.Array,
    seed: jax.Array,
    first: jax.Array,
    x: jax.Array,
    *,
    rule: ConnectionRule,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    members: int = 1,
    **_: Any,
) -> list[jax.Array]:
    """`A @ x`, or `A.T @ x` if `transpose`, for a generated matrix A of `shape` (lines, length).

    Args:
      data: parameters of the weight distribution, float16, bfloat16, float32 or float64.
      seed: two uint32 words.
      first: the first row of A in the network, uint32 of shape (1,); or the first row and the first column, (2,).
      x: array of shape (n,) or (n, columns), with n as the encoding demands.
      rule: the weight distribution, and the connection probability.
      shape: the shape of A.
      transpose: whether to multiply by the transpose.
      encoding: the encoding of x. Events are decoded to one byte each, which takes less time than to walk along a row.
      members: the number of members of a `vmap` around it.

    Returns:
      The product in a list, of shape (m,) or (m, columns) and the dtype of the parameters. Half-precision products
      are computed in single precision.
    """
    lines, length = shape
    event, wide = encoding.event, WIDE[data.dtype.name]
    entries = "event" if event else encoding.name
    x = encoding.decode(x, lines if transpose else length)
    if not event:
        x = x.astype(wide)
    columns = x.shape[1:]
    width = math.prod(columns)
    window = first.shape[0] == 2
    tables, per_line = gap_tables(rule.prob), math.ceil(rule.prob * length)
    kernel = matmul_kernel(
        tables_shape=tables.shape,
        law=rule.law.name,
        entries=entries,
        transpose=transpose,
        batched=width != 1,
        window=window,
        vectors=_vectors(rule, shape, single=width == 1 and not window, transpose=transpose),
        serial=not is_worth_a_thread(_work(members * width, lines, per_line)),
    )
    out_length = length if transpose else lines
    (out,) = native_call(
        kernel,
        data.astype(wide),
        seed,
        first,
        jnp.asarray(tables).reshape(-1),
        x.reshape(-1),
        outs=[jax.ShapeDtypeStruct((out_length * width,), wide)],
        attributes=_attributes(
            batch=width,
            block=block_size(rule.prob),
            length=length,
            lines=lines,
            per_line=per_line,
        ),
        read_as={4: np.uint8} if event else None,
    )
    return [out.reshape(out_length, *columns).astype(data.dtype)]


def _vectors(rule: ConnectionRule, shape: Shape, *, single: bool, transpose: bool) -> str:
    """What a product looks up in SIMD vectors, see `build_matmul`."""
    lines, length = shape
    if not has_lanes():
        return "none"
    if single and not transpose and lines >= _LINES_AT_ONCE:
        return "lines"
    many = min(block_size(rule.prob), length) * rule.prob >= _CONNECTIONS_AT_ONCE
    return "gaps" if rule.law is SCALAR and many else "none"


def elements(
    seed: jax.Array, first: jax.Array, *, rule: ConnectionRule, shape: Shape, members: int = 1, **_: Any
) -> list[jax.Array]:
    """Whether each element of a window of the network is a connection, and the draw of its weight (otherwise 0)."""
    lines, length = shape
    tables = gap_tables(rule.prob)
    connected, drawn = native_call(
        elements_kernel(tables_shape=tables.shape, serial=not is_worth_a_thread(members * lines * length)),
        seed,
        first,
        jnp.asarray(tables).reshape(-1),
        outs=[jax.ShapeDtypeStruct((lines * length,), dtype) for dtype in (jnp.bool_, jnp.uint32)],
        attributes=_attributes(block=block_size(rule.prob), length=length, lines=lines),
    )
    return [connected.reshape(shape), drawn.reshape(shape)]


def entries(
    seed: jax.Array, first: jax.Array, *, rule: ConnectionRule, shape: Shape, nse: int, members: int = 1, **_: Any
) -> list[jax.Array]:
    """The number of connections per row, and positions and draws of the first `nse`, row by row; see the reference."""
    lines, length = shape
    tables, per_line = gap_tables(rule.prob), math.ceil(rule.prob * length)
    return native_call(
        entries_kernel(tables_shape=tables.shape, serial=not is_worth_a_thread(_work(members, lines, per_line))),
        seed,
        first,
        jnp.asarray(tables).reshape(-1),
        outs=[
            jax.ShapeDtypeStruct((lines,), jnp.int32),
            jax.ShapeDtypeStruct((nse,), jnp.int32),
            jax.ShapeDtypeStruct((nse,), jnp.uint32),
        ],
        attributes=_attributes(block=block_size(rule.prob), length=length, lines=lines, per_line=per_line),
    )


def _work(times: int, lines: int, per_line: int) -> int:
    """The work for the connections of all rows, in entries of a stored matrix; each row counts as at least one."""
    return times * lines * max(per_line * ENTRIES_PER_CONNECTION, 1)


def _attributes(**numbers: int) -> dict[str, np.generic]:
    """The attributes of a call."""
    return {name: np.int64(number) for name, number in numbers.items()}


@functools.cache
def matmul_kernel(
    *,
    tables_shape: tuple[int, int],
    law: str,
    entries: str,
    transpose: bool,
    batched: bool,
    window: bool,
    vectors: str,
    serial: bool,
) -> NativeKernel:
    """The native kernel for one kind of product; see `native.jitc.matmul.build_matmul`."""
    facts = (
        "{}digits{}".format(*tables_shape),
        law,
        entries,
        "scatter" if transpose else "gather",
        "matrix" if batched else "vector",
        "vectors_of_" + vectors,
        *(["window"] if window else []),
        *(["serial"] if serial else []),
    )

    def build() -> Any:
        from .native.jitc.matmul import build_matmul

        return build_matmul(
            facts,
            tables_shape=tables_shape,
            law=law,
            entries=entries,
            transpose=transpose,
            batched=batched,
            window=window,
            vectors=vectors,
            serial=serial,
        )

    return NativeKernel(
        "_".join(("jitc_matmul", *facts)), build, threads=True, serial=serial, sources=_sources("matmul")
    )


@functools.cache
def elements_kernel(*, tables_shape: tuple[int, int], serial: bool) -> NativeKernel:
    """The native kernel of `elements`; see `native.jitc.writing.build_elements`."""
    facts = ("{}digits{}".format(*tables_shape), "elements", *(["serial"] if serial else []))

    def build() -> Any:
        from .native.jitc.writing import build_elements

        return build_elements(facts, tables_shape=tables_shape, serial=serial)

    return NativeKernel("_".join(("jitc", *facts)), build, threads=True, serial=serial, sources=_sources("writing"))


@functools.cache
def entries_kernel(*, tables_shape: tuple[int, int], serial: bool) -> NativeKernel:
    """The native kernel of `entries`; see `native.jitc.writing.build_entries`."""
    facts = ("{}digits{}".format(*tables_shape), "entries", *(["serial"] if serial else []))

    def build() -> Any:
        from .native.jitc.writing import build_entries

        return build_entries(facts, tables_shape=tables_shape, serial=serial)

    return NativeKernel("_".join(("jitc", *facts)), build, threads=True, serial=serial, sources=_sources("writing"))
