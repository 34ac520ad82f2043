"""Matrices with few entries along very long axes: no entry may move, and no array may have the length of the axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import brainevent
from fuzz import values
from fuzz.model import Expected
from fuzz.operations import Operation, Row, Trial, public

__all__ = ["OPERATIONS"]

#: Lengths around the limits of 32 bits, and far beyond.
LENGTHS = [2**31 - 1, 2**31, 2**31 + 5, 2**32 + 5, 2**40]
ROWS, ENTRIES, ASKED = 3, 6, 4
INT32_LENGTH = 2**31 - 1


def _draw(row: Row, random: np.random.Generator) -> Trial:
    length, limits = row["length"], np.iinfo(row["index"])
    near = np.array([0, 1, 3, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 4, length - 1, length - 2], object)
    inside = near[[int(limits.min) <= one <= int(limits.max) and one < length for one in near]]
    strays = np.array([length, -1, limits.min, limits.max, 2 * length], object)
    share = random.choice([0.0, 0.0, 0.3])
    line = np.repeat(np.arange(ROWS), ENTRIES // ROWS)
    other = np.where(random.random(ENTRIES) < share, random.choice(strays, ENTRIES), random.choice(inside, ENTRIES))
    other = np.clip(other, int(limits.min), int(limits.max)).astype(row["index"])
    weights = values.numbers(random, (ENTRIES,), "float32", finite=True)
    good = all(0 <= int(one) < length for one in other)
    asked = random.choice(near[[one < length for one in near]], ASKED)
    asked = np.where(random.random(ASKED) < 0.2, asked - length, asked).astype(np.int64)

    def expected() -> list[Expected]:
        found, sizes = np.zeros((ROWS, ASKED)), np.zeros((ROWS, ASKED))
        for k, j in enumerate(asked):
            for i, at, weight in zip(line, other, weights, strict=True):
                if 0 <= int(at) < length and int(at) == int(j) % length:
                    found[i, k] += float(weight)
                    sizes[i, k] += abs(float(weight))
        pairs = np.arange(ASKED) % ROWS, np.arange(ASKED)
        columns = Expected(found, sizes)
        return [columns, Expected(found[pairs], sizes[pairs]), columns, Expected(found.T, sizes.T)]

    too_long = length > INT32_LENGTH and row["mode"] == "x32"
    arrays = {"weights": weights, "line": line, "other": other, "asked": asked}
    return Trial(arrays, expected, good, out_of_range=too_long)


def _ask(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    shape = (ROWS, row["length"])

    def make(arrays: dict[str, Any], check: bool) -> Any:
        weights, line, other = (arrays[name] for name in ("weights", "line", "other"))
        if row["kind"] == "CSR":
            indptr = np.arange(ROWS + 1) * (ENTRIES // ROWS)
            return brainevent.CSR(weights, other, indptr, shape=shape, check=check)
        if row["kind"] == "FixedPostNumConn":
            weights, other = (np.asarray(of).reshape(ROWS, -1) for of in (weights, other))
            return brainevent.FixedPostNumConn(weights, other, shape=shape, check=check)
        return brainevent.COO(weights, line, other, shape=shape, check=check)

    def call(arrays: dict[str, Any], check: bool) -> Any:
        matrix, asked = make(arrays, check), arrays["asked"]
        pairs = matrix[np.arange(ASKED) % ROWS, asked]
        return [matrix[:, asked], pairs, matrix.tocsr().tocoo()[:, asked], matrix.T[asked]]

    return call


def _draw_conversion(row: Row, random: np.random.Generator) -> Trial:
    trial = _draw(row, random)
    order = np.argsort(trial.arrays["line"], kind="stable")
    other = trial.arrays["other"]

    def expected() -> list[Expected]:
        indices = other[order].astype(np.float64)
        return [Expected(indices, np.zeros(ENTRIES)), Expected(order.astype(np.float64), np.zeros(ENTRIES))]

    return Trial({"line": trial.arrays["line"], "other": other}, expected, trial.well_formed, True, trial.out_of_range)


def _convert(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    return lambda arrays, check: public("coo2csr")(arrays["line"], arrays["other"], shape=(ROWS, row["length"]))[1:]


_COLUMNS: dict[str, list[Any]] = {
    "kind": ["COO", "CSR", "FixedPostNumConn"],
    "index": values.INTEGERS,
    "length": LENGTHS,
    "mode": ["x32", "x64"],
}

OPERATIONS = [
    Operation(
        "long axes",
        _COLUMNS,
        _draw,
        _ask,
        needs=("COO.__getitem__", "COO.tocsr"),
        traced=False,
        backends=("reference",),
    ),
    Operation(
        "indices of long axes",
        {name: of for name, of in _COLUMNS.items() if name != "kind"},
        _draw_conversion,
        _convert,
        needs=("coo2csr",),
        traced=False,
        backends=("reference",),
    ),
]
