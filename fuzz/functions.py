"""The functional interface, index conversions, and access to rows and other values of a matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fuzz import model, values
from fuzz.array_layouts import for_jax
from fuzz.matrices import SIZES, STRUCTURE, build, data_shape, draw_matrix, matrix_faults, replaced
from fuzz.operations import Fault, Operation, Row, Trial, public
from fuzz.products import draw_operand, operand_faults

__all__ = ["OPERATIONS"]

#: For each format's prefix of function names, the class with the same arrays.
PREFIXES = {"csr": "CSR", "coo": "COO", "fcn": "FixedPostNumConn", "dense": "Dense"}


# -- csrmv, binary_csrmm, ... ------------------------------------------------------------------------------------------


def _as_matrix(row: Row) -> dict[str, Any]:
    """The cell of the operator that is equivalent to a function: a product from the left for the transpose."""
    kind = PREFIXES[row["prefix"]]
    return {**row, "kind": kind, "operand": "float" if row["event"] else "numbers", "from_left": row["transpose"]}


def _draw_function(row: Row, random: np.random.Generator) -> Trial:
    cell = _as_matrix(row)
    structure, entries, good = draw_matrix(cell, random)
    weights = values.numbers(random, data_shape(cell), "float32")
    x = draw_operand(cell, random)
    how = {"from_left": row["transpose"], "event": row["event"]}

    def expected() -> list[model.Expected]:
        found = model.product(entries, weights, x, **how)
        return [model.Expected(found.values.T, found.sizes.T) if row["transpose"] else found]

    # Functions take vectors as columns, with and without transpose.
    arrays = {"weights": weights, **structure, "x": x.T if row["transpose"] else x}
    return Trial(arrays, expected, good, may_refuse=True)


def _function(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    cell = _as_matrix(row)
    name = f"{'binary_' if row['event'] else ''}{row['prefix']}{'mv' if row['rank'] == 1 else 'mm'}"
    function = public(name)
    arrays_of = ("weights", *STRUCTURE[cell["kind"]], "x")

    def call(arrays: dict[str, Any], check: bool) -> Any:
        shape = {} if row["prefix"] == "dense" else {"shape": arrays.get("shape", SIZES[row["size"]][:2])}
        return [function(*(arrays[name] for name in arrays_of), transpose=row["transpose"], **shape)]

    return call


def _function_faults(row: Row) -> Mapping[str, Fault]:
    cell = _as_matrix(row)
    faults: dict[str, Fault] = dict(matrix_faults(cell))
    if row["prefix"] == "dense":  # the shape is that of the weights
        faults = {name: fault for name, fault in faults.items() if "shape" not in name and name != "fraction of a row"}
        del faults["too many weights"]
    faults["operand a number"] = operand_faults(cell)["operand a number"]
    faults["operand too long"] = replaced("x", lambda x: np.concatenate([x, np.ones_like(x, shape=(1, *x.shape[1:]))]))
    return faults


# -- rows, traces, conversions -----------------------------------------------------------------------------------------


def _draw_rows(row: Row, random: np.random.Generator) -> Trial:
    structure, entries, good = draw_matrix(row, random)
    weights = values.numbers(random, data_shape(row), "float32")
    n = SIZES[row["size"]][0]
    picked = values.picks(random, () if row["one"] else (4,), n, row["ids"])
    exists = np.array([-n <= int(one) < n for one in picked.ravel()], bool).reshape(picked.shape)

    def expected() -> list[model.Expected]:
        dense = model.scattered(entries, weights)
        at = np.where(exists, picked, 0).astype(np.int64) % max(n, 1)
        if n == 0:
            zeros = np.zeros((*picked.shape, dense.values.shape[1]))
            return [model.Expected(zeros, zeros)]
        keep = exists[..., None]
        return [model.Expected(np.where(keep, dense.values[at], 0), np.where(keep, dense.sizes[at], 0))]

    return Trial({"weights": weights, **structure, "picked": picked}, expected, good, out_of_range=not exists.all())


def _rows(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    make = build(row)
    return lambda arrays, check: [make(arrays, check)[arrays["picked"]]]


def _draw_traces(row: Row, random: np.random.Generator) -> Trial:
    structure, entries, good = draw_matrix(row, random)
    shape = data_shape(row)
    weights, rows, columns = (
        values.numbers(random, size, "float32") for size in (shape, *((n,) for n in SIZES[row["size"]][:2]))
    )

    def expected() -> list[model.Expected]:
        results = []
        for y, at in ((rows, entries.row), (columns, entries.col)):
            found = np.zeros(shape)
            with np.errstate(invalid="ignore"):
                found.ravel()[entries.slot] = weights.astype(float).ravel()[entries.slot] * y.astype(float)[at]
            results.append(model.Expected(found, np.abs(found)))
        return results

    return Trial({"weights": weights, **structure, "rows": rows, "columns": columns}, expected, good)


def _traces(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    make = build(row)

    def call(arrays: dict[str, Any], check: bool) -> Any:
        matrix, weights = make(arrays, check), for_jax(arrays["weights"])
        rows, columns = (for_jax(arrays[name]) for name in ("rows", "columns"))
        return [matrix.yw_to_w(rows, weights), matrix.yw_to_w_transposed(columns, weights)]

    return call


def _draw_conversion(row: Row, random: np.random.Generator) -> Trial:
    structure, entries, good = draw_matrix(row, random)
    weights = values.numbers(random, data_shape(row), "float32")
    return Trial({"weights": weights, **structure}, lambda: [model.scattered(entries, weights)] * 3, good)


def _conversion(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    make = build(row)

    def call(arrays: dict[str, Any], check: bool) -> Any:
        matrix = make(arrays, check)
        return [converted.todense() for converted in (matrix.tocoo(), matrix.tocsr(), matrix.tocsc())]

    return call


# -- index conversions: safe with any contents -------------------------------------------------------------------------


def _draw_conversion_of_indices(row: Row, random: np.random.Generator) -> Trial:
    structure, _, good = draw_matrix(row, random)
    return Trial(structure, lambda: None, good, may_refuse=True)


def _from_csr(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    def call(arrays: dict[str, Any], check: bool) -> Any:
        shape = SIZES[row["size"]][:2]
        coordinates = public("csr_to_coo_index")(arrays["indptr"], arrays["indices"])
        return [coordinates, public("csr_to_csc_index")(arrays["indptr"], arrays["indices"], shape=shape)]

    return call


def _from_coo(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    return lambda arrays, check: list(public("coo2csr")(arrays["row"], arrays["col"], shape=SIZES[row["size"]][:2]))


_MATRICES: dict[str, list[Any]] = {
    "kind": [*STRUCTURE],
    "index": ["int32", "uint8"],
    "size": ["small", "no-rows", "no-entries"],
    "dtype": ["float32"],
}
_INDEX_SIZES = ["small", "words", "no-rows", "no-entries"]


def _stored(row: Row) -> bool:
    return not (row.get("kind") == "Dense" and row.get("index", "int32") != "int32")


OPERATIONS = [
    *(
        Operation(
            f"functions of {prefix}",
            {
                "prefix": [prefix],
                "event": [False, True],
                "rank": [1, 2],
                "transpose": [False, True],
                "homogeneous": [False] if prefix == "dense" else [False, True],
                "size": ["small", "no-rows"],
                "dtype": ["float32"],
            },
            _draw_function,
            _function,
            needs=[f"{binary}{prefix}{rank}" for binary in ("", "binary_") for rank in ("mv", "mm")],
            faults=_function_faults,
        )
        for prefix in PREFIXES
    ),
    Operation(
        "rows",
        {**_MATRICES, "one": [True, False], "ids": values.INTEGERS, "mode": ["x32", "x64"]},
        _draw_rows,
        _rows,
        needs=("CSR.__getitem__", "CSR.slice_rows"),
        allowed=_stored,
        backends=("reference", "numba"),
    ),
    Operation(
        "traces of entries",
        _MATRICES,
        _draw_traces,
        _traces,
        needs=("CSR.yw_to_w", "Dense.yw_to_w_transposed"),
        allowed=_stored,
        backends=("reference", "numba"),
    ),
    Operation(
        "conversions",
        {**_MATRICES, "homogeneous": [False, True]},
        _draw_conversion,
        _conversion,
        needs=("CSR.tocoo", "COO.tocsr", "Dense.tocsc"),
        allowed=lambda row: _stored(row) and not (row.get("kind") == "Dense" and row.get("homogeneous")),
        traced=False,  # some need to know the number of entries
        backends=("reference",),
    ),
    Operation(
        "indices from csr",
        {"kind": ["CSR"], "index": ["int32", "int64", "uint8"], "size": _INDEX_SIZES},
        _draw_conversion_of_indices,
        _from_csr,
        needs=("csr_to_coo_index", "csr_to_csc_index"),
        traced=False,
        backends=("reference",),
    ),
    Operation(
        "indices from coo",
        {"kind": ["COO"], "index": ["int32", "int64", "uint8"], "size": _INDEX_SIZES},
        _draw_conversion_of_indices,
        _from_coo,
        needs=("coo2csr",),
        traced=False,
        backends=("reference",),
    ),
]
