"""The tables of cases, one per primitive: its columns, which rows exist, and the random call of a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import numpy as np

from brainevent_core._jax import trace
from brainevent_core.encodings import ENCODINGS
from brainevent_core.formats import DELAY, Component, get_format, registered_formats
from brainevent_core.jitc import LAWS, ConnectionRule
from brainevent_core.primitives import CLIPS
from brainevent_core.reference import EdgeRule, accumulator
from brainevent_core.testing.conformance.case import ConformanceCase
from brainevent_core.testing.conformance.operands import (
    RATES,
    dtype_of,
    encoding_of,
    kinds,
    numbers,
    operand,
    random_mask,
)
from brainevent_core.testing.numerics import x64
from brainevent_core.testing.pairwise import round_robin, rows

__all__ = ["INPUTS", "SHAPES", "TABLES", "PrimitiveCall", "Table", "conformance_cases", "named_case", "shape_of"]

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
        precision: the dtype in which the primitive computes. Results of any dtype may have its rounding errors: the
            derivative with respect to float32 events is a half-precision sum if the weights have half precision.
    """

    operands: list[np.ndarray]
    params: dict[str, Any]
    groups: Mapping[str, tuple[int, ...]]
    precision: str | None = None


@dataclass(frozen=True)
class Table:
    """The cases of one primitive.

    Columns are functions: formats and encodings are registered at any time.

    Attributes:
        first: returns the columns of which ``whole`` tables have every combination.
        others: returns further columns.
        draw: ``(case, rng) → call``.
        exists: whether there is a case in a row, which may be incomplete.
    """

    first: Callable[[], _Columns]
    others: Callable[[], _Columns]
    draw: Callable[[ConformanceCase, np.random.Generator], PrimitiveCall]
    exists: Callable[[_Row], bool] = lambda row: True

    @property
    def columns(self) -> _Columns:
        """All columns, in the order of a case's name."""
        columns = {**self.first(), **self.others()}
        columns["transform"] = columns.pop("transform")
        return columns


def conformance_cases(primitives: Sequence[str], *, whole: bool) -> Iterator[ConformanceCase]:
    """The cases of some primitives.

    Args:
        primitives: their names; primitives without a table have no cases.
        whole: every combination of the most important columns (format, operand, transform, dtype, ...) with the other
            columns round-robin, instead of a pairwise cover of all columns.
    """
    for primitive in primitives:
        table = TABLES.get(primitive)
        if table is None:
            continue
        if whole:
            found = round_robin(table.first(), table.others(), allowed=table.exists)
        else:
            found = rows(table.columns, whole=False, allowed=table.exists)
        columns = table.columns
        for row in found:
            yield ConformanceCase.of(primitive, {name: row[name] for name in columns})


def named_case(name: str) -> ConformanceCase:
    """The case of that name."""
    primitive, *values = name.split("-")
    return ConformanceCase(primitive, tuple(values), tuple(TABLES[primitive].columns))


# -- products and plasticity of stored matrices ------------------------------------------------------------------------

#: Shapes by name, and entries per row. Results of 16 numbers fill a cache line, so that a write past the last one is
#: outside the buffer instead of in its padding; the largest shape is enough work for several threads.
SHAPES = {"0x3": 3, "3x0": 3, "1x1": 2, "13x7": 3, "16x16": 4, "1021x517": 40}


def shape_of(name: str) -> tuple[int, int]:
    """The shape of that name."""
    rows, columns = name.split("x")
    return int(rows), int(columns)


