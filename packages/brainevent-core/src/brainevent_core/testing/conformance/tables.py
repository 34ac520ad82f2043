"""The tables of cases, one per primitive: its columns, which rows exist, and the random call that a row stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from brainevent_core.formats import FORMATS, WORD_BITS, get_format
from brainevent_core.jitc import LAWS
from brainevent_core.primitives import CLIPS
from brainevent_core.testing.conformance.case import ConformanceCase
from brainevent_core.testing.conformance.operands import (
    EVENTS,
    NUMBERS,
    RATES,
    encoding_of,
    numbers,
    operand,
    random_mask,
)
from brainevent_core.testing.conformance.structures import SHAPES, entries_per_line, random_structure, shape_of
from brainevent_core.testing.pairwise import round_robin, rows

__all__ = ["INPUTS", "TABLES", "PrimitiveCall", "Table", "conformance_cases", "named_case"]

_Columns = dict[str, Sequence[str]]
_Row = Mapping[str, str]

_COLUMNS_OF_X = 3


@dataclass(frozen=True)
class PrimitiveCall:
    """A call of a primitive.

    Attributes:
        operands: NumPy arrays.
        params: static parameters.
        groups: operands that are mapped, scanned or differentiated together, by name; the last is scanned over.
        precision: the dtype that the primitive computes in. Results of any dtype may show its rounding: the derivative
            by events of single precision is a half-precision sum if the weights are.
    """

    operands: list[np.ndarray]
    params: dict[str, Any]
    groups: Mapping[str, tuple[int, ...]]
    precision: str | None = None


@dataclass(frozen=True)
class Table:
    """The cases of one primitive.

    Attributes:
        first: columns of which ``whole`` tables have every combination.
        others: further columns.
        draw: ``(case, rng) → call``.
        exists: whether there is a case in a row, which may be incomplete.
    """

    first: _Columns
    others: _Columns
    draw: Callable[[ConformanceCase, np.random.Generator], PrimitiveCall]
    exists: Callable[[_Row], bool] = lambda row: True

    @property
    def columns(self) -> _Columns:
        """All columns, in the order in which a case's name has them."""
        return {name: column for name, column in {**self.first, **self.others}.items() if name != "transform"} | {
            "transform": self.first["transform"]
        }


def conformance_cases(primitives: Sequence[str], *, whole: bool) -> Iterator[ConformanceCase]:
    """The cases of some primitives.

    Args:
        primitives: their names; those that have no table have no cases.
        whole: every combination of the columns that decide most (format, operand, transform, dtype, ...) with the other
            columns in turn, instead of a pairwise cover of all columns.
    """
    for primitive in primitives:
        table = TABLES.get(primitive)
        if table is None:
            continue
        if whole:
            found = round_robin(table.first, table.others, allowed=table.exists)
        else:
            found = rows(table.columns, whole=False, allowed=table.exists)
        for row in found:
            yield ConformanceCase.of(primitive, {name: row[name] for name in table.columns})


def named_case(name: str) -> ConformanceCase:
    """The case of that name."""
    primitive, *values = name.split("-")
    return ConformanceCase(primitive, tuple(values), tuple(TABLES[primitive].columns))


# -- products and plasticity of stored matrices ------------------------------------------------------------------------

_DIRECTIONS = ("straight", "transposed")
_RANKS = ("vector", "matrix")
_DTYPES = ("float32", "float64", "float16", "bfloat16")
_COMMON: _Columns = {
    "rate": RATES,
    "shape": ["13x7", *(name for name in SHAPES if name != "13x7")],
    "structure": ["wellformed", "malformed"],
    "index": ["int32", "int16", "uint32"],
    "values": ["finite", "nonfinite"],
}


def _transforms(*mapped: str, differentiated: Sequence[str] = (), nested: bool = True) -> list[str]:
    return [
        *("eager", "jit", "scan"),
        *(f"vmap_{group}" for group in (*mapped, "all")),
        *(["nested"] if nested else []),
        *(f"{kind}_{group}" for kind in ("jvp", "vjp") for group in differentiated),
    ]


def _stored_exists(row: _Row) -> bool:
    kind, transform = row.get("operand", ""), row.get("transform", "")
    if row.get("format") == "dense":
        encoded = not kind or kind in ("bitpacked", "compact")
        if transform == "vmap_structure" or row.get("weights") == "homogeneous":
            return False
        if row.get("structure") == "malformed" and not encoded:
            return False
        if row.get("index", "int32") != "int32":
            return False
    # Only these spikes have a tangent.
    return not (transform in ("jvp_x", "vjp_x") and kind and kind not in (*NUMBERS, "binary_float32"))


