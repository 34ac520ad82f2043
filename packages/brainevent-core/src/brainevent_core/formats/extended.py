"""Formats that are made of another by adding arrays to its structure."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from brainevent_core.formats.base import Format, Shape

__all__ = ["extended"]


def extended(
    fmt: Format,
    suffix: str,
    names: tuple[str, ...],
    lengths: Callable[[int, Shape], tuple[int, ...]],
    remedy: str,
    **rules: Any,
) -> Format:
    """``fmt`` with further structure arrays, vectors, behind its own.

    Args:
        fmt: the format that it is made of.
        suffix: what its name has behind an underscore.
        names: of the arrays.
        lengths: ``(number of weights, shape) → length of each array``.
        remedy: what to do if one has another length.
        rules: attributes of the format that differ from those of ``fmt``.
    """
    own = len(fmt.structure)

    def of_base(rule: Callable[..., Any]) -> Callable[..., Any]:
        return lambda structure, shape: rule(structure[:own], shape)

    def check_abstract(structure: Sequence[Any], shape: Shape) -> str | None:
        expected = lengths(prod(fmt.data_shape(structure[:own], shape)), shape)
        for name, array, length in zip(names, structure[own:], expected, strict=True):
            if tuple(array.shape) != (length,):
                return f"{name} must have shape ({length},), got {tuple(array.shape)}; {remedy}"
        return fmt.check_abstract(structure[:own], shape)

    assert fmt.entries is not None
    assert fmt.by_rows is not None
    of_fmt = {
        "extends": fmt.name,
        "data_shape": of_base(fmt.data_shape),
        "check_abstract": check_abstract,
        "check_values": of_base(fmt.check_values),
        "entries": of_base(fmt.entries),
        "by_rows": of_base(fmt.by_rows),
    }
    return replace(fmt, name=f"{fmt.name}_{suffix}", structure=(*fmt.structure, *names), **{**of_fmt, **rules})
