"""Products of stored matrices, their derivatives with respect to the weights, and access to values of a matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import brainevent
from brainevent_core.encodings import get_encoding
from fuzz import model, values
from fuzz.array_layouts import for_jax
from fuzz.matrices import (
    BATCH,
    INDEX,
    KINDS,
    SIZES,
    build,
    data_shape,
    draw_matrix,
    exists,
    length,
    longer,
    matrix_faults,
    replaced,
)
from fuzz.operations import Fault, Operation, Row, Trial, public

__all__ = ["OPERANDS", "OPERATIONS", "draw_operand", "multiply", "operand_faults", "reading"]

DTYPES = ["float32", "float16", "bfloat16", "float64"]
INDICES = ["int32", "uint8", "int16", "uint32", "int64", "uint64", "int8"]


@dataclass(frozen=True)
class Kind:
    """A kind of operand.

    Attributes:
        make: creates the operand from an array, for a product that sums over an axis.
        dtype: of the array; None means the dtype of the weights.
        event: whether its entries are events.
        keeps_value: whether events keep their value, rather than count as 1.
    """

    make: Callable[[Any, int], Any]
    dtype: str | None = None
    event: bool = True
    keeps_value: bool = False


OPERANDS: dict[str, Kind] = {
    "numbers": Kind(lambda x, axis: x, event=False),
    "bool": Kind(lambda x, axis: brainevent.BinaryArray(x), "bool"),
    "int": Kind(lambda x, axis: brainevent.BinaryArray(x), "int32"),
    "float": Kind(lambda x, axis: brainevent.BinaryArray(x), "float32"),
    "bitpacked": Kind(lambda x, axis: brainevent.BitPackedBinary(x, axis=axis), "float32"),
    "compact": Kind(lambda x, axis: brainevent.CompactBinary(x, axis=axis), "bool"),
    "masked": Kind(lambda x, axis: public("SparseFloat")(x), event=True, keeps_value=True),
}

COLUMNS: dict[str, list[Any]] = {
    "kind": KINDS,
    "operand": [name for name in OPERANDS if name != "masked"],
    "index": INDICES,
    "size": list(SIZES),
    "dtype": DTYPES,
    "from_left": [False, True],
    "rank": [1, 2],
    "homogeneous": [False, True],
}


def operand_shape(row: Row) -> tuple[int, ...]:
    n = length(row)
    return (n,) if row["rank"] == 1 else (BATCH, n) if row["from_left"] else (n, BATCH)


def draw_operand(row: Row, random: np.random.Generator) -> np.ndarray:
    dtype = OPERANDS[row["operand"]].dtype
    if dtype is None:
        return values.numbers(random, operand_shape(row), row["dtype"])
    return values.spikes(random, operand_shape(row), dtype)


def _draw_product(row: Row, random: np.random.Generator) -> Trial:
    structure, entries, good = draw_matrix(row, random)
    weights = values.numbers(random, data_shape(row), row["dtype"])
    x = draw_operand(row, random)
    arrays = {"weights": weights, **structure, "x": x}
    return Trial(arrays, lambda: [model.product(entries, weights, x, **reading(row))], good)


def reading(row: Row) -> dict[str, bool]:
    """How the model interprets the operand of a cell."""
    kind = OPERANDS[row["operand"]]
    return {"from_left": row["from_left"], "event": kind.event, "keeps_value": kind.keeps_value}


def multiply(row: Row, matrix: Any, x: Any) -> Any:
    operand = OPERANDS[row["operand"]].make(x, -1 if row["from_left"] else 0)
    return operand @ matrix if row["from_left"] else matrix @ operand


def product_call(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    make = build(row)
    return lambda arrays, check: [multiply(row, make(arrays, check), arrays["x"])]


def operand_faults(row: Row) -> Mapping[str, Fault]:
    """Invalid operands for a cell."""
    axis = -1 if row["from_left"] else 0
    return {
        "operand too long": replaced("x", lambda x: np.concatenate([x, np.ones_like(x, shape=(*x.shape[:-1], 1))], -1))
        if axis == -1
        else replaced("x", lambda x: np.concatenate([x, np.ones_like(x, shape=(1, *x.shape[1:]))])),
        "operand of rank 3": replaced("x", lambda x: x.reshape(x.shape + (1,) * (3 - x.ndim))),
        "operand a number": replaced("x", lambda x: x.dtype.type(1)),
        "complex operand": replaced("x", lambda x: x.astype(np.complex64)),
        "complex weights": replaced("weights", lambda w: w.astype(np.complex64)),
    }


def _all_faults(row: Row) -> Mapping[str, Fault]:
    return {**matrix_faults(row), **operand_faults(row)}


def _draw_gradient(row: Row, random: np.random.Generator) -> Trial:
    structure, entries, good = draw_matrix(row, random)
    shape = data_shape(row)
    weights = values.numbers(random, shape, row["dtype"], finite=True)
    x = draw_operand(row, random)
    lines = SIZES[row["size"]][1 if row["from_left"] else 0]
    out_shape = (lines,) if row["rank"] == 1 else (BATCH, lines) if row["from_left"] else (lines, BATCH)
    y = values.numbers(random, out_shape, row["dtype"], finite=True)
    event = OPERANDS[row["operand"]].event
    return Trial(
        {"weights": weights, **structure, "x": x, "y": y},
        lambda: [model.sddmm(entries, shape, x, y, from_left=row["from_left"], event=event)],
        good,
    )


def _gradient(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    make = build(row)

    def call(arrays: dict[str, Any], check: bool) -> Any:
        def product(weights: Any) -> Any:
            return multiply(row, make({**arrays, "weights": weights}, check), arrays["x"])

        weights = for_jax(arrays["weights"])
        return jax.vjp(product, weights)[1](for_jax(arrays["y"]))

    return call


def _draw_dense(row: Row, random: np.random.Generator) -> Trial:
    structure, entries, good = draw_matrix(row, random)
    weights = values.numbers(random, data_shape(row), row["dtype"])

    def expected() -> list[model.Expected]:
        dense = model.scattered(entries, weights)
        turned = model.Expected(dense.values.T, dense.sizes.T)
        return [dense, turned]

    return Trial({"weights": weights, **structure}, expected, good)


def _dense(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    make = build(row)

    def call(arrays: dict[str, Any], check: bool) -> Any:
        matrix = make(arrays, check)
        return [matrix.todense(), matrix.T.todense()]

    return call


def _draw_index(row: Row, random: np.random.Generator) -> Trial:
    structure, entries, good = draw_matrix(row, random)

    def expected() -> list[model.Expected]:
        transposed = row["kind"] in model.TRANSPOSED
        stored_row, stored_col = (entries.col, entries.row) if transposed else (entries.row, entries.col)
        columns = entries.shape[0 if transposed else 1]
        order = np.lexsort((entries.slot, stored_col))
        counts = np.concatenate([[0], np.cumsum(np.bincount(stored_col, minlength=columns)[:columns])])
        behind = np.setdiff1d(np.arange(structure["indices"].size), entries.slot)
        rows = np.concatenate([stored_row[order], np.full(behind.size, -1)])
        found = (rows, counts, np.concatenate([entries.slot[order], behind]))
        return [model.Expected(array.astype(float), np.zeros(array.shape)) for array in found]

    return Trial({"weights": np.ones(1, np.float32), **structure}, expected, good)


def _index(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    make = build({**row, "kind": row["kind"] + INDEX})

    def call(arrays: dict[str, Any], check: bool) -> Any:
        rows, indptr, slots = make(arrays, check).__matrix_spec__.structure[-3:]
        return [jnp.where(jnp.arange(rows.size) < indptr[-1], rows, -1), indptr, slots]

    return call


# -- operands that users can't create: encodings and indices with arbitrary contents -----------------------------------


def _draw_encoded(row: Row, random: np.random.Generator) -> Trial:
    structure, entries, _ = draw_matrix(row, random)
    weights = values.numbers(random, data_shape(row), row["dtype"])
    n = length(row)
    columns = () if row["rank"] == 1 else (BATCH,)
    x: np.ndarray
    if row["operand"] == "bitpacked":
        x = random.integers(2**32, size=(-(-n // 32), *columns), dtype=np.uint32)
        bits = ((x[:, None] >> np.arange(32, dtype=np.uint32).reshape(-1, *(1,) * len(columns))) & 1).astype(bool)
        mask = bits.reshape(-1, *columns)[:n]
    else:
        capacity = int(np.ceil(1.5 * n))
        x = values.indices(random, (1 + capacity, *columns), n, "int32")
        x[0] = random.choice([0, 1, capacity, capacity + 1, -1, 2**31 - 1, -(2**31)], size=columns)
        mask = np.zeros((n, *columns), bool)
        for column in np.ndindex(*columns):
            listed = x[(slice(1, 1 + max(int(x[(0, *column)]), 0)), *column)]
            listed = listed[(listed >= 0) & (listed < n)]
            mask[(listed, *column)] = True
    turned = mask.T if row["from_left"] else mask

    def expected() -> list[model.Expected]:
        found = model.product(entries, weights, turned, from_left=row["from_left"], event=True)
        return [model.Expected(found.values.T, found.sizes.T) if row["from_left"] else found]

    return Trial({"weights": weights, **structure, "x": x}, expected)


def _encoded(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    from brainevent_core.primitives import matmul_p

    make = build(row)

    def call(arrays: dict[str, Any], check: bool) -> Any:
        stored = make(arrays, False).__matrix_spec__
        # A list of words doesn't determine their dtype.
        x = for_jax(arrays["x"], get_encoding(row["operand"]).dtype)
        get_encoding(row["operand"]).validate(x, length(row), stored.data.dtype, "x")
        data = jnp.atleast_1d(stored.data)
        transpose = stored.transposed != row["from_left"]
        encoding = get_encoding(row["operand"])
        params = {"format": stored.format, "shape": stored.shape, "transpose": transpose, "encoding": encoding}
        return [matmul_p(data, *stored.structure, x, **params)]

    return call


def _draw_false_index(row: Row, random: np.random.Generator) -> Trial:
    trial = _draw_product(row, random)
    kind = row["kind"].removesuffix(INDEX)
    rows, columns, _ = SIZES[row["size"]]
    lines, width = (columns, rows) if kind in model.TRANSPOSED else (rows, columns)
    slots = int(np.prod(trial.arrays["indices"].shape))
    for name, array in (
        ("column_rows", values.indices(random, (slots,), lines, "int32")),
        ("column_indptr", values.pointers(random, width, slots, "int32")),
        ("column_slots", values.indices(random, (slots,), slots, "int32")),
    ):
        trial.arrays[name] = array
    return Trial(trial.arrays, lambda: None)


def _false_index(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    make = build(row)

    def call(arrays: dict[str, Any], check: bool) -> Any:
        leaves, tree = jax.tree.flatten(make(arrays, False))
        leaves[-3:] = [for_jax(arrays[name]) for name in ("column_rows", "column_indptr", "column_slots")]
        return [multiply(row, jax.tree.unflatten(tree, leaves), arrays["x"])]

    return call


#: Fewer values, where more would only repeat the same code.
_FEW: dict[str, list[Any]] = {
    **COLUMNS,
    "index": ["int32", "uint8", "uint64"],
    "size": ["small", "words", "no-rows", "large"],
    "dtype": ["float32", "bfloat16", "float64"],
}
_PLAIN = [kind for kind in KINDS if not kind.endswith(INDEX)]

OPERATIONS = [
    Operation("product", COLUMNS, _draw_product, product_call, allowed=exists, faults=_all_faults),
    Operation(
        "product with values of events",
        {**_FEW, "operand": ["masked"]},
        _draw_product,
        product_call,
        needs=("SparseFloat",),
        allowed=exists,
        faults=_all_faults,
    ),
    Operation(
        "weight gradient",
        {**_FEW, "kind": _PLAIN, "operand": ["numbers", "bool", "float"]},
        _draw_gradient,
        _gradient,
        allowed=exists,
        faults=_all_faults,
    ),
    Operation(
        "dense array",
        {name: _FEW[name] for name in ("kind", "index", "size", "dtype", "homogeneous")},
        _draw_dense,
        _dense,
        allowed=exists,
        faults=matrix_faults,
        backends=("reference",),
    ),
    Operation(
        "column index",
        {"kind": ["CSR", "CSC", "FixedPostNumConn", "FixedPreNumConn"], "index": INDICES, "size": _FEW["size"]},
        _draw_index,
        _index,
        faults=lambda row: matrix_faults({**row, "homogeneous": True}),
        backends=("reference",),
    ),
    Operation(
        "encoded operand",
        {
            **{name: _FEW[name] for name in ("size", "from_left", "rank", "homogeneous")},
            "kind": ["CSR", "COO", "Dense", "CSR+index", "FixedPostNumConn+index"],
            "operand": ["bitpacked", "compact"],
            "dtype": ["float32"],
        },
        _draw_encoded,
        _encoded,
        allowed=exists,
        faults=lambda row: {"operand too short": replaced("x", lambda x: x[:0])} if length(row) else {},
    ),
    Operation(
        "false column index",
        {
            **{name: COLUMNS[name] for name in ("operand", "from_left", "rank", "homogeneous")},
            "kind": [kind for kind in KINDS if kind.endswith(INDEX)],
            "size": ["small", "words", "large"],
            "dtype": ["float32"],
        },
        _draw_false_index,
        _false_index,
        faults=lambda row: {"too many slots": replaced("column_slots", longer)},
        backends=("numba", "guarded"),
    ),
]
