"""JAX's rules for a primitive under any ``vmap``, made from declared rules for operands without mapped axes.

Each function here is one of JAX's rules for a primitive. Derivatives are lifted by :func:`vmap_over`. Arguments are
positional-only, so that static parameters can have any name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from brainevent_core import _jax, config
from brainevent_core.config import Request
from brainevent_core.primitive import sharding
from brainevent_core.primitive.vmap_axes import (
    VmapAxis,
    as_list,
    number_mapped,
    sum_unmapped,
    unmapped_avals,
    vmap_over,
)

if TYPE_CHECKING:
    from brainevent_core.primitive.primitive import XLACustomKernel

__all__ = ["abstract_eval", "batch", "jvp", "transpose"]

VmapAxes = tuple[VmapAxis, ...]


class _Declined(Exception):
    """A batching rule has returned NotImplemented."""


def abstract_eval(
    kernel: XLACustomKernel, /, *avals: Any, _vmap_axes: VmapAxes, _request: Request | None, **static: Any
) -> list[Any]:
    rules = kernel.rules
    outputs = as_list(rules.outputs(kernel.name, unmapped_avals(_vmap_axes, avals), static))
    return sharding.output_avals(kernel.name, rules.sharding, outputs, avals, _vmap_axes, static)


def jvp(
    kernel: XLACustomKernel,
    primals: Sequence[Any],
    tangents: Sequence[Any],
    /,
    *,
    _vmap_axes: VmapAxes,
    _request: Request | None,
    **static: Any,
) -> tuple[Any, Any]:
    whole = kernel.rules.jvp
    per_operand = kernel.rules.tangent_rules(len(primals))
    live = [i for i, tangent in enumerate(tangents) if _jax.is_live(tangent)]
    missing = [i for i in live if whole is None and per_operand[i] is None]
    if missing:
        raise NotImplementedError(
            f"{kernel.name!r} has no derivative with respect to operand {missing[0]}. Declare one with defjvp or "
            "def_jvp_rule, or stop the gradient with jax.lax.stop_gradient."
        )

    outputs = kernel.primitive.bind(*primals, _vmap_axes=_vmap_axes, _request=_request, **static)
    # Only floating-point outputs have tangents that can be mapped.
    moving = [i for i, out in enumerate(outputs) if jnp.issubdtype(out.dtype, jnp.inexact)]

    def tangents_out(*operands: Any) -> Any:
        values, dots = operands[: len(primals)], operands[len(primals) :]
        if whole is None:
            parts = [as_list(per_operand[i](dot, *values, **static)) for i, dot in zip(live, dots)]
            sums = [sum(part[1:], start=part[0]) for part in zip(*parts)]
            return [sums[i] for i in moving]
        symbolic: list[Any] = [_jax.zero_like(value) for value in values]
        for i, dot in zip(live, dots):
            symbolic[i] = dot
        _, out = whole(values, symbolic, **static)
        return [_jax.instantiate_zero(as_list(out)[i]) for i in moving]

    output_tangents: list[Any] = [_jax.zero_like(out) for out in outputs]
    if live and moving:
        with config.derived_from(_request):
            dots = vmap_over(tangents_out, _vmap_axes, follow=live)(*primals, *(tangents[i] for i in live))
        dots = sharding.split_as(dots, [jax.typeof(outputs[i]) for i in moving])
        for i, dot in zip(moving, dots, strict=True):
            output_tangents[i] = dot
    return outputs, output_tangents


def transpose(
    kernel: XLACustomKernel,
    cotangents: Sequence[Any],
    /,
    *operands: Any,
    _vmap_axes: VmapAxes,
    _request: Request | None,
    **static: Any,
) -> Sequence[Any]:
    rule = kernel.rules.transpose
    if rule is None:
        raise NotImplementedError(
            f"{kernel.name!r} has no transpose rule: it is not linear, or none was declared with def_transpose_rule."
        )
    linear = [i for i, operand in enumerate(operands) if _jax.is_undefined_primal(operand)]
    if all(type(ct) is _jax.Zero for ct in cotangents):
        return [None] * len(operands)
    cotangents = [_jax.instantiate_zero(ct) for ct in cotangents]
    unmapped = unmapped_avals(_vmap_axes, [op.aval if i in linear else op for i, op in enumerate(operands)])

    def cotangents_in(*values: Any) -> list[Any]:
        operands_, cts = list(values[: len(operands)]), values[len(operands) :]
        for i in linear:
            operands_[i] = _jax.undefined(unmapped[i].shape, unmapped[i].dtype)
        results = rule(cts[0] if len(cts) == 1 else list(cts), *operands_, **static)
        return [_jax.instantiate_zero(results[i]) for i in linear]

    # A linear operand enters the lifted rule as a placeholder: only its mapped axes matter there.
    placeholders = [
        jnp.zeros(op.aval.shape[: number_mapped(_vmap_axes, i)], op.aval.dtype) if i in linear else op
        for i, op in enumerate(operands)
    ]
    lifted = vmap_over(cotangents_in, _vmap_axes, follow=[-1] * len(cotangents))
    with config.derived_from(_request):
        found = lifted(*placeholders, *cotangents)
    results: list[Any] = [None] * len(operands)
    for i, ct in zip(linear, found):
        results[i] = _jax.sharded_like(sum_unmapped(_vmap_axes, i, ct), operands[i].aval)
    return results


def batch(
    kernel: XLACustomKernel,
    operands: Sequence[Any],
    axes: Sequence[Any],
    /,
    *,
    _vmap_axes: VmapAxes,
    _request: Request | None,
    **static: Any,
) -> tuple[Any, Any]:
    """Apply the declared rule if it supports the call; otherwise bind the same primitive with one more mapped axis."""
    size = next(op.shape[axis] for op, axis in zip(operands, axes) if axis is not None)
    mapped = tuple(axis is not None for axis in axes)
    if kernel.rules.batching is not None:
        try:
            return _batch_by_rule(kernel.rules.batching, size, operands, axes, _vmap_axes, _request, static)
        except _Declined:
            pass
    fronted = [jnp.moveaxis(op, axis, 0) if m else op for op, axis, m in zip(operands, axes, mapped)]
    vmap_axes = (VmapAxis(size, mapped), *_vmap_axes)
    request = _request and _request.for_derived()
    outputs = kernel.primitive.bind(*fronted, _vmap_axes=vmap_axes, _request=request, **static)
    return outputs, [0] * len(outputs)


def _batch_by_rule(
    rule: Any,
    size: int,
    operands: Sequence[Any],
    axes: Sequence[Any],
    vmap_axes: VmapAxes,
    request: Request | None,
    static: dict[str, Any],
) -> tuple[Any, Any]:
    """Apply the rule inside the existing mapped axes; the new axis comes after them."""
    inner = [
        op if axis is None else jnp.moveaxis(op, axis, number_mapped(vmap_axes, i))
        for i, (op, axis) in enumerate(zip(operands, axes))
    ]

    def apply(*values: Any) -> list[Any]:
        result = rule(size, values, [None if axis is None else 0 for axis in axes], **static)
        if result is NotImplemented:
            raise _Declined
        outputs, out_axes = as_list(result[0]), as_list(result[1])
        return [jnp.moveaxis(out, axis, 0) for out, axis in zip(outputs, out_axes)]

    with config.derived_from(request):
        outputs = vmap_over(apply, vmap_axes)(*inner)
    return outputs, [len(vmap_axes)] * len(outputs)
