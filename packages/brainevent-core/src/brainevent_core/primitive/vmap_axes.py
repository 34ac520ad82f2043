"""Mapped axes as data: how a primitive stays one primitive under any nesting of ``jax.vmap``.

A primitive carries, as a static parameter, the levels of vmap around it. Every operand mapped at a level has that
level's axis in front; outer levels come first. Outputs have all of them. The rules of a primitive are written for
operands without mapped axes, and :func:`over_levels` lifts them by ``jax.vmap`` itself, so that a rule cannot be
wrong for one nesting and right for another. (Equinox's ``create_vprim`` works in the same way.)
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

__all__ = ["VmapAxis", "axes_in_front", "one_after_the_other", "over_levels", "sizes", "strip", "sum_unmapped"]


class VmapAxis(NamedTuple):
    """One ``vmap``: its size, and which operands are mapped."""

    size: int
    mapped: tuple[bool, ...]


def sizes(levels: Sequence[VmapAxis]) -> tuple[int, ...]:
    """The shape that the levels add in front of every output."""
    return tuple(level.size for level in levels)


def axes_in_front(levels: Sequence[VmapAxis], operand: int) -> int:
    """How many mapped axes an operand has."""
    return sum(level.mapped[operand] for level in levels)


def strip(levels: Sequence[VmapAxis], shapes: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The shapes of the operands without their mapped axes."""
    return [tuple(shape[axes_in_front(levels, i) :]) for i, shape in enumerate(shapes)]


def over_levels(fn: Callable[..., Any], levels: Sequence[VmapAxis], follow: Sequence[int] = ()) -> Callable[..., Any]:
    """``fn`` of unmapped operands, lifted to operands that carry the mapped axes of ``levels``.

    Args:
        fn: takes the operands, then one argument per entry of ``follow``, all without mapped axes.
        levels: the levels of vmap, outermost first.
        follow: for each further argument, the operand whose mapped axes it shares, or -1 if it has all of them
            (as outputs and their cotangents do).
    """
    for level in reversed(levels):
        axes = [0 if mapped else None for mapped in level.mapped]
        axes += [0 if operand < 0 or level.mapped[operand] else None for operand in follow]
        fn = jax.vmap(fn, in_axes=tuple(axes), out_axes=0, axis_size=level.size)
    return fn


def one_after_the_other(fn: Callable[..., Any], mapped: Sequence[bool], arrays: Sequence[Any]) -> Any:
    """``fn`` of one element of each mapped array, and of all of the others, for every element in a compiled loop."""

    def one(elements: Sequence[Any]) -> Any:
        remaining = iter(elements)
        return fn(*(next(remaining) if is_mapped else array for array, is_mapped in zip(arrays, mapped)))

    return jax.lax.map(one, [array for array, is_mapped in zip(arrays, mapped) if is_mapped])


def sum_unmapped(levels: Sequence[VmapAxis], operand: int, cotangent: Any) -> Any:
    """Add up a cotangent, which has the axes of all levels, over those that its operand does not have."""
    axes = tuple(axis for axis, level in enumerate(levels) if not level.mapped[operand])
    return cotangent.sum(axes) if axes else cotangent
