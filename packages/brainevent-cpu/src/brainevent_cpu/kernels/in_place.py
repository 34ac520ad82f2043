"""Call a native kernel that overwrites its first array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from ..bridge import NativeKernel
from ..bridge.call import target_for

__all__ = ["overwrite"]


def overwrite(
    kernel: NativeKernel,
    data: jax.Array,
    *arrays: jax.Array,
    after: Sequence[jax.Array],
    attributes: Mapping[str, np.generic],
    read_as: Sequence[Any],
) -> jax.Array:
    """What a kernel makes of `data`, in its memory if nobody needs it any more, and in a copy otherwise.

    Args:
      kernel: called as `kernel(frame, data, *arrays, out, *attributes)`; `data` and `out` are one buffer.
      data: keeps its shape, for XLA copies what it has to reshape. Under `vmap` it must be mapped.
      *arrays: what else the kernel reads.
      after: arrays that the kernel is not given. As operands of the call they must be there before it: XLA copies
        `data` if it can't know that those who read it come first.
      attributes: as in `native_call`.
      read_as: the dtype as which the kernel sees each array, `data` (and so the result) among them.
    """
    seen = [(np.dtype(dtype), array.ndim) for dtype, array in zip(read_as, (data, *arrays), strict=True)]
    scalars = dict(sorted(attributes.items()))
    target = target_for(kernel, tuple(seen), (seen[0],), tuple(np.dtype(type(value)) for value in scalars.values()))
    out = jax.ShapeDtypeStruct(data.shape, data.dtype)
    call = jax.ffi.ffi_call(target, [out], input_output_aliases={0: 0}, vmap_method="expand_dims")
    (result,) = call(data, *arrays, *after, **scalars)
    return result
