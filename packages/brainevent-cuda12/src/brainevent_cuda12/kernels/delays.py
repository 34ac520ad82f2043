"""The primitives `deliver` and `take_slot`: a ring buffer that is updated in place."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np

from brainevent_core import reference
from brainevent_core.encodings import Encoding
from brainevent_core.formats import DELAY, DENSE_FORMAT, WEIGHT_INDICES, Format, Shape, delay_extent
from brainevent_core.plugins import Takes
from brainevent_core.primitive.vmap_axes import VmapAxis, unmapped_avals, vmap_over
from brainevent_cpu.kernels.in_place import mapped_everywhere
from brainevent_cpu.kernels.kernel_spec import ENCODINGS
from brainevent_cpu.kernels.selftest import small_case
from brainevent_cpu.kernels.structure import WIDE

from .entries import FORMATS, entries_of, known_operands
from .matmul import readable
from .native.delays import DeliverySpec, TakingSpec
from .operations import Run, carry_out, geometry, pointer_runs
from .selftest import check_against

__all__ = ["deliver", "supports_deliver", "supports_take", "take_slot"]

_SHAPE, _SLOTS = (33, 41), 7

_tested: dict[Hashable, str | None] = {}


def _delivers(ring: Any, data: Any, *operands: Any, **static: Any) -> bool:
    """Whether sums have the ring's dtype; half precision runs on the reference, which sums in single precision."""
    *structure, t, _ = operands
    known = known_operands((ring, data, *operands), (*structure, t))
    return known and ring.dtype == WIDE.get(data.dtype.name)


#: The calls that `deliver` supports.
supports_deliver = Takes(
    formats=tuple(
        one.with_component(DELAY) for one in FORMATS if one is not DENSE_FORMAT and not one.carries(WEIGHT_INDICES)
    ),
    encodings=ENCODINGS,
    dtypes=("float32", "float64"),
    further=_delivers,
)


def deliver(
    ring: jax.Array,
    *operands: jax.Array,
    batch: Sequence[VmapAxis] = (),
    after: Sequence[jax.Array] = (),
    platform: str,
    **static: Any,
) -> list[jax.Array]:
    """The ring after delivery of events, as the primitive `deliver` of core defines it.

    Args:
      ring: float32 or float64, (slots, length of the result); overwritten if XLA allows it.
      *operands: the weights, whose sums have the dtype of the ring; the format's structure, of any integer dtypes; the
        step, and x.
      batch: the mapped axes of `vmap`, which are in front of the operands that are mapped. A ring that isn't mapped is
        copied for each member.
      after: results of prior uses of the ring.
      platform: "cuda", or "cpu" for tests.
      **static: format, shape, transpose and encoding.

    Raises:
      MathError: if the arrays don't fit the shape.
      KernelBuildError: if a kernel can't be compiled, or the self-test on this device fails.
      jax.errors.JaxRuntimeError: at run time, if a kernel can't be launched.
    """
    _check_delivery(unmapped_avals(tuple(batch), (ring, *operands)), platform, **static)
    ring, mapped = mapped_everywhere(ring, batch)
    run = partial(_deliver, after=after, platform=platform, **static)
    outputs: list[jax.Array] = vmap_over(run, mapped)(ring, *operands)
    return outputs


def _check_delivery(avals: Sequence[jax.ShapeDtypeStruct], platform: str, **static: Any) -> None:
    """Test a small delivery with the same kernels as the call."""
    ring, data, *structure, t, x = avals
    stored, transpose = static["format"], static["transpose"]
    static = {**static, "shape": _SHAPE}

    def draw() -> list[np.ndarray] | None:
        drawn = {"homogeneous": stored.is_homogeneous(data), "per_row": 40}
        case = small_case(data, [*structure, x], **drawn, **static)
        if case is None:
            return None
        weights, *arrays, numbers = case[0]
        length = _SHAPE[1] if transpose else _SHAPE[0]
        sums = np.random.default_rng(1).integers(-2, 3, (_SLOTS, length))
        at = stored.names.index("delay")
        lengths = {"all": (1,), "row": (_SHAPE[0], 1), "column": (1, _SHAPE[1]), "entry": arrays[at].shape}
        delays = np.resize([1, 2, 3, 5, 6, 7, 100], lengths[delay_extent(structure[at])])
        arrays[at] = delays.astype(structure[at].dtype)
        return [sums.astype(ring.dtype), weights, *arrays, np.asarray(12, t.dtype), numbers]

    check_against(
        partial(reference.deliver, **static),
        lambda *operands: _deliver(*operands, after=(), platform=platform, **static),
        draw,
        what=f"a small delivery{' from rows' if transpose else ''}",
        known=_tested,
        key=(str(stored), transpose),
        platform=platform,
    )


