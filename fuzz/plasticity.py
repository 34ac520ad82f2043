"""Plasticity: spikes on one side add a trace of the other side to the weights of their synapses, which are clipped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fuzz import model, values
from fuzz.matrices import SIZES, STRUCTURE, build, data_shape, draw_matrix
from fuzz.operations import Operation, Row, Trial, public

__all__ = ["OPERATIONS"]

#: Bounds by name: lower and upper.
BOUNDS: dict[str, tuple[float | None, float | None]] = {
    "free": (None, None),
    "below": (None, 0.5),
    "both": (-0.25, 0.75),
}


def _updated(
    row: Row, entries: model.Entries, weights: np.ndarray, spikes: np.ndarray, trace: np.ndarray
) -> model.Expected:
    source, target = (entries.row, entries.col) if row["pre"] else (entries.col, entries.row)
    active = spikes[source] != 0
    slots = entries.slot[active]
    new = weights.astype(np.float64).ravel().copy()
    sizes = np.abs(new)
    added = trace.astype(np.float64)[target[active]]
    with np.errstate(invalid="ignore"):
        new[slots] += added
        sizes[slots] += np.abs(added)
    lower, upper = BOUNDS[row["bounds"]]
    clipped = np.clip(new, -np.inf if lower is None else lower, np.inf if upper is None else upper)
    if row["clip"] == "all":
        new = clipped
    else:
        new[slots] = clipped[slots]
    return model.Expected(new.reshape(weights.shape), sizes.reshape(weights.shape))


def _draw(row: Row, random: np.random.Generator) -> Trial:
    structure, entries, good = draw_matrix(row, random)
    weights = values.numbers(random, data_shape(row), row["dtype"])
    rows, columns, _ = SIZES[row["size"]]
    spikes = values.spikes(random, (rows if row["pre"] else columns,), row["spikes"])
    trace = values.numbers(random, (columns if row["pre"] else rows,), row["dtype"])
    return Trial(
        {"weights": weights, **structure, "spikes": spikes, "trace": trace},
        lambda: [_updated(row, entries, weights, spikes, trace)],
        good,
        may_refuse=True,
    )


def _options(row: Row) -> dict[str, Any]:
    lower, upper = BOUNDS[row["bounds"]]
    return {"w_min": lower, "w_max": upper, "clip": row["clip"]}


def _ordered(row: Row, arrays: dict[str, Any]) -> tuple[Any, Any]:
    """Spikes and trace in the order of the call: presynaptic side first."""
    return (arrays["spikes"], arrays["trace"]) if row["pre"] else (arrays["trace"], arrays["spikes"])


def _method(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    make = build(row)

    def call(arrays: dict[str, Any], check: bool) -> Any:
        matrix = make(arrays, check)
        update = matrix.update_on_pre if row["pre"] else matrix.update_on_post
        return [update(*_ordered(row, arrays), **_options(row)).data]

    return call


def _function(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    family = {"CSR": "csr", "CSC": "csc", "COO": "coo", "Dense": "dense"}[row["kind"]]
    function = public(f"update_{family}_on_binary_{'pre' if row['pre'] else 'post'}")
    names = ("weights", *STRUCTURE[row["kind"]])
    shape = {"shape": SIZES[row["size"]][:2]} if row["kind"] in ("CSR", "CSC") else {}

    def call(arrays: dict[str, Any], check: bool) -> Any:
        return [function(*(arrays[name] for name in names), *_ordered(row, arrays), **_options(row), **shape)]

    return call


_COLUMNS: dict[str, list[Any]] = {
    "kind": [*STRUCTURE],
    "pre": [True, False],
    "bounds": list(BOUNDS),
    "clip": ["all", "updated"],
    "spikes": ["bool", "float32", "int32"],
    "size": ["small", "words", "no-rows", "large"],
    "dtype": ["float32", "float16"],
}


def _in_order(row: Row) -> bool:
    """Only functions for events on the compressed axis, which take the same arrays as the class."""
    return (row.get("kind"), row.get("pre")) not in (("CSR", False), ("CSC", True))


OPERATIONS = [
    Operation("plasticity", _COLUMNS, _draw, _method, needs=("CSR.update_on_pre", "FixedNumConn.update_on_post")),
    Operation(
        "plasticity functions",
        {**_COLUMNS, "kind": ["CSR", "CSC", "COO", "Dense"]},
        _draw,
        _function,
        needs=[
            *(f"update_{family}_on_binary_{side}" for family in ("coo", "dense") for side in ("pre", "post")),
            "update_csr_on_binary_pre",
            "update_csc_on_binary_post",
        ],
        allowed=_in_order,
    ),
]
