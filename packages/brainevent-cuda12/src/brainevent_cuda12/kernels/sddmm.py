"""The primitive `sddmm`: `y[out] · x[in]` for each entry of a stored matrix."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import reference
from brainevent_core.encodings import Encoding
from brainevent_core.formats import DENSE_FORMAT, WEIGHT_INDICES, Format, Shape
from brainevent_core.plugins import Takes
from brainevent_core.primitive.vmap_axes import VmapAxis, unmapped_avals, vmap_over
from brainevent_cpu.kernels.kernel_spec import ENCODINGS
from brainevent_cpu.kernels.selftest import small_case
from brainevent_cpu.kernels.structure import WIDE

from .entries import FORMATS, entries_of, known_operands
from .matmul import readable
from .native.sddmm import SddmmSpec
from .operations import Fill, Run, carry_out, geometry, pointer_runs
from .selftest import check_against

__all__ = ["LEFT_TO_XLA", "sddmm", "supports_sddmm"]

_SHAPE = (33, 41)

_tested: dict[Hashable, str | None] = {}


def _known(*avals: Any, **static: Any) -> bool:
    return known_operands(avals, avals[1:-1])


#: The calls that `sddmm` leaves to XLA.
LEFT_TO_XLA = Takes(formats=(DENSE_FORMAT,), encodings=ENCODINGS)

#: The calls that `sddmm` supports.
supports_sddmm = Takes(
    formats=tuple(one for one in FORMATS if one is not DENSE_FORMAT),
    encodings=ENCODINGS,
    dtypes=tuple(WIDE),
    further=_known,
)


def sddmm(
    y: jax.Array, *operands: jax.Array, batch: Sequence[VmapAxis] = (), platform: str, **static: Any
) -> list[jax.Array]:
    """`y[out] · x[in]` for every entry, summed over the columns of both, as the primitive `sddmm` of core defines it.

    Args:
      y: float16, bfloat16, float32 or float64, of shape (m,) or (m, columns).
      *operands: the format's structure, of any integer dtypes, and x.
      batch: the mapped axes of `vmap`, which are in front of the operands that are mapped.
      platform: "cuda", or "cpu" for tests.
      **static: format, shape, transpose and encoding.

    Returns:
      One number per entry in a list, of the format's shape for weights and the dtype of y.

    Raises:
      MathError: if the arrays don't fit the shape.
      KernelBuildError: if a kernel can't be compiled, or the self-test on this device fails.
      jax.errors.JaxRuntimeError: at run time, if a kernel can't be launched.
    """
    _check(unmapped_avals(tuple(batch), (y, *operands)), platform, **static)
    run = partial(_sddmm, platform=platform, **static)
    outputs: list[jax.Array] = vmap_over(run, batch)(y, *operands)
    return outputs


def _check(avals: Sequence[jax.ShapeDtypeStruct], platform: str, **static: Any) -> None:
    """Test a small case with the same kernels as the call."""
    y, *operands = avals
    static = {**static, "shape": _SHAPE}

    def draw() -> list[np.ndarray] | None:
        case = small_case(y, operands, **static, homogeneous=False, per_row=40)
        if case is None:
            return None
        _, *others = case[0]
        length = _SHAPE[1] if static["transpose"] else _SHAPE[0]
        numbers = np.random.default_rng(1).integers(-2, 3, (length, *others[-1].shape[1:]))
        return [numbers.astype(y.dtype), *others]

    check_against(
        partial(reference.sddmm, **static),
        partial(_sddmm, platform=platform, **static),
        draw,
        what=f"a small sampled product{' of the transpose' if static['transpose'] else ''}",
        known=_tested,
        key=(str(static["format"]), static["transpose"]),
        platform=platform,
    )


def _sddmm(
    y: jax.Array,
    *operands: jax.Array,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    platform: str,
) -> list[jax.Array]:
    *structure, x = operands
    per_entry = jax.ShapeDtypeStruct(format.weights_shape(structure, shape), y.dtype)
    format.validate(per_entry, structure, shape)
    sources = shape[0] if transpose else shape[1]
    encoding.validate(x, sources, y.dtype, "x")
    found = entries_of(format.named(structure), format, shape, transpose, encoding, permutes=True)
    x, encoding = readable(x, encoding, sources)
    if not encoding.event:
        x = x.astype(y.dtype)
    batch = 1 if y.ndim == 1 else y.shape[1]
    first, made, pointers = pointer_runs(found.arrays)
    spec = SddmmSpec(
        found.strategy,
        found.layout,
        value=y.dtype.name,
        permuted="perm" in found.arrays,
        encoding=encoding,
        batched=batch != 1,
        shared=format.carries(WEIGHT_INDICES),
        **found.dtypes,
    )
    sizes = {
        **geometry(found, platform),
        "nse": per_entry.size,
        "batch": batch,
        "pointers": pointers,
    }
    inputs = {name: array.reshape(-1) for name, array in {**found.arrays, "y": y, "x": x}.items()}
    outs = {"out": jax.ShapeDtypeStruct((per_entry.size,), jnp.dtype(spec.out)), **made}
    # Entries outside the matrix, or whose source isn't selected, stay zero.
    out = carry_out([*first, Fill("out"), Run(spec)], inputs, outs, sizes, platform=platform)[0]
    return [out.reshape(per_entry.shape).astype(y.dtype)]
