"""What is measured: rows of the tables of the conformance kit, as large as programs have them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np

from brainevent_core.formats import FORMATS, get_format, get_operand
from brainevent_core.jitc import LAWS
from brainevent_core.primitives import CLIPS
from brainevent_core.testing.conformance.case import ConformanceCase
from brainevent_core.testing.conformance.tables import INPUTS, TABLES, PrimitiveCall
from brainevent_core.testing.pairwise import round_robin

__all__ = ["SIZES", "BenchCase", "Drawn", "bench_cases", "draw"]

#: Connections of a matrix, unless others are asked for.
SIZES = (1_000_000,)

#: How many inputs take turns, so that not every call follows the same connections.
_PATTERNS = 8

#: What a case is where it doesn't say anything else.
_USUAL = {
    "dtype": "float32",
    "rank": "vector",
    "weights": "each",
    "rate": "all",
    "structure": "wellformed",
    "index": "int32",
    "values": "finite",
    "prob": "0.01",
    "first": "origin",
    "slots": "roomy",
    "transform": "jit",
}

_Columns = Mapping[str, Sequence[str]]

_RATES = ("all", "1%", "10%")
_PRODUCT = {"operand": ("binary_bool", "float"), "direction": ("straight", "transposed"), "rate": _RATES}

#: By primitive, columns of which every combination is measured.
_MEASURED: dict[str, _Columns] = {
    "matmul": {"format": tuple(FORMATS), **_PRODUCT},
    "sddmm": {"format": tuple(FORMATS), **_PRODUCT, "rate": ("all", "1%")},
    "stdp_update": {"format": tuple(FORMATS), **_PRODUCT, "operand": ("binary_bool",), "rate": ("1%",), "clip": CLIPS},
    "encode_events": {"operand": ("bitpacked", "compact"), "rate": _RATES},
    "jitc_matmul": {"law": tuple(LAWS), **_PRODUCT},
    "jitc_elements": {},
    "jitc_entries": {},
}

#: Columns of the kit that take turns where the whole is measured.
_FURTHER = ("dtype", "rank", "weights")


@dataclass(frozen=True)
class BenchCase:
    """A call of a primitive with inputs of a realistic size, in words.

    Attributes:
        primitive: name of the primitive.
        values: the value in each column of the primitive's table that isn't the usual one.
        columns: the names of those columns, which are columns of the conformance kit.

    Example:
        >>> from brainevent_core.bench import bench_cases
        >>> [case.name for case in bench_cases(["jitc_entries"], sizes=[10_000])]
        ['jitc_entries-1000x1000']
    """

    primitive: str
    values: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """Unique; ``--select`` searches in it."""
        return "-".join((self.primitive, *self.values))

    @property
    def of_kit(self) -> ConformanceCase:
        """The same as a case of the conformance kit, which knows how to draw it."""
        return ConformanceCase.of(self.primitive, {**_USUAL, **dict(zip(self.columns, self.values))})


def bench_cases(primitives: Sequence[str], *, sizes: Sequence[int] = SIZES, whole: bool = False) -> Iterator[BenchCase]:
    """The cases of some primitives.

    Args:
        primitives: their names; those that have no table have no cases.
        sizes: connections of matrices. They are square; one element in 100 is a connection, or each if the matrix is
            dense.
        whole: with every encoding at every rate, and dtypes, batches and homogeneous weights in turn.
    """
    for primitive in primitives:
        if primitive not in _MEASURED:
            continue
        kit, first = TABLES[primitive].columns, dict(_MEASURED[primitive])
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
    # The rate of numbers is that of those that aren't left out.
    selective = row.get("operand") != "float"
    return selective != (row.get("rate", "1%") == "all") and TABLES[primitive].exists(row)


def _shape(primitive: str, row: Mapping[str, str], size: int) -> str:
    full = row.get("format") == "dense" or primitive == "jitc_elements"
    side = max(1, round(math.sqrt(size if full else 100 * size)))
    return f"{side}x1" if primitive == "encode_events" else f"{side}x{side}"


@dataclass(frozen=True)
class Drawn:
    """The inputs of a case.

    Attributes:
        call: operands and parameters.
        position: of the operand that is new in every call.
        patterns: what it is in turn, along the first axis.
    """

    call: PrimitiveCall
    position: int
    patterns: np.ndarray

    @property
    def connections(self) -> float | None:
        """How many a call has to follow, on average over the patterns; None where it follows none."""
        params = self.call.params
        if "shape" not in params or "operand" not in params:
            return None
        lines, length = params["shape"] if params["transpose"] else params["shape"][::-1]
        encoding = get_operand(params["operand"])
        decoded = jax.vmap(lambda x: encoding.decode(x, lines))(self.patterns)
        entered = np.asarray((decoded != 0) if encoding.selects else np.ones(decoded.shape, bool))
        per_line = entered.reshape(*entered.shape[:2], -1).sum(axis=2).mean(axis=0)
        if "law" in params:
            return float(per_line.sum() * length * params["prob"])
        fmt = get_format(params["format"])
        if fmt.entries is None:
            return float(per_line.sum() * length)
        structure = [self.call.operands[i] for i in self.call.groups["structure"]]
        row, column = map(np.asarray, fmt.entries(structure, params["shape"]))
        return float(per_line[row if params["transpose"] else column].sum())


def draw(case: BenchCase) -> Drawn:
    """Random inputs, the same for the same case."""
    of_kit = case.of_kit
    rng = np.random.default_rng(of_kit.seed)
    call = TABLES[case.primitive].draw(of_kit, rng)
    group = next(group for group in INPUTS if group in call.groups)
    (position,) = call.groups[group]
    further = [INPUTS[group](of_kit, rng) for _ in range(_PATTERNS - 1)]
    return Drawn(call, position, np.stack([call.operands[position], *further]))
