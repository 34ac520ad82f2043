"""Encoding events: from a mask to the array that products read, see :class:`~brainevent_core.encodings.Encoding`.

=============  ========  ===========================================================================================
primitive      operands  result
=============  ========  ===========================================================================================
encode_events  mask      the events along the first axis in the ``encoding``, with ``length`` entries there
=============  ========  ===========================================================================================

The mask has dtype bool, and shape (n,) or (n, columns). If the capacity of a list of events ("compact") is too small,
it holds the first ones.
"""

from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core import reference
from brainevent_core.encodings import ENCODINGS, Encoding
from brainevent_core.errors import DTypeError, MathError
from brainevent_core.primitive import XLACustomKernel
from brainevent_core.primitives.matmul import fold_batch

__all__ = ["encode_events_p"]

encode_events_p = XLACustomKernel("encode_events", tags=("events",), _builtin=True)


def _abstract(mask: Any, *, encoding: Encoding, length: int) -> Any:
    if encoding.encode is None:
        able = ", ".join(name for name, one in ENCODINGS.items() if one.encode)
        raise MathError(f"Events are encoded as one of {able}, not as {encoding.name!r}.")
    if mask.dtype != jnp.bool_ or mask.ndim not in (1, 2):
        raise DTypeError(
            f"Events are encoded from booleans of shape (n,) or (n, columns), got {mask.dtype} of {tuple(mask.shape)}."
        )
    needed = encoding.length
    if length < 1 if needed is None else length != needed(mask.shape[0]):
        wanted = "at least 1" if needed is None else needed(mask.shape[0])
        raise MathError(f"{mask.shape[0]} events as {encoding.name} have length {wanted}, not {length}.")
    return jax.ShapeDtypeStruct((length, *mask.shape[1:]), encoding.dtype)


encode_events_p.def_abstract_eval(_abstract)
encode_events_p.def_reference(reference.encode_events)
encode_events_p.def_batching_rule(fold_batch(encode_events_p))
