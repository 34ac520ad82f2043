"""The primitive `encode_events`: the bits, or the list, of a vector of events."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from brainevent_core.formats import get_operand

from ..bridge import native_call
from ..bridge.selftest import bridge_works
from .compiled import native_kernel
from .kernel_spec import KernelSpec

__all__ = ["encode_events", "supports_encoding"]

_ENCODINGS = ("bitpacked", "compact")


def supports_encoding(mask: Any, *, operand: str, length: Any) -> bool:
    """Whether the encoding is one of this backend, and native kernels run at all."""
    return operand in _ENCODINGS and all(isinstance(size, int) for size in (length, *mask.shape)) and bridge_works()


def encode_events(mask: jax.Array, *, operand: str, length: int) -> list[jax.Array]:
    """The events of a mask of shape (n,) or (n, columns) in an encoding: the primitive of core, see there.

    Args:
      mask: booleans.
      operand: the encoding.
      length: of the encoded axis.

    Returns:
      The encoded events in a list, of shape (length,) or (length, columns).
    """
    lines, *columns = mask.shape
    dtype = get_operand(operand).dtype
    if length == 0 or 0 in columns:
        return [jax.numpy.zeros((length, *columns), dtype)]
    # Columns behind each other; both transpositions vanish where the caller's already are, as in `vectors @ A`.
    (out,) = native_call(
        native_kernel(KernelSpec("encoding", operand=operand)),
        mask.T.reshape(-1),
        outs=[jax.ShapeDtypeStruct((int(np.prod(columns)) * length,), dtype)],
        attributes={"lines": np.int64(lines), "size": np.int64(length)},
        read_as={0: np.uint8},
    )
    return [out.reshape(*columns, length).T]
