"""The primitive `encode_events`: packs a vector of events into bits, or lists their indices."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from brainevent_core.encodings import BITPACKED, COMPACT, Encoding
from brainevent_core.plugins import Takes

from ..bridge import native_call
from ..bridge.selftest import bridge_works
from .compiled import native_kernel
from .kernel_spec import KernelSpec

__all__ = ["encode_events", "supports_encoding"]


def _at_known_sizes(mask: Any, *, encoding: Encoding, length: Any) -> bool:
    return all(isinstance(size, int) for size in (length, *mask.shape)) and bridge_works()


supports_encoding = Takes(encodings=(BITPACKED, COMPACT), dtypes=("bool",), further=_at_known_sizes)


def encode_events(mask: jax.Array, *, encoding: Encoding, length: int, members: int = 1) -> list[jax.Array]:
    """Encode the events of a mask: the primitive of core, see there.

    Args:
      mask: booleans, (n,) or (n, columns).
      encoding: the encoding to create.
      length: the length of the encoded axis.
      members: the number of members of a `vmap` around it.

    Returns:
      The encoded events in a list, of shape (length,) or (length, columns).
    """
    lines, *columns = mask.shape
    dtype = encoding.dtype
    if length == 0 or 0 in columns:
        return [jax.numpy.zeros((length, *columns), dtype)]
    # Make columns contiguous. Both transpositions vanish if the caller's columns already are, as in `vectors @ A`.
    (out,) = native_call(
        native_kernel(KernelSpec("encoding", encoding=encoding), members * mask.size),
        mask.T.reshape(-1),
        outs=[jax.ShapeDtypeStruct((int(np.prod(columns)) * length,), dtype)],
        attributes={"lines": np.int64(lines), "size": np.int64(length)},
        read_as={0: np.uint8},
    )
    return [out.reshape(*columns, length).T]