def _structure(case: ConformanceCase, rng: np.random.Generator) -> list[np.ndarray]:
    shape = shape_of(case["shape"])
    return random_structure(
        case["format"],
        shape,
        entries_per_line(case["shape"]),
        rng,
        malformed=case["structure"] == "malformed",
        index=case["index"],
    )


def _stored_params(case: ConformanceCase) -> dict[str, Any]:
    return {
        "format": case["format"],
        "shape": shape_of(case["shape"]),
        "transpose": case["direction"] == "transposed",
        "operand": encoding_of(case["operand"]),
    }


def _lengths(case: ConformanceCase) -> tuple[int, int]:
    """Length of the result and of the operand."""
    shape = shape_of(case["shape"])
    return shape[::-1] if case["direction"] == "transposed" else shape


def _columns(case: ConformanceCase, length: int) -> tuple[int, ...]:
    return (length,) if case.get("rank", "vector") == "vector" else (length, _COLUMNS_OF_X)


def _x(case: ConformanceCase, rng: np.random.Generator) -> np.ndarray:
    malformed = case.get("structure", "wellformed") == "malformed"
    shape = _columns(case, _lengths(case)[1])
    return operand(case["operand"], shape, case["dtype"], case["rate"], rng, malformed=malformed)


def _draw_matmul(case: ConformanceCase, rng: np.random.Generator) -> PrimitiveCall:
    structure = _structure(case, rng)
    per_entry = get_format(case["format"]).data_shape(structure, shape_of(case["shape"]))
    nonfinite = case["values"] == "nonfinite"
    data = numbers((1,) if case["weights"] == "homogeneous" else per_entry, case["dtype"], rng, nonfinite=nonfinite)
    operands = [data, *structure, _x(case, rng)]
    return PrimitiveCall(operands, _stored_params(case), _groups("data", len(structure), "x"), case["dtype"])


def _draw_sampled(case: ConformanceCase, rng: np.random.Generator) -> PrimitiveCall:
    structure = _structure(case, rng)
    y = numbers(_columns(case, _lengths(case)[0]), case["dtype"], rng, nonfinite=case["values"] == "nonfinite")
    operands = [y, *structure, _x(case, rng)]
    return PrimitiveCall(operands, _stored_params(case), _groups("y", len(structure), "x"), case["dtype"])


def _draw_update(case: ConformanceCase, rng: np.random.Generator) -> PrimitiveCall:
    structure = _structure(case, rng)
    nonfinite = case["values"] == "nonfinite"
    per_entry = get_format(case["format"]).data_shape(structure, shape_of(case["shape"]))
    draw = partial(numbers, dtype=case["dtype"], rng=rng)
    data, trace = draw(per_entry, nonfinite=nonfinite), draw((_lengths(case)[0],), nonfinite=nonfinite)
    lower, upper = (np.asarray(bound).astype(data.dtype) for bound in ([-0.25, 0.75], [-np.inf, np.inf])[nonfinite])
    params = {**_stored_params(case), "clip": case["clip"]}
    groups = {**_groups("data", len(structure), "x"), "trace": (len(structure) + 2,)}
    return PrimitiveCall([data, *structure, _x(case, rng), trace, lower, upper], params, groups, case["dtype"])


def _groups(first: str, structure: int, last: str) -> dict[str, tuple[int, ...]]:
    between = {"structure": tuple(range(1, structure + 1))} if structure else {}
    return {first: (0,), **between, last: (structure + 1,)}


# -- encodings of events -----------------------------------------------------------------------------------------------


def _encoding_exists(row: _Row) -> bool:
    return not (row.get("operand") == "bitpacked" and row.get("slots") == "few")


