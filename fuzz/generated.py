"""Products with just-in-time connectivity; the model is that of the tests, in plain Python."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from tests import jitc_model

import brainevent
from fuzz import model, values
from fuzz.matrices import SIZES
from fuzz.operations import Fault, Operation, Row, Trial
from fuzz.products import OPERANDS, draw_operand, multiply, operand_faults, reading

__all__ = ["OPERATIONS"]

SHAPE = SIZES["small"][:2]

#: Parameters of the weight distribution, by class.
PARAMETERS = {"Scalar": ("weight",), "Normal": ("loc", "scale"), "Uniform": ("low", "high")}

PROBABILITIES = [0.0, 0.3, 1.0]

FAULTY_PROBABILITIES: list[Any] = [float("nan"), -0.1, 1.5, float("inf"), "0.1", None, [0.1, 0.2]]


def _law(row: Row) -> str:
    return next(law for law in PARAMETERS if law in row["kind"])


@functools.cache
def _connections(seed: tuple[int, int], prob: float, along_rows: bool) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Rows, columns and draws."""
    lines, length = SHAPE if along_rows else SHAPE[::-1]
    found = [(i, j, drawn) for i in range(lines) for j, drawn in jitc_model.line(seed, i, prob, length)]
    line, position = (np.array([entry[k] for entry in found], int) for k in (0, 1))
    row, col = (line, position) if along_rows else (position, line)
    return row, col, [drawn for _, _, drawn in found]


def _draw(row: Row, random: np.random.Generator) -> Trial:
    law = _law(row)
    # Only a few different seeds, as the model is slow.
    seed = np.array([[0, 0], [0, 1], [2**32 - 1, 2**32 - 1], [7, 2**31]][random.integers(4)], np.uint32)
    infinite = law == "Scalar" and OPERANDS[row["operand"]].event
    parameters = {name: values.numbers(random, (), "float32", finite=not infinite) for name in PARAMETERS[law]}
    x = draw_operand(row, random)

    def expected() -> list[model.Expected]:
        at, to, drawn = _connections((int(seed[0]), int(seed[1])), row["prob"], row["kind"].endswith("R"))
        entries = model.Entries(at, to, np.arange(at.size), SHAPE)
        a, *rest = (float(value) for value in parameters.values())
        if law == "Scalar":
            weights, sizes = np.full(at.size, a), np.full(at.size, abs(a))
        else:
            variates = np.array([jitc_model.normal(d) if law == "Normal" else jitc_model.uniform(d) for d in drawn])
            spread = rest[0] if law == "Normal" else rest[0] - a
            weights, sizes = a + spread * variates, abs(a) + abs(spread) * np.abs(variates)
        found = model.product(entries, weights, x, **reading(row))
        large = model.product(entries, sizes, np.abs(x) if x.dtype != bool else x, **reading(row))
        return [model.Expected(found.values, large.values)]

    return Trial({**parameters, "seed": seed, "x": x}, expected)


def _call(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    cls = getattr(brainevent, f"JITC{row['kind']}")
    names = PARAMETERS[_law(row)]

    def call(arrays: dict[str, Any], check: bool) -> Any:
        prob, shape = arrays.get("prob", row["prob"]), arrays.get("shape", SHAPE)
        matrix = cls((*(arrays[name] for name in names), prob, arrays["seed"]), shape=shape)
        return [multiply(row, matrix, arrays["x"])]

    return call


def _faults(row: Row) -> Mapping[str, Fault]:
    first = PARAMETERS[_law(row)][0]
    faults: dict[str, Fault] = {
        f"probability {prob!r}": functools.partial(lambda prob, arrays: {**arrays, "prob": prob}, prob)
        for prob in FAULTY_PROBABILITIES
    }
    faults["two weights"] = lambda arrays: {**arrays, first: np.ones(2, np.float32)}
    faults["seed of float"] = lambda arrays: {**arrays, "seed": np.ones(2, np.float32)}
    faults["seed of three words"] = lambda arrays: {**arrays, "seed": np.ones(3, np.uint32)}
    faults["negative shape"] = lambda arrays: {**arrays, "shape": (-1, 7)}
    faults["shape of one"] = lambda arrays: {**arrays, "shape": (5,)}
    operand = {name: fault for name, fault in operand_faults(row).items() if name != "complex weights"}
    return {**faults, **operand}


OPERATIONS = [
    Operation(
        "generated product",
        {
            "kind": [f"{law}{side}" for law in PARAMETERS for side in "RC"],
            "prob": PROBABILITIES,
            "operand": ["numbers", "bool", "float", "bitpacked", "compact"],
            "from_left": [False, True],
            "rank": [1, 2],
            "dtype": ["float32"],
            "size": ["small"],
        },
        _draw,
        _call,
        faults=_faults,
    ),
]
