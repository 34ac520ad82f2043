"""Calls of native kernels that overwrite their first array."""

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
    """The array that a kernel overwrites, broadcast over all mapped axes, and these axes: each member needs its own."""
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
    """Run a kernel that updates `data`: in place if the old values aren't needed any more, otherwise in a copy.

    Args:
      kernel: called as `kernel(frame, data, *arrays, out, *further, *attributes)`; `data` and `out` are one buffer.
      data: keeps its shape, because XLA copies what it has to reshape. Under `vmap` it must be mapped.
      *arrays: the other inputs of the kernel.
      after: results of prior uses of `data`, which the kernel doesn't get. As operands of the call they are computed
        first. XLA copies `data` unless it knows that everything that reads the old values runs before.
      attributes: as in `native_call`.
      read_as: the dtype as which the kernel reads each array, including `data` (and so the result).
      further: shapes and dtypes of further outputs; the kernel sees them in the dtype of `data`.

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