def _draw_encoding(case: ConformanceCase, rng: np.random.Generator) -> PrimitiveCall:
    length, _ = shape_of(case["shape"])
    if case["operand"] == "bitpacked":
        slots = -(-length // WORD_BITS)
    else:
        slots = 1 + (length if case["slots"] == "roomy" else length // 3)
    return PrimitiveCall([_mask(case, rng)], {"operand": case["operand"], "length": slots}, {"mask": (0,)})


def _mask(case: ConformanceCase, rng: np.random.Generator) -> np.ndarray:
    return random_mask(_columns(case, shape_of(case["shape"])[0]), case["rate"], rng)


# -- connectivity that is generated ------------------------------------------------------------------------------------

#: The last crosses several blocks of a line.
_NETWORKS = ("13x7", "0x3", "3x0", "1x1", "16x16", "37x9001")
_PROBABILITIES = ("0.3", "0.0", "1.0", "0.004")


def _network(case: ConformanceCase, rng: np.random.Generator, window: int) -> list[np.ndarray]:
    seed = _seed(case, rng)
    first = np.zeros(window) if case["first"] == "origin" else rng.integers(1, 5000, size=window)
    return [seed, first.astype(np.uint32)]


def _seed(case: ConformanceCase, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(2**32, size=2, dtype=np.uint32)


def _generated_params(case: ConformanceCase) -> dict[str, Any]:
    return {"prob": float(case["prob"]), "shape": shape_of(case["shape"])}


def _draw_jitc_matmul(case: ConformanceCase, rng: np.random.Generator) -> PrimitiveCall:
    data = numbers((LAWS[case["law"]],), case["dtype"], rng, nonfinite=case["values"] == "nonfinite")
    params = {
        **_generated_params(case),
        "law": case["law"],
        "transpose": case["direction"] == "transposed",
        "operand": encoding_of(case["operand"]),
    }
    groups = {"data": (0,), "seed": (1,), "first": (2,), "x": (3,)}
    # Normal variates are defined up to an error that float32 reaches, whatever they are multiplied with.
    precision = "float32" if case["law"] == "normal" and case["dtype"] == "float64" else case["dtype"]
    return PrimitiveCall([data, *_network(case, rng, 1), _x(case, rng)], params, groups, precision)


def _draw_jitc_elements(case: ConformanceCase, rng: np.random.Generator) -> PrimitiveCall:
    return PrimitiveCall(_network(case, rng, 2), _generated_params(case), {"first": (1,), "seed": (0,)})


def _draw_jitc_entries(case: ConformanceCase, rng: np.random.Generator) -> PrimitiveCall:
    lines, length = shape_of(case["shape"])
    expected = float(case["prob"]) * lines * length
    slots = int(expected * 1.5) + 8 if case["slots"] == "roomy" else int(expected / 2)
    params = {**_generated_params(case), "nse": slots}
    return PrimitiveCall(_network(case, rng, 1), params, {"first": (1,), "seed": (0,)})


#: What is new in every call that a program makes, for groups of one operand: the first of these that a call has.
INPUTS: dict[str, Callable[[ConformanceCase, np.random.Generator], np.ndarray]] = {
    "x": _x,
    "mask": _mask,
    "seed": _seed,
}

# -- the tables --------------------------------------------------------------------------------------------------------

_WRITING: _Columns = {"prob": _PROBABILITIES, "transform": _transforms("seed", "first", nested=False)}

TABLES: dict[str, Table] = {
    "matmul": Table(
        {
            "format": list(FORMATS),
            "operand": [*NUMBERS, *EVENTS],
            "direction": _DIRECTIONS,
            "dtype": _DTYPES,
            "transform": _transforms("data", "structure", "x", differentiated=("data", "x")),
        },
        {"rank": _RANKS, "weights": ["each", "homogeneous"], **_COMMON},
        _draw_matmul,
        _stored_exists,
    ),
    "sddmm": Table(
        {
            "format": list(FORMATS),
            "operand": [*NUMBERS, *EVENTS],
            "direction": _DIRECTIONS,
            "dtype": _DTYPES,
            "transform": _transforms("y", "structure", "x", differentiated=("y", "x")),
        },
        {"rank": _RANKS, **_COMMON},
        _draw_sampled,
        _stored_exists,
    ),
    "stdp_update": Table(
        {
            "format": list(FORMATS),
            "operand": EVENTS,
            "direction": _DIRECTIONS,
            "dtype": _DTYPES,
            "transform": _transforms("data", "structure", "x", "trace", differentiated=("data", "trace")),
        },
        {"clip": CLIPS, **_COMMON},
        _draw_update,
        _stored_exists,
    ),
    "encode_events": Table(
        {
            "operand": ["bitpacked", "compact"],
            "rank": _RANKS,
            "transform": ["eager", "jit", "scan", "vmap_mask"],
        },
        {"rate": RATES, "shape": ["0x3", "1x1", "16x16", "13x7", "1021x517"], "slots": ["roomy", "few"]},
        _draw_encoding,
        _encoding_exists,
    ),
    "jitc_matmul": Table(
        {
            "law": list(LAWS),
            "operand": [*NUMBERS, *EVENTS],
            "direction": _DIRECTIONS,
            "dtype": _DTYPES,
            "transform": _transforms("data", "seed", "first", "x", differentiated=("data", "x")),
        },
        {
            "prob": _PROBABILITIES,
            "rank": _RANKS,
            "first": ["origin", "later"],
            "rate": RATES,
            "shape": _NETWORKS,
            "values": ["finite", "nonfinite"],
        },
        _draw_jitc_matmul,
        _stored_exists,
    ),
    "jitc_elements": Table(_WRITING, {"first": ["origin", "later"], "shape": _NETWORKS}, _draw_jitc_elements),
    "jitc_entries": Table(
        _WRITING,
        {"first": ["origin", "later"], "shape": _NETWORKS, "slots": ["roomy", "few"]},
        _draw_jitc_entries,
    ),
}
