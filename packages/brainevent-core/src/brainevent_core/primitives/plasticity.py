"""Plasticity: events change the weights of their row or column. One declaration for all formats, sides and bounds.

===========  ===============================================  =====================================================
primitive    operands                                         result
===========  ===============================================  =====================================================
stdp_update  data, \\*structure, x, trace, lower, upper        new data: ``trace[out]`` is added to each weight whose
                                                              ``x[in]`` is an event
===========  ===============================================  =====================================================

Static parameters are those of ``sddmm`` (``format``, ``shape``, ``transpose``, and ``encoding``, one
of events), and ``clip``: whether "all" weights are clipped to the bounds, or only those that were "updated". Bounds are
scalars, or one per weight; infinity means no bound. Events of the stored rows are the transposed case, as in
``matmul``.
"""

from collections.abc import Sequence
from typing import Any

import jax

from brainevent_core import reference
from brainevent_core._jax import is_live
from brainevent_core.encodings import Encoding
from brainevent_core.errors import DTypeError, MathError
from brainevent_core.formats import Format, Shape
from brainevent_core.primitive import XLACustomKernel
from brainevent_core.primitives.matmul import check_weights, lengths, sddmm_p

__all__ = ["CLIPS", "stdp_update_p"]

#: Which weights are clipped to the bounds.
CLIPS = ("all", "updated")

stdp_update_p = XLACustomKernel("stdp_update", tags=("plasticity",), overwrites=(0,), _builtin=True)


def _update_abstract(
    data: Any, *operands: Any, format: Format, shape: Shape, transpose: bool, encoding: Encoding, clip: str
) -> Any:
    *structure, x, trace, lower, upper = operands
    format.validate(data, structure, shape)
    per_entry = format.weights_shape(structure, shape)
    if tuple(data.shape) != per_entry:
        raise MathError(
            f"Plasticity changes every weight by itself, so it takes weights of shape {per_entry}, one per entry; this "
            f"matrix has homogeneous weights, one for all. Make it with `jnp.full({per_entry}, weight)`."
        )
    check_weights(data.dtype)
    out_length, in_length = lengths(shape, transpose)
    if not encoding.event:
        raise DTypeError(f"The spikes of an update are events, got the encoding {encoding.name!r}.")
    encoding.validate(x, in_length, data.dtype, "The vector of spikes")
    if x.ndim != 1:
        raise MathError(f"An update takes one vector of spikes, got shape {tuple(x.shape)}; jax.vmap maps over more.")
    for what, array, shapes in (
        ("trace", trace, [(out_length,)]),
        ("lower", lower, [(), per_entry]),
        ("upper", upper, [(), per_entry]),
    ):
        if tuple(array.shape) not in shapes or array.dtype != data.dtype:
            raise MathError(
                f"{what} must have shape {' or '.join(map(str, shapes))} and the dtype of the weights, {data.dtype}; "
                f"got {tuple(array.shape)} and {array.dtype}."
            )
    if clip not in CLIPS:
        raise MathError(f"clip must be one of {CLIPS}, got {clip!r}.")
    return jax.ShapeDtypeStruct(data.shape, data.dtype)


def _update_jvp(primals: Sequence[Any], tangents: Sequence[Any], **static: Any) -> Any:
    """The tangent of the reference with ``sddmm``, which has all derivatives; straight-through for spikes."""
    live = [i for i, tangent in enumerate(tangents) if is_live(tangent)]

    def of_live(*values: Any) -> Any:
        operands = list(primals)
        for i, value in zip(live, values, strict=True):
            operands[i] = value
        return reference.stdp_update(*operands, sddmm=sddmm_p, **static)

    return jax.jvp(of_live, [primals[i] for i in live], [tangents[i] for i in live])


stdp_update_p.def_abstract_eval(_update_abstract)
stdp_update_p.def_reference(reference.stdp_update)
stdp_update_p.def_jvp_rule(_update_jvp)