def _deliver(
    ring: jax.Array,
    data: jax.Array,
    *operands: jax.Array,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    after: Sequence[jax.Array],
    platform: str,
) -> list[jax.Array]:
    *structure, t, x = operands
    format.validate(data, structure, shape)
    sources = shape[0] if transpose else shape[1]
    encoding.validate(x, sources, data.dtype, "x")
    named = format.named(structure)
    homogeneous = format.is_homogeneous(data)
    # Delays of entries are stored in the order of the weights, so the column index must give positions even if the
    # weight is homogeneous.
    extent = delay_extent(named.delay)
    found = entries_of(named, format, shape, transpose, encoding, permutes=not homogeneous or extent == "entry")
    x, encoding = readable(x, encoding, sources)
    if not encoding.event:
        x = x.astype(data.dtype)
    sides = ("source", "target") if transpose else ("target", "source")
    first, made, pointers = pointer_runs(found.arrays)
    spec = DeliverySpec(
        found.strategy,
        found.layout,
        value=data.dtype.name,
        homogeneous=homogeneous,
        permuted="perm" in found.arrays,
        encoding=encoding,
        extent=dict(zip(("row", "column"), sides)).get(extent, extent),
        delay=named.delay.dtype.name,
        step=t.dtype.name,
        **found.dtypes,
    )
    slots, _ = ring.shape
    sizes = {
        **geometry(found, platform),
        "slots": slots,
        "pointers": pointers,
    }
    flat = {**found.arrays, "delay": named.delay, "t": t, "x": x, "data": data}
    inputs = {"ring": ring, **{name: array.reshape(-1) for name, array in flat.items()}}
    outs = {"out": jax.ShapeDtypeStruct(ring.shape, ring.dtype), **made}
    in_place = {"out": "ring"}
    return carry_out([*first, Run(spec)], inputs, outs, sizes, platform=platform, after=after, in_place=in_place)[:1]


def _takes(ring: Any, t: Any) -> bool:
    return known_operands((ring, t), (t,))


#: The calls that `take_slot` supports.
supports_take = Takes(dtypes=tuple(WIDE), further=_takes)


def take_slot(
    ring: jax.Array,
    t: jax.Array,
    *,
    batch: Sequence[VmapAxis] = (),
    after: Sequence[jax.Array] = (),
    platform: str,
) -> list[jax.Array]:
    """The ring with the slot of this step cleared, and the former contents of the slot, as the primitive `take_slot` of
    core defines it. Arguments as in `deliver`."""
    dtype, step = ring.dtype, t.dtype

    def draw() -> list[np.ndarray]:
        return [np.arange(_SLOTS * 40).reshape(_SLOTS, 40).astype(dtype), np.asarray(12, step)]

    check_against(
        reference.take_slot,
        partial(_take, after=(), platform=platform),
        draw,
        what="a small slot that is taken",
        known=_tested,
        key="take",
        platform=platform,
    )
    ring, mapped = mapped_everywhere(ring, batch)
    outputs: list[jax.Array] = vmap_over(partial(_take, after=after, platform=platform), mapped)(ring, t)
    return outputs


def _take(ring: jax.Array, t: jax.Array, *, after: Sequence[jax.Array], platform: str) -> list[jax.Array]:
    slots, length = ring.shape
    run = Run(TakingSpec("take", value=ring.dtype.name, step=t.dtype.name), "length")
    outs = {
        "out": jax.ShapeDtypeStruct(ring.shape, ring.dtype),
        "taken": jax.ShapeDtypeStruct((length,), ring.dtype),
    }
    return carry_out(
        [run],
        {"ring": ring, "t": t.reshape(1)},
        outs,
        {"slots": slots, "length": length},
        platform=platform,
        after=after,
        in_place={"out": "ring"},
    )
