"""The primitive `stdp_update`: the selection of kernels, which update the weights in place."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np

from brainevent_core import reference
from brainevent_core.encodings import Encoding
from brainevent_core.formats import DENSE_FORMAT, WEIGHT_INDICES, Format, Shape
from brainevent_core.plugins import Takes
from brainevent_core.primitive.vmap_axes import VmapAxis, unmapped_avals, vmap_over
from brainevent_cpu.kernels.in_place import mapped_everywhere
from brainevent_cpu.kernels.kernel_spec import ENCODINGS
from brainevent_cpu.kernels.selftest import small_case
from brainevent_cpu.kernels.structure import WIDE

from .entries import FORMATS, Entries, entries_of, known_operands
from .matmul import readable
from .native.plasticity import UpdateSpec
from .operations import Fill, Run, carry_out, geometry, pointer_runs
from .selftest import check_against

__all__ = ["stdp_update", "supports_stdp_update"]

_tested: dict[Hashable, str | None] = {}


def _known(*avals: Any, **static: Any) -> bool:
    return known_operands(avals, avals[1:-4])


#: The calls that `stdp_update` supports.
supports_stdp_update = Takes(
    formats=FORMATS,
    encodings=tuple(encoding for encoding in ENCODINGS if encoding.event),
    dtypes=tuple(WIDE),
    further=_known,
)


def stdp_update(
    data: jax.Array,
    *operands: jax.Array,
    batch: Sequence[VmapAxis] = (),
    after: Sequence[jax.Array] = (),
    platform: str,
    **static: Any,
) -> list[jax.Array]:
    """The new weights, as the primitive `stdp_update` of core defines them.

    Args:
      data: weights, float16, bfloat16, float32 or float64, of the format's shape; overwritten if XLA allows it.
      *operands: the format's structure, of any integer dtypes, then x, the trace, and the bounds.
      batch: the mapped axes of `vmap`, which are in front of the operands that are mapped. Weights that aren't mapped
        are copied for each member.
      after: results of prior uses of the weights.
      platform: "cuda", or "cpu" for tests.
      **static: format, shape, transpose, encoding and clip.

    Raises:
      MathError: if the arrays don't fit the shape.
      KernelBuildError: if a kernel can't be compiled, or the self-test on this device fails.
      jax.errors.JaxRuntimeError: at run time, if a kernel can't be launched.
    """
    static["platform"] = platform
    avals = unmapped_avals(tuple(batch), (data, *operands))
    _check(avals, **static)
    data, mapped = mapped_everywhere(data, batch)
    run = partial(_update, after=after, **static)
    outputs: list[jax.Array] = vmap_over(run, mapped)(data, *operands)
    return outputs


def _check(
    avals: Sequence[jax.ShapeDtypeStruct], *, format: Format, encoding: Encoding, transpose: bool, **static: Any
) -> None:
    """Test a small update with the same kernels as the call."""
    data, *operands, trace, lower, upper = avals
    shape = (33, 41)
    clip = static["clip"]
    small: dict[str, Any] = {"format": format, "shape": shape, "transpose": transpose, "encoding": encoding}

    def draw() -> list[np.ndarray] | None:
        case = small_case(data, operands, **small, homogeneous=False, per_row=40)
        if case is None:
            return None
        weights, *others = case[0]
        numbers = np.arange(shape[1] if transpose else shape[0]) % 5 - 2
        bounds = [
            np.broadcast_to(np.asarray(at), weights.shape if like.ndim else ()).astype(like.dtype)
            for at, like in ((-1, lower), (2, upper))
        ]
        return [weights, *others, numbers.astype(trace.dtype), *bounds]

    check_against(
        partial(reference.stdp_update, clip=clip, **small),
        partial(_update, clip=clip, after=(), platform=static["platform"], **small),
        draw,
        what=f"a small update by events of {'rows' if transpose else 'columns'}",
        known=_tested,
        key=(str(format), transpose, clip),
        platform=static["platform"],
    )


def _update(
    data: jax.Array,
    *operands: jax.Array,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    clip: str,
    after: Sequence[jax.Array],
    platform: str,
) -> list[jax.Array]:
    """The new weights of one member of a batch."""
    *structure, x, trace, lower, upper = operands
    format.validate(data, structure, shape)
    sources = shape[0] if transpose else shape[1]
    encoding.validate(x, sources, data.dtype, "x")
    found = _entries(format, structure, shape, transpose, encoding)
    x, encoding = readable(x, encoding, sources)
    first, made, pointers = pointer_runs(found.arrays)
    spec = UpdateSpec(
        found.strategy,
        found.layout,
        value=data.dtype.name,
        permuted="perm" in found.arrays,
        encoding=encoding,
        lower_each=lower.ndim > 0,
        upper_each=upper.ndim > 0,
        **found.dtypes,
    )
    # Arrays are passed flat, and these reshapes are free in XLA. The weights are not: XLA would copy them.
    flat = {name: array.reshape(-1) for name, array in {**found.arrays, "x": x}.items()}
    numbers = {"trace": trace, "lower": lower.reshape(-1), "upper": upper.reshape(-1)}
    sizes = {
        **geometry(found, platform),
        "nse": data.size,
        "pointers": pointers,
    }
    runs = [*first, *_runs(spec, clip=clip, shared=format.carries(WEIGHT_INDICES))]
    outs = {"out": jax.ShapeDtypeStruct(data.shape, data.dtype), **made}
    out = carry_out(
        runs, {"data": data, **flat, **numbers}, outs, sizes, platform=platform, after=after, in_place={"out": "data"}
    )
    return out[:1]


def _entries(
    format: Format, structure: Sequence[jax.Array], shape: Shape, transpose: bool, encoding: Encoding
) -> Entries:
    if format is DENSE_FORMAT and not transpose:
        # Columns are walked like rows, so that the weights of an event need no search.
        rows, columns = shape
        return Entries("scatter", "columns", {}, rows * columns, columns, rows, rows)
    return entries_of(format.named(structure), format, shape, transpose, encoding, permutes=True)


def _runs(spec: UpdateSpec, *, clip: str, shared: bool) -> list[Fill | Run]:
    """The walk along entries, followed by another one if weights are clipped separately."""
    if clip == "updated" and not shared:
        return [Run(spec)]
    added = dataclasses.replace(spec, action="add_to_shared" if shared else "add")
    clipped = dataclasses.replace(spec, action="clip")
    if clip == "updated":
        return [Run(added), Run(clipped)]
    each: dict[str, Any] = {"lower_each": spec.lower_each, "upper_each": spec.upper_each}
    return [Run(added), Run(UpdateSpec("weights", value=spec.value, action="clip", **each), "nse")]
