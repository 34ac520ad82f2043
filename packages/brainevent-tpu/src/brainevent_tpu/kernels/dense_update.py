"""Dense plasticity, ``update_on_pre``: only active rows are updated, in place.

Updates that clip all weights, and updates by events of columns, are passes over all weights, which XLA does well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu

from brainevent_core.encodings import WORD_BITS, Encoding
from brainevent_core.formats import DENSE_FORMAT, Format, Shape
from brainevent_core.kernels.plasticity import zero_behind
from brainevent_core.plugins import Takes

from .device import some_tpu
from .lanes import SUBLANES
from .packed import ENCODINGS, packed_events
from .row_groups import RowGroups, readable, scratch

__all__ = ["LEFT", "TAKES", "dense_update"]

#: Groups of rows: one is being read, one computed, and one written.
_SLOTS = 3


def _takes(data: Any, *operands: Any, shape: Shape, transpose: bool, clip: str, **_: Any) -> bool:
    x, _trace, lower, upper = operands
    if not all(isinstance(size, int) for size in (*shape, *x.shape)):
        return False
    per_weight = len(lower.shape + upper.shape) // 2
    return transpose and clip == "updated" and readable(shape, -(-shape[0] // WORD_BITS), per_weight)


def _left(*_: Any, transpose: bool, clip: str, **__: Any) -> bool:
    return not transpose or clip == "all"


#: The supported calls.
TAKES = Takes(formats=(DENSE_FORMAT,), encodings=ENCODINGS, dtypes=("float32",), further=_takes)

#: The calls that are left to XLA: passes over all weights.
LEFT = Takes(formats=(DENSE_FORMAT,), encodings=ENCODINGS, further=_left)


def dense_update(
    data: jax.Array,
    x: jax.Array,
    trace: jax.Array,
    lower: jax.Array,
    upper: jax.Array,
    *,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
    clip: str,
    after: Sequence[jax.Array] = (),
    interpret: Any = False,
) -> jax.Array:
    """The new weights, as the primitive ``stdp_update`` defines them: in the memory of the old ones if these are not
    needed any more, otherwise in a copy. ``after`` contains the results of prior uses of the old weights. Bounds of
    individual weights are fetched together with their rows."""
    rows, columns = shape
    count = -(-rows // WORD_BITS)
    words = packed_events(x, encoding, rows, count) | zero_behind(after)

    per_weight = [bound for bound in (lower, upper) if bound.ndim]

    def body(words: Any, numbers: Any, trace: Any, *refs: Any) -> None:
        # `_old` and `new` are the same array; every row is read before it is written, and occurs only once.
        _old, *per_weight_refs, new = refs[: len(per_weight) + 2]
        written, writing, *memory = refs[len(per_weight) + 2 :]
        groups = RowGroups.of(words, 0, count, [new, *per_weight_refs], memory)

        def finish(slot: Any) -> None:
            groups.wait(groups.copy_back(slot, 0, 0, written), writing[slot])
            writing[slot] = 0

        def change(slot: Any, size: Any) -> None:
            def chunk(lanes: Any) -> None:
                weights, *of_weights = groups.slots
                bounds = iter(of_weights)
                low, high = (
                    next(bounds)[slot, :, lanes] if bound.ndim else numbers[i] for i, bound in enumerate((lower, upper))
                )
                changed = weights[slot, :, lanes] + trace[:, lanes]
                weights[slot, :, lanes] = jnp.minimum(jnp.maximum(changed, low), high)

            groups.each_chunk(chunk)
            writing[slot] = size
            for place in range(SUBLANES):

                @pl.when(place < size)
                def write(place: int = place) -> None:
                    row = groups.rows[slot * SUBLANES + place]
                    groups.copy_back(slot, place, row, written).start()

        for slot in range(_SLOTS):
            writing[slot] = 0
        groups.each(change, before_fetch=finish)
        for slot in range(_SLOTS):
            finish(slot)

    scalar, memory = pl.BlockSpec(memory_space=tpu.SMEM), pl.BlockSpec(memory_space=pl.ANY)
    call = pl.pallas_call(
        body,
        in_specs=[scalar, scalar, pl.BlockSpec(memory_space=tpu.VMEM), memory, *[memory] * len(per_weight)],
        out_specs=memory,
        out_shape=jax.ShapeDtypeStruct(data.shape, data.dtype),
        input_output_aliases={3: 0},
        scratch_shapes=[
            tpu.SemaphoreType.DMA((_SLOTS,)),
            tpu.SMEM((_SLOTS,), jnp.int32),
            *scratch(columns, _SLOTS, 1 + len(per_weight)),
        ],
        name="dense_update",
        interpret=interpret,
    )
    with some_tpu():
        numbers = jnp.stack([jnp.zeros_like(bound, shape=()) if bound.ndim else bound for bound in (lower, upper)])
        out: jax.Array = call(words, numbers, trace[None], data, *per_weight)
    return out
