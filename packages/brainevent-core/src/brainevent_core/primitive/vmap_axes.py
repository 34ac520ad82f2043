"""Mapped axes as data, so that a primitive remains a single primitive under any nesting of ``jax.vmap``.

A static parameter of a primitive contains a :class:`VmapAxis` for each enclosing ``vmap``. Operands that are mapped by
it have its axis in front, outer axes first; outputs have all mapped axes. The rules of a primitive are written for
operands without mapped axes, and :func:`vmap_over` lifts them with ``jax.vmap`` itself, so a rule can't be right for
one nesting and wrong for another. (Equinox's ``create_vprim`` works in the same way.)
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

__all__ = [
    "VmapAxis",
    "as_list",
    "batch_shape",
    "general_batching_rule",
    "number_mapped",
    "number_of_members",
    "sequential_map",
    "sum_unmapped",
    "unmapped_avals",
    "vmap_over",
]


class VmapAxis(NamedTuple):
    """One ``vmap``: its size, and which operands are mapped."""

    size: int
    mapped: tuple[bool, ...]


def batch_shape(vmap_axes: Sequence[VmapAxis]) -> tuple[int, ...]:
    """The shape that the mapped axes add in front of every output."""
    return tuple(axis.size for axis in vmap_axes)


def number_mapped(vmap_axes: Sequence[VmapAxis], operand: int) -> int:
    """The number of mapped axes of an operand."""
    return sum(axis.mapped[operand] for axis in vmap_axes)


def number_of_members(vmap_axes: Sequence[VmapAxis]) -> int:
    """The number of calls with unmapped operands that a call represents."""
    return math.prod(batch_shape(vmap_axes))


def unmapped_avals(vmap_axes: Sequence[VmapAxis], avals: Sequence[Any]) -> list[jax.ShapeDtypeStruct]:
    """Shape and dtype of the operands without their mapped axes."""
    return [jax.ShapeDtypeStruct(aval.shape[number_mapped(vmap_axes, i) :], aval.dtype) for i, aval in enumerate(avals)]


def vmap_over(fn: Callable[..., Any], vmap_axes: Sequence[VmapAxis], follow: Sequence[int] = ()) -> Callable[..., Any]:
    """``fn``, lifted from unmapped operands to operands with mapped axes.

    Args:
        fn: takes the operands, then one argument per entry of ``follow``, all without mapped axes.
        vmap_axes: outermost first.
        follow: for each further argument, the operand whose mapped axes it shares, or -1 if it has all of them
            (as outputs and their cotangents do).
    """
    for axis in reversed(vmap_axes):
        in_axes = [0 if mapped else None for mapped in axis.mapped]
        in_axes += [0 if operand < 0 or axis.mapped[operand] else None for operand in follow]
        fn = jax.vmap(fn, in_axes=tuple(in_axes), out_axes=0, axis_size=axis.size)
    return fn


def sum_unmapped(vmap_axes: Sequence[VmapAxis], operand: int, cotangent: Any) -> Any:
    """Sum a cotangent, which has all mapped axes, over those that its operand does not have."""
    positions = tuple(position for position, axis in enumerate(vmap_axes) if not axis.mapped[operand])
    return cotangent.sum(positions) if positions else cotangent


def as_list(outputs: Any) -> list[Any]:
    """The result of a rule or kernel, one output or a sequence of them, as a list."""
    return list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]


def sequential_map(fn: Callable[..., Any], mapped: Sequence[bool], arrays: Sequence[Any]) -> Any:
    """Call ``fn`` for each element of the mapped arrays, with all of the other arrays, in a compiled loop."""

    def one(elements: Sequence[Any]) -> Any:
        remaining = iter(elements)
        return fn(*(next(remaining) if is_mapped else array for array, is_mapped in zip(arrays, mapped)))

    return jax.lax.map(one, [array for array, is_mapped in zip(arrays, mapped) if is_mapped])


def general_batching_rule(prim: Any, args: Sequence[Any], axes: Sequence[int | None], **static: Any) -> tuple[Any, Any]:
    """Batch any primitive by one call for each element of the batch, sequentially, in a compiled loop.

    An :class:`XLACustomKernel` needs no batching rule, because its batched form is derived from its reference and its
    kernels.

    Args:
        prim: an :class:`XLACustomKernel`, or a primitive of JAX.
        args: the operands.
        axes: the mapped axis of each operand, None for those that aren't mapped.
        **static: static parameters.

    Returns:
        The outputs and their mapped axes, as rules of batching return them.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from brainevent import XLACustomKernel, general_batching_rule
        >>> total = XLACustomKernel("docs.total")
        >>> total.def_abstract_eval(lambda x: jax.ShapeDtypeStruct((), x.dtype))
        >>> total.def_reference(lambda x: x.sum())
        >>> total.def_batching_rule(lambda size, args, axes: general_batching_rule(total, args, axes))
        >>> jax.vmap(total)(jnp.ones((2, 3)))
        Array([3., 3.], dtype=float32)
    """
    mapped = [axis is not None for axis in axes]
    fronted = [x if axis is None else jnp.moveaxis(x, axis, 0) for x, axis in zip(args, axes, strict=True)]
    call = getattr(prim, "bind", prim)  # of a primitive of JAX, or an XLACustomKernel
    outputs = sequential_map(lambda *one: call(*one, **static), mapped, fronted)
    return outputs, jax.tree.map(lambda _: 0, outputs)
