"""How kernels walk the entries of a stored matrix, independent of what they do with each entry."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from brainevent_core.encodings import Encoding
from brainevent_core.formats import (
    COO_FORMAT,
    CSC_INDEX,
    CSR_FORMAT,
    DENSE_FORMAT,
    FIXED_NUM_FORMAT,
    WEIGHT_INDICES,
    Format,
    Shape,
    Structure,
)
from brainevent_cpu.kernels.matmul import SPARSE_FORMATS

from .native.spec import C_TYPES

__all__ = ["FORMATS", "Entries", "entries_of", "known_operands"]


def _with_weight_indices(base: Format) -> tuple[Format, ...]:
    indexed = base.with_component(WEIGHT_INDICES)
    return (indexed,) if base is COO_FORMAT else (indexed, indexed.with_component(CSC_INDEX))


#: The formats whose entries kernels walk.
FORMATS = (
    DENSE_FORMAT,
    *SPARSE_FORMATS,
    *(one for base in (COO_FORMAT, CSR_FORMAT, FIXED_NUM_FORMAT) for one in _with_weight_indices(base)),
)


def known_operands(avals: Sequence[Any], structure: Sequence[Any]) -> bool:
    """Whether all sizes of the operands are known, and kernels can read the dtypes of the indices (not int4)."""
    sizes = [size for aval in avals for size in aval.shape]
    return all(isinstance(size, int) for size in sizes) and all(
        array.dtype.name in C_TYPES and np.dtype(array.dtype).kind in "iu" for array in structure
    )


_INDEX_DTYPES = (
    ("index", "indices"),
    ("index", "target"),
    ("second", "pointer"),
    ("second", "source"),
    ("perm", "perm"),
)


@dataclasses.dataclass(frozen=True)
class Entries:
    """How the entries of a matrix are walked, and the arrays with their positions, see `native.spec`."""

    strategy: str
    layout: str
    arrays: dict[str, jax.Array]
    nse: int
    lines: int
    width: int
    bound: int
    bound2: int = 0

    @property
    def dtypes(self) -> dict[str, Any]:
        """The dtypes of indices, as attributes of a `KernelSpec`."""
        return {name: self.arrays[array].dtype.name for name, array in _INDEX_DTYPES if array in self.arrays}


def entries_of(
    structure: Structure, format: Format, shape: Shape, transpose: bool, encoding: Encoding, *, permutes: bool
) -> Entries:
    perm = {"perm": structure.weight_indices} if permutes and format.carries(WEIGHT_INDICES) else {}
    if format.base is COO_FORMAT:
        order = -1 if transpose else 1
        target, source = (structure.row, structure.col)[::order]
        arrays = {"target": target, "source": source, **perm}
        return Entries("coordinates", "", arrays, target.size, 0, 0, *shape[::order])
    rows, columns = shape
    strategy = "scatter" if transpose else "gather"
    if format is DENSE_FORMAT:
        return Entries(strategy, "dense", {}, rows * columns, rows, columns, columns)
    if format.carries(CSC_INDEX) and not transpose and encoding.selects:
        # Only columns with an event are walked; `csc_perm` has the positions of their weights.
        perm = {"perm": structure.csc_perm} if permutes else {}
        arrays = {"indices": structure.csc_indices, "pointer": structure.csc_indptr, **perm}
        return Entries("scatter", "csr", arrays, structure.csc_indices.size, columns, 0, rows)
    indices = structure.indices
    if format.base is CSR_FORMAT:
        arrays = {"indices": indices, "pointer": structure.indptr, **perm}
        return Entries(strategy, "csr", arrays, indices.size, rows, 0, columns)
    if format.base is FIXED_NUM_FORMAT:
        width = indices.size // max(rows, 1)
        return Entries(strategy, "fixed_num", {"indices": indices, **perm}, indices.size, rows, width, columns)
    raise NotImplementedError(f"No kernel reads the entries of {format}.")
