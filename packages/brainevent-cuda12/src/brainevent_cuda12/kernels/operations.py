"""Make a plan from operations that refer to kernels by specification, and to arrays and sizes by name."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp

from .compiled import CompiledKernel
from .entries import Entries
from .launcher import Buffer, Launch, Plan, Pointer, Size, Zero
from .launcher.call import planned_call
from .native.spec import CHUNK, POINTERS, SIZES, KernelSpec
from .threads import SHORT, WARPS, block_of, lanes_of

__all__ = ["Fill", "Run", "carry_out", "geometry", "pointer_runs"]

#: Several warps share a row whose entries per lane of a warp exceed this number.
_PER_LANE = {"cuda": 16, "cpu": 1}


@dataclasses.dataclass(frozen=True)
class Fill:
    """Fill an array with zeros."""

    array: str


@dataclasses.dataclass(frozen=True)
class Run:
    """Launch a kernel.

    Attributes:
      spec: specification of the kernel.
      threads: the name of the size that is the number of threads.
      renamed: pairs (size of the kernel, its name in the call), where the names differ.
    """

    spec: KernelSpec
    threads: str = "threads"
    renamed: tuple[tuple[str, str], ...] = ()


def carry_out(
    operations: Sequence[Fill | Run],
    inputs: Mapping[str, jax.Array],
    outs: Mapping[str, jax.ShapeDtypeStruct],
    sizes: Mapping[str, int],
    *,
    platform: str,
    after: Sequence[jax.Array] = (),
    in_place: Mapping[str, str] | None = None,
) -> list[jax.Array]:
    """Carry out operations in order, as one call.

    Args:
      operations: zero-fills and launches; the call is named after the first kernel other than "pointers".
      inputs: arrays by name.
      outs: shapes and dtypes of the outputs by name.
      sizes: numbers by name, for all kernels.
      platform: "cuda", or "cpu" for tests.
      after: additional operands that no kernel reads, but which must be computed first: XLA copies an array that is
        overwritten unless its other uses are known to run before.
      in_place: maps outputs to the input whose memory they share, if XLA allows it.

    Returns:
      The outputs, in order.
    """
    arrays = [*inputs.values(), *after]
    buffers = tuple(Buffer(array.dtype.itemsize, array.ndim) for array in arrays)
    made = tuple(Buffer(jnp.dtype(out.dtype).itemsize, len(out.shape)) for out in outs.values())
    sizes = {"none": 0, **sizes}
    plan = _plan(tuple(operations), tuple(inputs), buffers, tuple(outs), made, tuple(sizes), platform)
    names = list(inputs), list(outs)
    aliases = {names[0].index(array): names[1].index(out) for out, array in (in_place or {}).items()}
    return planned_call(
        plan, *arrays, outs=list(outs.values()), sizes=list(sizes.values()), platform=platform, aliases=aliases
    )


@functools.cache
def _plan(
    operations: tuple[Fill | Run, ...],
    inputs: tuple[str, ...],
    buffers: tuple[Buffer, ...],
    outs: tuple[str, ...],
    made: tuple[Buffer, ...],
    sizes: tuple[str, ...],
    platform: str,
) -> Plan:
    position = {name: i for i, name in enumerate(inputs)} | {name: len(buffers) + i for i, name in enumerate(outs)}
    none = Size(sizes.index("none"))

    def launch(run: Run) -> Launch:
        spec, renamed = run.spec, dict(run.renamed)
        arrays: list[Pointer | Size] = [Pointer(position[name]) for name in spec.arrays]
        numbers: list[Pointer | Size] = [Size(sizes.index(renamed.get(name, name))) for name in spec.sizes]
        behind = arrays[POINTERS:][::-1]  # see `native.preamble`
        arrays = arrays[:POINTERS]
        words = [*arrays, *[none] * (POINTERS - len(arrays)), *numbers]
        words += [none] * (POINTERS + SIZES - len(words) - len(behind))
        block = block_of(platform, uneven=spec.uneven)
        return Launch(CompiledKernel(spec), sizes.index(run.threads), block, (*words, *behind))

    done = tuple(Zero(position[one.array]) if isinstance(one, Fill) else launch(one) for one in operations)
    name = next(run.spec.name for run in operations if isinstance(run, Run) and run.spec.strategy != "pointers")
    return Plan(name, buffers, made, len(sizes), done)


def pointer_runs(arrays: Mapping[str, jax.Array]) -> tuple[list[Fill | Run], dict[str, jax.ShapeDtypeStruct], int]:
    """Preparations if rows are bounded by pointers: operations, their outputs, and the number of pointers."""
    if "pointer" not in arrays:
        return [], {}, 0
    pointers = arrays["pointer"].size
    spec = KernelSpec("pointers", second=arrays["pointer"].dtype.name)
    # Kernels use this array as int64, which JAX may have disabled.
    maxima = jax.ShapeDtypeStruct((2 * (1 + -(-pointers // CHUNK)),), jnp.int32)
    unused = tuple((name, "none") for name in spec.sizes if name not in ("nse", "lines"))
    run = Run(spec, "pointers", (("lines", "pointers"), *unused))
    return [Fill("maxima"), run], {"maxima": maxima}, pointers


def geometry(entries: Entries, platform: str, *, batch: int = 1, whole: bool = False) -> dict[str, int]:
    """Sizes of a walk along `entries`, and how many threads it needs.

    Args:
      entries: the entries to walk.
      platform: "cuda", or "cpu" for tests.
      batch: number of columns of x, each of which has its own threads for all entries; not used by a scatter.
      whole: in a scatter, whether each row is walked by a single warp instead of being split into parts.

    Returns:
      The sizes of `entries`; `share` and `parts`, see `native.walks` and `KernelSpec.sizes`; and `threads`.
    """
    share, parts, threads = _cut(entries, platform, batch=batch, whole=whole)
    named = {name: getattr(entries, name) for name in ("nse", "lines", "width", "bound", "bound2")}
    return {**named, "share": share, "parts": parts, "threads": threads}


def _cut(entries: Entries, platform: str, *, batch: int, whole: bool) -> tuple[int, int, int]:
    """`share`, `parts` and `threads` of `geometry`."""
    lanes, lines = lanes_of(platform), entries.lines
    if entries.strategy == "coordinates":
        return 0, 0, entries.nse * batch
    per_line = entries.nse // max(lines, 1)
    if entries.strategy == "gather":
        # The columns of a row of x are contiguous, so consecutive threads read consecutive columns.
        alone = per_line < SHORT or batch >= lanes
        share = 0 if alone else min(lanes, per_line // 2).bit_length() - 1
        return share, 0, (lines * batch) << share
    parts = 0 if whole else max(1, per_line // (_PER_LANE[platform] * lanes)).bit_length() - 1
    share = min(lanes, max(1, (lines << parts) // WARPS[platform]))
    return share, parts, (-(-lines // share) << parts) * lanes