def _entries_per_row(name: str) -> int:
    """The mean number of entries per row for a shape; one in 100 elements if it is not in ``SHAPES``."""
    return SHAPES.get(name, max(1, shape_of(name)[1] // 100))


_DIRECTIONS = ("forward", "transposed")
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
    kind, transform, name = row.get("operand", ""), row.get("transform", ""), row.get("format")
    fmt = get_format(name) if name else None
    if fmt is not None and not fmt.takes_homogeneous and row.get("weights") == "homogeneous":
        return False
    if fmt is not None and not fmt.names:
        encoded = not kind or encoding_of(kind).dtype is not None
        if transform == "vmap_structure" or row.get("index", "int32") != "int32":
            return False
        if row.get("structure") == "malformed" and not encoded:
            return False
    # Only floats have a tangent.
    return not (transform in ("jvp_x", "vjp_x") and kind and not _is_float(kind))


def _is_float(kind: str) -> bool:
    return dtype_of(kind, "float32") == "float32"


def _structure(case: ConformanceCase, rng: np.random.Generator) -> list[np.ndarray]:
    return get_format(case["format"]).random_structure(
        rng,
        shape_of(case["shape"]),
        _entries_per_row(case["shape"]),
        malformed=case["structure"] == "malformed",
        dtype=case["index"],
    )


def _stored_params(case: ConformanceCase) -> dict[str, Any]:
    return {
        "format": get_format(case["format"]),
        "shape": shape_of(case["shape"]),
        "transpose": case["direction"] == "transposed",
        "encoding": encoding_of(case["operand"]),
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
    per_entry = get_format(case["format"]).weights_shape(structure, shape_of(case["shape"]))
    nonfinite = case["values"] == "nonfinite"
    data = numbers((1,) if case["weights"] == "homogeneous" else per_entry, case["dtype"], rng, nonfinite=nonfinite)
    operands = [data, *structure, _x(case, rng)]
    return PrimitiveCall(operands, _stored_params(case), _groups("data", len(structure), "x"), case["dtype"])


def _draw_sddmm(case: ConformanceCase, rng: np.random.Generator) -> PrimitiveCall:
    structure = _structure(case, rng)
    y = numbers(_columns(case, _lengths(case)[0]), case["dtype"], rng, nonfinite=case["values"] == "nonfinite")
    operands = [y, *structure, _x(case, rng)]
    return PrimitiveCall(operands, _stored_params(case), _groups("y", len(structure), "x"), case["dtype"])


def _draw_update(case: ConformanceCase, rng: np.random.Generator) -> PrimitiveCall:
    structure = _structure(case, rng)
    nonfinite = case["values"] == "nonfinite"
    per_entry = get_format(case["format"]).weights_shape(structure, shape_of(case["shape"]))
    draw = partial(numbers, dtype=case["dtype"], rng=rng)
    data, trace = draw(per_entry, nonfinite=nonfinite), draw((_lengths(case)[0],), nonfinite=nonfinite)
    lower, upper = (np.asarray(bound).astype(data.dtype) for bound in ([-0.25, 0.75], [-np.inf, np.inf])[nonfinite])
    params = {**_stored_params(case), "clip": case["clip"]}
    groups = {**_groups("data", len(structure), "x"), "trace": (len(structure) + 2,)}
    return PrimitiveCall([data, *structure, _x(case, rng), trace, lower, upper], params, groups, case["dtype"])


#: Numbers of slots of a ring: enough for all drawn delays, for some of them, and for none.
_SLOTS = ("16", "5", "1")
_EXTENTS = ("entry", "all", "row", "column")


def _draw_deliver(case: ConformanceCase, rng: np.random.Generator) -> PrimitiveCall:
    fmt, shape = get_format(case["format"]), shape_of(case["shape"])
    structure = _structure(case, rng)
    at = fmt.names.index("delay")
    if case["delay"] != "entry":
        length = {"all": (1,), "row": (shape[0], 1), "column": (1, shape[1])}[case["delay"]]
        drawn = structure[at]  # includes mistakes of users if it is malformed
        structure[at] = rng.choice(drawn, length) if drawn.size else np.ones(length, drawn.dtype)
    nonfinite = case["values"] == "nonfinite"
    weights = (1,) if case["weights"] == "homogeneous" else fmt.weights_shape(structure, shape)
    data = numbers(weights, case["dtype"], rng, nonfinite=nonfinite)
    sums = case["dtype"] if case["ring"] == "weights" else str(accumulator(case["dtype"]))
    ring = numbers((int(case["slots"]), _lengths(case)[0]), sums, rng, nonfinite=nonfinite)
    operands = [ring, data, *structure, _step(case, rng), _x(case, rng)]
    count = len(structure)
    groups = {"ring": (0,), "data": (1,), "structure": tuple(range(2, 2 + count)), "x": (3 + count,)}
    return PrimitiveCall(operands, _stored_params(case), groups, case["dtype"])


def _step(case: ConformanceCase, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(rng.choice([int(rng.integers(-100, 100)), -(2**31), 2**31 - 1]), np.int32)


def _draw_take(case: ConformanceCase, rng: np.random.Generator) -> PrimitiveCall:
    ring = numbers(shape_of(case["shape"]), case["dtype"], rng, nonfinite=case["values"] == "nonfinite")
    return PrimitiveCall([ring, _step(case, rng)], {}, {"ring": (0,), "t": (1,)}, case["dtype"])


def _learning_rule(weight: Any, row: Any, col: Any, rate: Any) -> Any:
    """A rule with a soft bound, and a trace of its changes."""
    value, trace = weight
    added = rate * (1 - value) * col
    return value + added, trace * 0.5 + added * row


@cache
def _edge_rule(dtype: str) -> EdgeRule:
    with x64(dtype == "float64"):
        program, closed_over = trace(
            lambda value, memory, row, col, rate: _learning_rule((value, memory), row, col, rate),
            [jax.ShapeDtypeStruct((), dtype)] * 5,
        )
    assert not closed_over
    return EdgeRule(program, state=2, rows=1, cols=1, closed_over=0, params=1)


def _edges_exist(row: _Row) -> bool:
    name = row.get("format")
    moved = name is not None and any(component.weight for component in get_format(name).components)
    # Entries that share a state have no state of their own for a rule to change.
    return _stored_exists(row) and not (moved and row.get("structure") == "malformed")


def _draw_edge_update(case: ConformanceCase, rng: np.random.Generator) -> PrimitiveCall:
    structure = _structure(case, rng)
    shape = shape_of(case["shape"])
    per_entry = get_format(case["format"]).weights_shape(structure, shape)
    draw = partial(numbers, dtype=case["dtype"], rng=rng, nonfinite=case["values"] == "nonfinite")
    state = [draw(per_entry), draw(per_entry)]
    sides = [draw(shape[:1]), draw(shape[1:])]
    operands = [*state, *structure, _x(case, rng), *sides, draw(())]
    params = {**_stored_params(case), "edge_rule": _edge_rule(case["dtype"])}
    x = 2 + len(structure)
    between = {"structure": tuple(range(2, x))} if structure else {}
    groups = {"state": (0, 1), **between, "x": (x,), "neurons": (x + 1, x + 2), "params": (x + 3,)}
    return PrimitiveCall(operands, params, groups, case["dtype"])


def _groups(left: str, structure: int, right: str) -> dict[str, tuple[int, ...]]:
    between = {"structure": tuple(range(1, structure + 1))} if structure else {}
    return {left: (0,), **between, right: (structure + 1,)}


# -- encodings of events -----------------------------------------------------------------------------------------------


def _encoding_exists(row: _Row) -> bool:
    kind = row.get("operand")
    return not (kind and encoding_of(kind).length is not None and row.get("capacity") == "short")


def _draw_encoding(case: ConformanceCase, rng: np.random.Generator) -> PrimitiveCall:
    length, _ = shape_of(case["shape"])
    encoding = encoding_of(case["operand"])
    if encoding.length is not None:
        encoded = encoding.length(length)
    else:
        encoded = 1 + (length if case["capacity"] == "ample" else length // 3)
    return PrimitiveCall([_mask(case, rng)], {"encoding": encoding, "length": encoded}, {"mask": (0,)})


def _mask(case: ConformanceCase, rng: np.random.Generator) -> np.ndarray:
    return random_mask(_columns(case, shape_of(case["shape"])[0]), case["rate"], rng)


# -- just-in-time connectivity -----------------------------------------------------------------------------------------

#: The last shape has several blocks per row.
_NETWORKS = ("13x7", "0x3", "3x0", "1x1", "16x16", "37x9001")
_PROBABILITIES = ("0.3", "0.0", "1.0", "0.004")


def _network(case: ConformanceCase, rng: np.random.Generator, window: int) -> list[np.ndarray]:
    seed = _seed(case, rng)
    offset = np.zeros(window) if case["offset"] == "origin" else rng.integers(1, 5000, size=window)
    return [seed, offset.astype(np.uint32)]


def _seed(case: ConformanceCase, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(2**32, size=2, dtype=np.uint32)


def _generated_params(case: ConformanceCase) -> dict[str, Any]:
    rule = ConnectionRule(LAWS[case.get("law", "scalar")], float(case["prob"]))
    return {"rule": rule, "shape": shape_of(case["shape"])}


def _draw_jitc_matmul(case: ConformanceCase, rng: np.random.Generator) -> PrimitiveCall:
    data = numbers((len(LAWS[case["law"]].parameters),), case["dtype"], rng, nonfinite=case["values"] == "nonfinite")
    params = {
        **_generated_params(case),
        "transpose": case["direction"] == "transposed",
        "encoding": encoding_of(case["operand"]),
    }
    groups = {"data": (0,), "seed": (1,), "offset": (2,), "x": (3,)}
    # Normal variates are defined to the precision of float32 only, whatever the dtype of the weights.
    precision = "float32" if case["law"] == "normal" and case["dtype"] == "float64" else case["dtype"]
    network = _network(case, rng, 2 if case["offset"] == "window" else 1)
    return PrimitiveCall([data, *network, _x(case, rng)], params, groups, precision)


def _draw_jitc_to_dense(case: ConformanceCase, rng: np.random.Generator) -> PrimitiveCall:
    return PrimitiveCall(_network(case, rng, 2), _generated_params(case), {"offset": (1,), "seed": (0,)})


def _draw_jitc_to_coo(case: ConformanceCase, rng: np.random.Generator) -> PrimitiveCall:
    rows, columns = shape_of(case["shape"])
    expected = float(case["prob"]) * rows * columns
    nse = int(expected * 1.5) + 8 if case["capacity"] == "ample" else int(expected / 2)
    params = {**_generated_params(case), "nse": nse}
    return PrimitiveCall(_network(case, rng, 1), params, {"offset": (1,), "seed": (0,)})


#: Draws of the operand that is new in every call of a program, by group: the first of these groups that a call has.
INPUTS: dict[str, Callable[[ConformanceCase, np.random.Generator], np.ndarray]] = {
    "x": _x,
    "mask": _mask,
    "seed": _seed,
    "t": _step,
}

# -- the tables --------------------------------------------------------------------------------------------------------


def _of_stored(
    *mapped: str, differentiated: Sequence[str], events_only: bool = False, annotation: Component | None = None
) -> Callable[[], _Columns]:
    """The columns of which whole tables have every combination, for a primitive of stored matrices.

    The primitive uses one component that annotates entries, or none, and gets no formats with others.
    """
    annotations = () if annotation is None else (annotation,)
    return lambda: {
        "format": [fmt.full_name for fmt in registered_formats() if fmt.annotations == annotations],
        "operand": kinds(events_only=events_only),
        "direction": _DIRECTIONS,
        "dtype": _DTYPES,
        "transform": _transforms(*mapped, differentiated=differentiated),
    }


def _of_generated() -> _Columns:
    return {"prob": _PROBABILITIES, "transform": _transforms("seed", "offset", nested=False)}


TABLES: dict[str, Table] = {
    "matmul": Table(
        _of_stored("data", "structure", "x", differentiated=("data", "x")),
        lambda: {"rank": _RANKS, "weights": ["each", "homogeneous"], **_COMMON},
        _draw_matmul,
        _stored_exists,
    ),
    "sddmm": Table(
        _of_stored("y", "structure", "x", differentiated=("y", "x")),
        lambda: {"rank": _RANKS, **_COMMON},
        _draw_sddmm,
        _stored_exists,
    ),
    "stdp_update": Table(
        _of_stored("data", "structure", "x", "trace", differentiated=("data", "trace"), events_only=True),
        lambda: {"clip": CLIPS, **_COMMON},
        _draw_update,
        _stored_exists,
    ),
    "deliver": Table(
        _of_stored("ring", "data", "structure", "x", differentiated=("ring", "data", "x"), annotation=DELAY),
        lambda: {
            "weights": ["each", "homogeneous"],
            "delay": _EXTENTS,
            "slots": _SLOTS,
            "ring": ["sums", "weights"],
            **_COMMON,
        },
        _draw_deliver,
        _stored_exists,
    ),
    "take_slot": Table(
        lambda: {"dtype": _DTYPES, "transform": _transforms("ring", "t", differentiated=("ring",))},
        lambda: {"shape": ["16x16", "1x1", "3x0", "13x7", "1021x517"], "values": ["finite", "nonfinite"]},
        _draw_take,
    ),
    "edge_update": Table(
        _of_stored(
            "state",
            "structure",
            "x",
            "neurons",
            "params",
            differentiated=("state", "neurons", "params"),
            events_only=True,
        ),
        lambda: _COMMON,
        _draw_edge_update,
        _edges_exist,
    ),
    "encode_events": Table(
        lambda: {
            "operand": [name for name, encoding in ENCODINGS.items() if encoding.encode],
            "rank": _RANKS,
            "transform": ["eager", "jit", "scan", "vmap_mask"],
        },
        lambda: {
            "rate": RATES,
            "shape": ["0x3", "1x1", "16x16", "13x7", "1021x517"],
            "capacity": ["ample", "short"],
        },
        _draw_encoding,
        _encoding_exists,
    ),
    "jitc_matmul": Table(
        lambda: {
            "law": list(LAWS),
            "operand": kinds(),
            "direction": _DIRECTIONS,
            "dtype": _DTYPES,
            "transform": _transforms("data", "seed", "offset", "x", differentiated=("data", "x")),
        },
        lambda: {
            "prob": _PROBABILITIES,
            "rank": _RANKS,
            "offset": ["origin", "later", "window"],
            "rate": RATES,
            "shape": _NETWORKS,
            "values": ["finite", "nonfinite"],
        },
        _draw_jitc_matmul,
        _stored_exists,
    ),
    "jitc_to_dense": Table(
        _of_generated, lambda: {"offset": ["origin", "later"], "shape": _NETWORKS}, _draw_jitc_to_dense
    ),
    "jitc_to_coo": Table(
        _of_generated,
        lambda: {"offset": ["origin", "later"], "shape": _NETWORKS, "capacity": ["ample", "short"]},
        _draw_jitc_to_coo,
    ),
}
