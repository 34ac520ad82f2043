"""Random matrices of each class, and their construction from a cell, for all operations on stored matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import brainevent
from fuzz import model, values
from fuzz.operations import Fault, Row

__all__ = [
    "BATCH",
    "INDEX",
    "KINDS",
    "SIZES",
    "STRUCTURE",
    "build",
    "data_shape",
    "draw_matrix",
    "exists",
    "length",
    "longer",
    "matrix_faults",
    "replaced",
]

INDEX = "+index"
BATCH = 3

#: Names of the structure's arrays for each class.
STRUCTURE: dict[str, tuple[str, ...]] = {
    "CSR": ("indices", "indptr"),
    "CSC": ("indices", "indptr"),
    "COO": ("row", "col"),
    "FixedPostNumConn": ("indices",),
    "FixedPreNumConn": ("indices",),
    "Dense": (),
}

KINDS = [*STRUCTURE, *(name + INDEX for name in ("CSR", "CSC", "FixedPostNumConn", "FixedPreNumConn"))]

#: Rows, columns, and approximate number of entries. The last is large enough for several threads in a batched product.
SIZES: dict[str, tuple[int, int, int]] = {
    "small": (5, 7, 12),
    "words": (40, 70, 90),
    "no-rows": (0, 7, 4),
    "no-columns": (5, 0, 4),
    "no-entries": (5, 7, 0),
    "large": (300, 200, 36_000),
}


def exists(row: Row) -> bool:
    """Dense matrices have neither indices nor homogeneous weights."""
    return not (row.get("kind") == "Dense" and (row.get("homogeneous") or row.get("index", "int32") != "int32"))


def _lines(kind: str, size: str) -> tuple[int, int, int]:
    """The number of compressed rows (or columns), their length, and the number of entries in each."""
    rows, columns, entries = SIZES[size]
    lines, width = (columns, rows) if kind in model.TRANSPOSED else (rows, columns)
    return lines, width, -(-entries // max(lines, 1))


def data_shape(row: Row) -> tuple[int, ...]:
    """The shape of the weights of a cell."""
    kind = row["kind"].removesuffix(INDEX)
    if row.get("homogeneous"):
        return (1,)
    if kind == "Dense":
        return SIZES[row["size"]][:2]
    lines, _, per_line = _lines(kind, row["size"])
    return (lines, per_line) if kind.startswith("Fixed") else (SIZES[row["size"]][2],)


def draw_matrix(row: Row, random: np.random.Generator) -> tuple[dict[str, np.ndarray], model.Entries, bool]:
    """The structure's arrays by name, the entries that they describe, and whether validation accepts them."""
    kind, size, dtype = row["kind"].removesuffix(INDEX), row["size"], row.get("index", "int32")
    rows, columns, entries = SIZES[size]
    lines, width, per_line = _lines(kind, size)
    if kind in ("CSR", "CSC"):
        arrays = [
            values.indices(random, (entries,), width, dtype),
            values.pointers(random, lines, entries, dtype),
        ]
    elif kind == "COO":
        arrays = [values.indices(random, (entries,), bound, dtype) for bound in (rows, columns)]
    elif kind == "Dense":
        arrays = []
    else:
        arrays = [values.indices(random, (lines, per_line), width, dtype)]
    structure = tuple(arrays)
    named = dict(zip(STRUCTURE[kind], structure, strict=True))
    shape = (rows, columns)
    return named, model.entries_of(kind, structure, shape), model.is_well_formed(kind, structure, shape)


def build(row: Row) -> Callable[[Mapping[str, Any], bool], Any]:
    """A function that creates the matrix of a cell from its arrays."""
    kind = row["kind"].removesuffix(INDEX)
    cls, names = getattr(brainevent, kind), STRUCTURE[kind]
    rows, columns, _ = SIZES[row["size"]]

    def make(arrays: Mapping[str, Any], check: bool) -> Any:
        shape = arrays.get("shape", (rows, columns))
        if kind == "Dense":
            return cls(arrays["weights"], shape=shape)
        matrix = cls((arrays["weights"], *(arrays[name] for name in names)), shape=shape, check=check)
        return matrix.with_csc_index() if row["kind"].endswith(INDEX) else matrix

    return make


def length(row: Row) -> int:
    """The length of a product's operand."""
    return SIZES[row["size"]][0 if row["from_left"] else 1]


def replaced(name: str, change: Callable[[Any], Any]) -> Fault:
    """A fault in one argument."""
    return lambda arrays: {**arrays, name: change(np.asarray(arrays[name]))}


def longer(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array, array[:1] if array.size else np.zeros((2, *array.shape[1:]), array.dtype)])


def matrix_faults(row: Row) -> dict[str, Fault]:
    """Invalid ranks, lengths, dtypes and shapes, with which no matrix of a cell can be created."""
    kind = row["kind"].removesuffix(INDEX)
    rows, columns, _ = SIZES[row["size"]]
    faults: dict[str, Fault] = {
        "shape of three": lambda arrays: {**arrays, "shape": (rows, columns, 1)},
        "negative shape": lambda arrays: {**arrays, "shape": (-1, columns)},
        "no shape": lambda arrays: {**arrays, "shape": ()},
        "shape of text": lambda arrays: {**arrays, "shape": "ab"},
        "fraction of a row": lambda arrays: {**arrays, "shape": (rows + 0.5, columns)},
        "weights of text": replaced("weights", lambda w: np.full(w.shape, "a")),
        "weights of rank 3": replaced("weights", lambda w: np.ones((2, *w.shape, 1), np.float32)),
    }
    if not row.get("homogeneous"):
        faults["too many weights"] = replaced("weights", lambda w: longer(longer(w)))
    for name in STRUCTURE[kind]:
        faults[f"{name} of float"] = replaced(name, lambda a: a.astype(np.float32))
        faults[f"{name} of bool"] = replaced(name, lambda a: a.astype(bool))
        faults[f"{name} of rank 3"] = replaced(name, lambda a: a.reshape(*a.shape, *(1,) * (3 - a.ndim)))
        faults[f"{name} a number"] = replaced(name, lambda a: np.int32(0))
    if kind in ("CSR", "CSC"):
        faults["pointers too long"] = replaced("indptr", longer)
        faults["pointers too short"] = replaced("indptr", lambda a: a[:-1])
        faults["pointers of rank 2"] = replaced("indptr", lambda a: a[None])
    if kind == "COO":
        faults["rows and columns of two lengths"] = replaced("row", longer)
    if kind.startswith("Fixed"):
        faults["a line too many"] = replaced("indices", longer)
        faults["indices of rank 1"] = replaced("indices", lambda a: a.ravel())
    return faults
