"""A ring buffer with a slot for each of the next steps: events are delivered to it, and slots are taken from it.

=========  ======================================  ====================================================================
primitive  operands                                result
=========  ======================================  ====================================================================
deliver    ring, data, \\*structure, t, x           ``ring[(t + delay) mod slots, out] += weight · x[in]`` over all
                                                   entries
take_slot  ring, t                                 the ring with zeros in slot ``t mod slots``, and its old values
=========  ======================================  ====================================================================

The ring has shape (slots, length of the result), and the dtype of the weights or of their sums. ``t`` is the current
step, a scalar of any integer dtype. Static parameters of ``deliver`` are those of ``matmul``; the format carries
:data:`~brainevent_core.formats.DELAY`. x is a vector. An entry whose delay is not in [1, slots) does not arrive.
Kernels overwrite the ring. ``take_slot`` is a primitive because a slice and an update of JAX have no order: XLA would
copy the ring twice in each step of a loop.

Delivery is linear in ring and data together, and in ring and x (as numbers). At a given step, a matrix with delays
equals a matrix without delays that has a row for each number of the ring, so the adjoints are those of products.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from brainevent_core import reference
from brainevent_core._jax import instantiate_zero, is_live, is_undefined_primal
from brainevent_core.encodings import FLOAT, Encoding
from brainevent_core.errors import DTypeError, MathError, UnsupportedOperationError
from brainevent_core.formats import COO_FORMAT, DELAY, Format, Shape
from brainevent_core.primitive import XLACustomKernel, defjvp
from brainevent_core.primitives.matmul import (
    check_weights,
    check_x,
    decoded_cotangent,
    decoded_tangent,
    lengths,
    matmul_p,
    nones,
    sddmm_p,
)
from brainevent_core.reference import accumulator

__all__ = ["deliver_p", "take_slot_p"]

deliver_p = XLACustomKernel("deliver", tags=("product", "delays"), overwrites=(0,), _builtin=True)
take_slot_p = XLACustomKernel("take_slot", tags=("delays",), overwrites=(0,), _builtin=True)


# -- deliver ---------------------------------------------------------------------------------------------------------


def _abstract(
    ring: Any, data: Any, *operands: Any, format: Format, shape: Shape, transpose: bool, encoding: Encoding
) -> Any:
    *structure, t, x = operands
    if not format.carries(DELAY):
        raise MathError(f"Delivery needs delays, and the format {format} has none: it must carry {DELAY!r}.")
    format.validate(data, structure, shape)
    check_weights(data.dtype)
    check_x("vector", x, encoding, data.dtype, shape=shape, transpose=transpose)
    if x.ndim != 1:
        raise MathError(f"Delivery takes one vector, got shape {tuple(x.shape)}; jax.vmap maps over more.")
    length, _ = lengths(shape, transpose)
    if ring.ndim != 2 or ring.shape[0] < 1 or ring.shape[1] != length:
        raise MathError(f"The ring must have shape (slots, {length}) with at least one slot, got {tuple(ring.shape)}.")
    if ring.dtype not in (data.dtype, accumulator(data.dtype)):
        possible = " or ".join(dict.fromkeys(str(jnp.dtype(one)) for one in (data.dtype, accumulator(data.dtype))))
        raise DTypeError(f"A ring for weights of {data.dtype} must have dtype {possible}, got {ring.dtype}.")
    _check_step(t)
    return jax.ShapeDtypeStruct(ring.shape, ring.dtype)


def _check_step(t: Any) -> None:
    if t.shape != () or not jnp.issubdtype(t.dtype, jnp.integer):
        raise DTypeError(f"The step must be one whole number, got {t.dtype} of shape {tuple(t.shape)}.")


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, encoding: Encoding, **params: Any) -> Any:
    """The tangent of the ring, with the other tangents delivered to it."""
    _, data, *rest, x = primals
    out_dot, data_dot, *_, x_dot = tangents
    if is_live(data_dot):
        out_dot = deliver_p(instantiate_zero(out_dot), data_dot, *rest, x, encoding=encoding, **params)
    if is_live(x_dot):
        _, length = lengths(params["shape"], params["transpose"])
        tangent = decoded_tangent(x_dot, x, encoding, length, data.dtype)
        out_dot = deliver_p(instantiate_zero(out_dot), data, *rest, tangent, encoding=FLOAT, **params)
    return None, out_dot


def _transpose(
    ct: Any,
    ring: Any,
    data: Any,
    *operands: Any,
    format: Format,
    shape: Shape,
    transpose: bool,
    encoding: Encoding,
) -> Sequence[Any]:
    *structure, t, x = operands
    _, length = lengths(shape, transpose)
    place, source, _ = reference.ring_entries(ct.shape, structure, t, format, shape, transpose)
    as_product: dict[str, Any] = {"format": COO_FORMAT, "shape": (ct.size, length)}
    ring_ct = ct if is_undefined_primal(ring) else None
    data_ct = x_ct = None
    if is_undefined_primal(x):
        if encoding.event:
            raise UnsupportedOperationError(
                "Delivery is not linear in the spikes, so it has no transpose with respect to them. jax.grad works (it "
                "is straight-through); for linear_transpose, deliver numbers."
            )
        weights = data.reshape(-1).astype(ct.dtype)
        x_ct = matmul_p(weights, place, source, ct.reshape(-1), transpose=True, encoding=FLOAT, **as_product)
        x_ct = decoded_cotangent(x_ct, x, encoding, length)
    elif is_undefined_primal(data):
        dtype, homogeneous = data.aval.dtype, format.is_homogeneous(data.aval)
        if encoding.dtype is None and not encoding.event:
            x = x.astype(ct.dtype)
        if homogeneous:
            unit = jnp.ones(1, ct.dtype)
            per_unit = matmul_p(unit, place, source, x, transpose=False, encoding=encoding, **as_product)
            wide = accumulator(ct.dtype)
            data_ct = jnp.sum(ct.reshape(-1).astype(wide) * per_unit.astype(wide)).reshape(1)
        else:
            data_ct = sddmm_p(ct.reshape(-1), place, source, x, transpose=False, encoding=encoding, **as_product)
            data_ct = data_ct.reshape(data.aval.shape)
        data_ct = data_ct.astype(dtype)
    return [ring_ct, data_ct, *nones(*structure, t), x_ct]


deliver_p.def_abstract_eval(_abstract)
deliver_p.def_reference(reference.deliver)
deliver_p.def_jvp_rule(_jvp)
deliver_p.def_transpose_rule(_transpose)


# -- take_slot -------------------------------------------------------------------------------------------------------


def _take_abstract(ring: Any, t: Any) -> Any:
    _check_step(t)
    if ring.ndim != 2 or ring.shape[0] < 1:
        raise MathError(f"The ring must have shape (slots, n) with at least one slot, got {tuple(ring.shape)}.")
    return tuple(jax.ShapeDtypeStruct(shape, ring.dtype) for shape in (ring.shape, ring.shape[1:]))


def _take_transpose(cts: Sequence[Any], ring: Any, t: Any) -> Sequence[Any]:
    ring_ct, now_ct = cts
    return [reference.with_slot(ring_ct, t, now_ct), None]


take_slot_p.def_abstract_eval(_take_abstract)
take_slot_p.def_reference(reference.take_slot)
defjvp(take_slot_p, lambda ring_dot, ring, t: take_slot_p(ring_dot, t))
take_slot_p.def_transpose_rule(_take_transpose)
