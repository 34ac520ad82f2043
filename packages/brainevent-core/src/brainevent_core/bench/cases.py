"""The benchmark cases: rows of the tables of the conformance kit, at realistic sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np

from brainevent_core.formats import get_format, within
from brainevent_core.testing.conformance.case import ConformanceCase
from brainevent_core.testing.conformance.tables import INPUTS, TABLES, PrimitiveCall
from brainevent_core.testing.pairwise import round_robin

__all__ = ["SIZES", "BenchCase", "Drawn", "bench_cases", "draw"]

#: Default numbers of connections per matrix.
SIZES = (1_000_000,)

#: Number of inputs that are used in turn, so that not every call follows the same connections.
_PATTERNS = 8

#: The default values of the columns of a case.
_USUAL = {
    "dtype": "float32",
    "rank": "vector",
    "weights": "each",
    "rate": "all",
    "structure": "wellformed",
    "index": "int32",
    "values": "finite",
    "prob": "0.01",
    "offset": "origin",
    "capacity": "ample",
    "delay": "entry",
    "slots": "16",
    "ring": "sums",
    "transform": "jit",
}

_Columns = Mapping[str, Sequence[str]]

_RATES = ("all", "1%", "10%")
_ALL: Sequence[str] = ()  # all values that the kit has
_PRODUCT = {
    "format": _ALL,
    "operand": ("binary_bool", "float"),
    "direction": ("forward", "transposed"),
    "rate": _RATES,
}

#: For each primitive, the columns of which every combination is measured.
_MEASURED: dict[str, _Columns] = {
    "matmul": _PRODUCT,
    "sddmm": {**_PRODUCT, "rate": ("all", "1%")},
    "stdp_update": {**_PRODUCT, "operand": ("binary_bool",), "rate": ("1%",), "clip": _ALL},
    "deliver": {**_PRODUCT, "rate": ("all", "1%"), "delay": ("entry", "row")},
    "take_slot": {},
    "edge_update": {**_PRODUCT, "operand": ("binary_bool",), "rate": ("1%",)},
    "encode_events": {"operand": _ALL, "rate": _RATES},
    "jitc_matmul": {"law": _ALL, **{name: column for name, column in _PRODUCT.items() if name != "format"}},
    "jitc_to_dense": {},
    "jitc_to_coo": {},
}

#: Columns of the kit whose values are used in turn with ``whole``.
_FURTHER = ("dtype", "rank", "weights")


@dataclass(frozen=True)
class BenchCase:
    """A call of a primitive with inputs of a realistic size.

    Attributes:
        primitive: name of the primitive.
        values: the values in those columns of the primitive's table that differ from the default.
        columns: the names of these columns, which are columns of the conformance kit.

    Example:
        >>> from brainevent_core.bench import bench_cases
        >>> [case.name for case in bench_cases(["jitc_to_coo"], sizes=[10_000])]
        ['jitc_to_coo-1000x1000']
    """

    primitive: str
    values: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """A unique name, in which ``--select`` searches."""
        return "-".join((self.primitive, *self.values))

    @property
    def of_kit(self) -> ConformanceCase:
        """The same as a case of the conformance kit, which can draw its inputs."""
        return ConformanceCase.of(self.primitive, {**_USUAL, **dict(zip(self.columns, self.values))})


def bench_cases(primitives: Sequence[str], *, sizes: Sequence[int] = SIZES, whole: bool = False) -> Iterator[BenchCase]:
    """The cases of some primitives.

    Args:
        primitives: their names; primitives without a table have no cases.
        sizes: numbers of connections per matrix. Matrices are square; one element in 100 is a connection, or every
            element if the matrix is dense.
        whole: also every encoding at every rate, and other dtypes, batches and homogeneous weights, one at a time.
    """
    for primitive in primitives:
        if primitive not in _MEASURED:
            continue
        kit = TABLES[primitive].columns
        first = {name: column or kit[name] for name, column in _MEASURED[primitive].items()}
        others: _Columns = {}
        if whole:
            every = {"operand": kit.get("operand"), "rate": _RATES}
            first |= {name: column for name, column in every.items() if column and name in first}
            others = {name: kit[name] for name in _FURTHER if name in kit}
        for size in sizes:
            for row in round_robin(first, others, allowed=partial(_exists, primitive)):
                row = {**row, "shape": _shape(primitive, row, size)}
                unusual = {name: value for name, value in row.items() if _USUAL.get(name) != value}
                yield BenchCase(primitive, tuple(unusual.values()), tuple(unusual))


def _exists(primitive: str, row: Mapping[str, str]) -> bool:
    # Only encodings that skip entries have a rate; numbers have the rate "all".
    selective = row.get("operand") != "float"
    return selective != (row.get("rate", "1%") == "all") and TABLES[primitive].exists(row)


def _shape(primitive: str, row: Mapping[str, str], size: int) -> str:
    full = primitive == "jitc_to_dense" or ("format" in row and get_format(row["format"]).stores_all)
    side = max(1, round(math.sqrt(size if full else 100 * size)))
    return f"{side}x1" if primitive == "encode_events" else f"{side}x{side}"


@dataclass(frozen=True)
class Drawn:
    """The inputs of a case.

    Attributes:
        call: operands and parameters.
        position: position of the operand that is new in every call.
        patterns: its values in turn, along the first axis.
    """

    call: PrimitiveCall
    position: int
    patterns: np.ndarray

    @property
    def connections(self) -> float | None:
        """The number of connections that a call has to follow, averaged over patterns; None if it follows none."""
        params = self.call.params
        if "shape" not in params or "encoding" not in params:
            return None
        rows, columns = params["shape"] if params["transpose"] else params["shape"][::-1]
        encoding = params["encoding"]
        decoded = jax.vmap(lambda x: encoding.decode(x, rows))(self.patterns)
        entered = np.asarray((decoded != 0) if encoding.selects else np.ones(decoded.shape, bool))
        per_row = entered.reshape(*entered.shape[:2], -1).sum(axis=2).mean(axis=0)
        if "rule" in params:
            return float(per_row.sum() * columns * params["rule"].prob)
        fmt = params["format"]
        if fmt.stores_all:
            return float(per_row.sum() * columns)
        structure = [self.call.operands[i] for i in self.call.groups["structure"]]
        row, column, _ = fmt.entries(structure, params["shape"])
        at = np.asarray(within(row if params["transpose"] else column, rows))
        return float(per_row[at[at >= 0]].sum())


def draw(case: BenchCase) -> Drawn:
    """Random inputs, the same for the same case."""
    of_kit = case.of_kit
    rng = np.random.default_rng(of_kit.seed)
    call = TABLES[case.primitive].draw(of_kit, rng)
    group = next(group for group in INPUTS if group in call.groups)
    (position,) = call.groups[group]
    further = [INPUTS[group](of_kit, rng) for _ in range(_PATTERNS - 1)]
    return Drawn(call, position, np.stack([call.operands[position], *further]))
