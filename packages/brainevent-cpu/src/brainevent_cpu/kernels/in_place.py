"""Call a native kernel that overwrites its first array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.primitive.vmap_axes import VmapAxis, batch_shape, number_mapped

from ..bridge import NativeKernel
from ..bridge.call import target_for

__all__ = ["mapped_everywhere", "overwrite"]


def mapped_everywhere(data: jax.Array, batch: Sequence[VmapAxis]) -> tuple[jax.Array, list[VmapAxis]]:
    """What a kernel overwrites, with all mapped axes, and these axes: it is another one for each member."""
    front = [axis.size if axis.mapped[0] else 1 for axis in batch]
    inner = data.shape[number_mapped(batch, 0) :]
    data = jnp.broadcast_to(data.reshape(*front, *inner), (*batch_shape(batch), *inner))
    return data, [VmapAxis(axis.size, (True, *axis.mapped[1:])) for axis in batch]


def overwrite(
    kernel: NativeKernel,
    data: jax.Array,
    *arrays: jax.Array,
    after: Sequence[jax.Array],
    attributes: Mapping[str, np.generic],
    read_as: Sequence[Any],
    further: Sequence[jax.ShapeDtypeStruct] = (),
) -> list[jax.Array]:
    """What a kernel makes of `data`, in its memory if nobody needs it any more, and in a copy otherwise.

    Args:
      kernel: called as `kernel(frame, data, *arrays, out, *further, *attributes)`; `data` and `out` are one buffer.
      data: keeps its shape, for XLA copies what it has to reshape. Under `vmap` it must be mapped.
      *arrays: what else the kernel reads.
      after: arrays that the kernel is not given. As operands of the call they must be there before it: XLA copies
        `data` if it can't know that those who read it come first.
      attributes: as in `native_call`.
      read_as: the dtype as which the kernel sees each array, `data` (and so the result) among them.
      further: shapes of further outputs, of the dtype of `data`.

    Returns:
      The new `data`, and the further outputs.
    """
    seen = [(np.dtype(dtype), array.ndim) for dtype, array in zip(read_as, (data, *arrays), strict=True)]
    scalars = dict(sorted(attributes.items()))
    seen_outs = (seen[0], *((seen[0][0], len(out.shape)) for out in further))
    target = target_for(kernel, tuple(seen), seen_outs, tuple(np.dtype(type(value)) for value in scalars.values()))
    outs = [jax.ShapeDtypeStruct(data.shape, data.dtype), *further]
    call = jax.ffi.ffi_call(target, outs, input_output_aliases={0: 0}, vmap_method="expand_dims")
    return list(call(data, *arrays, *after, **scalars))
