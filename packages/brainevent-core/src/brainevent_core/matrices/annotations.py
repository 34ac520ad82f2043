"""Annotations of the entries of a matrix, such as delays, when entries are reordered, selected or transposed.

Annotations are in the orientation of the matrix here: one number for all entries, (1,); one for each row, (rows, 1), or
column, (1, columns); or one for each entry, (nse,), in storage order. For a matrix in blocks, the first axis is the
blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import jax.numpy as jnp

from brainevent_core.formats import Component, InBlocks, within
from brainevent_core.ops import MatrixSpec

if TYPE_CHECKING:
    from brainevent_core.matrices.base import Matrix

__all__ = ["Annotations", "annotated", "annotations_of", "entrywise", "padded", "rows_selected", "taken", "turned"]

_M = TypeVar("_M", bound="Matrix")

#: The arrays of each component that annotates.
Annotations: TypeAlias = list[tuple[Component, list[Any]]]


def annotations_of(spec: MatrixSpec) -> Annotations:
    """The annotations of the entries of a matrix."""
    if not spec.format.annotations:
        return []
    structure = spec.format.named(spec.structure)
    found = [(one, [getattr(structure, name) for name in one.structure]) for one in spec.format.annotations]
    return turned(found, spec.format) if spec.transposed else found


def annotated(matrix: _M, annotations: Annotations) -> _M:
    """A matrix with its annotations replaced by these."""
    spec = matrix.__matrix_spec__
    plain = spec.unannotated
    arrays = dict(zip(plain.format.names, plain.structure, strict=True))
    fmt = plain.format
    for component, _ in annotations:
        fmt = fmt.with_component(component)
    for component, values in turned(annotations, fmt) if spec.transposed else annotations:
        arrays |= zip(component.structure, values, strict=True)
    static = (matrix.shape, fmt, *matrix._static[2:])
    return matrix.tree_unflatten(static, (matrix.data, *(arrays[name] for name in fmt.names)))


def turned(annotations: Annotations, format: Any) -> Annotations:
    """The annotations of the transpose of a matrix with that format."""
    of_lines = 2 + isinstance(format, InBlocks)
    return _mapped(annotations, lambda array: array.swapaxes(-1, -2) if array.ndim == of_lines else array)


def taken(annotations: Annotations, order: Any) -> Annotations:
    """The annotations of the entries in another order; None for the same order."""
    if order is None:
        return annotations

    def reordered(array: Any) -> Any:
        if not _is_entrywise(array):
            return array
        return array.at[within(order, array.shape[0])].get(mode="fill", fill_value=1, wrap_negative_indices=False)

    return _mapped(annotations, reordered)


def rows_selected(annotations: Annotations, rows: Any, entries: Any) -> Annotations:
    """The annotations of some rows, which have these entries."""

    def selected(array: Any) -> Any:
        if _is_entrywise(array):
            return array[entries]
        return array[rows] if array.ndim == 2 and array.shape[1] == 1 else array

    return _mapped(annotations, selected)


def padded(annotations: Annotations, surplus: int) -> Annotations:
    """The annotations of a matrix with ``surplus`` padding entries."""
    if surplus <= 0:
        return annotations
    return _mapped(
        annotations,
        lambda array: jnp.pad(array, (0, surplus), constant_values=1) if _is_entrywise(array) else array,
    )


def entrywise(spec: MatrixSpec) -> list[Any]:
    """The arrays that have a number for each entry, which distinguish entries at the same place."""
    return [array for _, arrays in annotations_of(spec) for array in arrays if _is_entrywise(array)]


def _is_entrywise(array: Any) -> bool:
    return bool(array.ndim == 1 and array.shape[0] != 1)


def _mapped(annotations: Annotations, change: Any) -> Annotations:
    return [(component, [change(array) for array in arrays]) for component, arrays in annotations]
