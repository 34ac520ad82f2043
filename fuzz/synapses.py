"""Properties of synapses besides weights: delays, state with user-defined learning rules, and structural plasticity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

import brainevent
from fuzz import model, values
from fuzz.array_layouts import for_jax
from fuzz.matrices import INDEX, KINDS, SIZES, build, data_shape, draw_matrix
from fuzz.operations import Operation, Row, Trial

__all__ = ["OPERATIONS"]

SLOTS = 6
NEW = 5

_INDICES = ["int32", "uint8", "int16", "uint32", "int64", "uint64", "int8"]
_SPARSE = [kind for kind in KINDS if kind != "Dense"]


def _is_spike(spikes: np.ndarray, at: np.ndarray) -> np.ndarray:
    return spikes[at] != 0


# -- delays ------------------------------------------------------------------------------------------------------------


def _delays(row: Row, random: np.random.Generator) -> np.ndarray:
    """Delays; in half of the cases, some are out of range, so that their events never arrive."""
    shape = {"all": (1,), "row": (SIZES[row["size"]][0], 1), "entry": data_shape(row)}[row["delay"]]
    delays = random.integers(1, SLOTS, shape).astype(object)
    limits = np.iinfo(row["steps"])
    if random.random() < 0.5:
        stray = random.choice(np.array([0, SLOTS, SLOTS + 1, limits.min, limits.max], object), size=shape)
        delays = np.where(random.random(shape) < 0.3, stray, delays)
    return np.clip(delays, int(limits.min), int(limits.max)).astype(row["steps"])


def _delivered(entries: model.Entries, weights: np.ndarray, delays: np.ndarray, x: np.ndarray, row: Row) -> Any:
    per_entry = {"all": lambda: np.broadcast_to(delays, entries.slot.shape), "row": lambda: delays[entries.row, 0]}
    steps = per_entry.get(row["delay"], lambda: delays.ravel()[entries.slot])().astype(np.int64)
    active = _is_spike(x, entries.row) & (steps >= 1) & (steps < SLOTS)
    terms = weights.astype(np.float64).ravel()
    terms = (np.broadcast_to(terms, entries.slot.shape) if terms.size == 1 else terms[entries.slot])[active]
    found, sizes = np.zeros((SLOTS, entries.shape[1])), np.zeros((SLOTS, entries.shape[1]))
    with np.errstate(invalid="ignore"):
        np.add.at(found, (steps[active], entries.col[active]), terms)
        np.add.at(sizes, (steps[active], entries.col[active]), np.abs(terms))
    return [model.Expected(found, sizes)]


def _draw_delays(row: Row, random: np.random.Generator) -> Trial:
    structure, entries, good = draw_matrix(row, random)
    weights = values.numbers(random, data_shape(row), row["dtype"])
    delays, x = _delays(row, random), values.spikes(random, SIZES[row["size"]][:1], row["spikes"])
    arrives = bool(((delays >= 1) & (delays < SLOTS)).all())
    return Trial(
        {"weights": weights, **structure, "delays": delays, "x": x},
        lambda: _delivered(entries, weights, delays, x, row),
        good and arrives,
        may_refuse=True,
    )


def _delay_call(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    make = build(row)

    def call(arrays: dict[str, Any], check: bool) -> Any:
        conn = make(arrays, check).with_delay(arrays["delays"])
        ring = brainevent.DelayRing(SLOTS, conn.shape[1], dtype=row["dtype"])
        return [ring.add(brainevent.BinaryArray(arrays["x"]), conn).buffer]

    return call


# -- learning rules ----------------------------------------------------------------------------------------------------


def _draw_rule(row: Row, random: np.random.Generator) -> Trial:
    structure, entries, good = draw_matrix(row, random)
    shape, (rows, columns, _) = data_shape(row), SIZES[row["size"]]
    state = values.numbers(random, shape, row["dtype"], finite=True)
    pre, post = (values.numbers(random, (n,), row["dtype"], finite=True) for n in (rows, columns))
    spikes = values.spikes(random, (rows if row["pre"] else columns,), row["spikes"])

    def expected() -> list[model.Expected]:
        new, sizes = state.astype(np.float64).ravel().copy(), np.abs(state.astype(np.float64)).ravel()
        active = _is_spike(spikes, entries.row if row["pre"] else entries.col)
        at, i, j = entries.slot[active], entries.row[active], entries.col[active]
        terms = [new[at] / 2, pre.astype(np.float64)[i], post.astype(np.float64)[j]]
        new[at], sizes[at] = sum(terms), sum(map(np.abs, terms))
        return [model.Expected(new.reshape(shape), sizes.reshape(shape))]

    arrays = {"weights": state, **structure, "spikes": spikes, "pre": pre, "post": post}
    return Trial(arrays, expected, good, may_refuse=True)


def _rule(edge: Any, pre: Any, post: Any, params: Any) -> Any:
    return edge / 2 + pre + post


def _rule_call(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    make = build(row)

    def call(arrays: dict[str, Any], check: bool) -> Any:
        matrix = make(arrays, check)
        apply = matrix.apply_on_pre if row["pre"] else matrix.apply_on_post
        around = {f"{side}_vals": for_jax(arrays[side]) for side in ("pre", "post")}
        return [apply(_rule, for_jax(arrays["weights"]), arrays["spikes"], **around)]

    return call


# -- structural plasticity ---------------------------------------------------------------------------------------------


def _grown(row: Row, arrays: dict[str, np.ndarray], entries: model.Entries) -> list[model.Expected]:
    """The matrix without the synapses of ``gone``, and with those of ``pre`` and ``post`` in the first vacant slots."""
    kind = row["kind"].removesuffix(INDEX)
    transposed = kind in model.TRANSPOSED
    weights, gone = arrays["weights"].astype(np.float64).ravel().copy(), arrays["gone"].ravel()
    lines, length = entries.shape[::-1] if transposed else entries.shape
    line, other = (entries.col, entries.row) if transposed else (entries.row, entries.col)
    taken = {int(slot): (int(i), int(j)) for slot, i, j in zip(entries.slot, line, other) if not gone[slot]}
    weights[[slot for slot in range(weights.size) if slot not in taken]] = 0
    owner = _owners(kind, arrays, lines)
    wanted: list[tuple[int, int] | None] = []
    for pre, post in zip(arrays["pre"].tolist(), arrays["post"].tolist()):
        place = (post, pre) if transposed else (pre, post)
        inside = 0 <= place[0] < lines and 0 <= place[1] < length
        wanted.append(place if inside and place not in taken.values() and place not in wanted else None)
    places = []
    for pair in wanted:
        vacant = [slot for slot in range(weights.size) if slot not in taken and pair and owner[slot] == pair[0]]
        places.append(vacant[0] if vacant else weights.size)
        if pair and vacant:
            taken[vacant[0]], weights[vacant[0]] = pair, 2.0
    dense, sizes = np.zeros((lines, length)), np.zeros((lines, length))
    with np.errstate(invalid="ignore"):
        for slot, at in taken.items():
            dense[at] += weights[slot]
            sizes[at] += np.abs(weights[slot])
    turned = (dense.T, sizes.T) if transposed else (dense, sizes)
    return [model.Expected(*turned), model.Expected(np.array(places, float), np.zeros(len(places)))]


def _owners(kind: str, arrays: dict[str, np.ndarray], lines: int) -> np.ndarray:
    """The compressed row (or column) that each slot belongs to; -1 for none."""
    everywhere = arrays["indices"].copy()
    everywhere[...] = 0
    structure = (everywhere, arrays["indptr"]) if kind in ("CSR", "CSC") else (everywhere,)
    shape = (1, lines) if kind in model.TRANSPOSED else (lines, 1)
    found = model.entries_of(kind, structure, shape)
    owner = np.full(everywhere.size, -1)
    owner[found.slot] = found.col if kind in model.TRANSPOSED else found.row
    return owner


def _draw_grown(row: Row, random: np.random.Generator) -> Trial:
    structure, entries, good = draw_matrix(row, random)
    rows, columns, _ = SIZES[row["size"]]
    arrays = {
        "weights": values.numbers(random, data_shape(row), row["dtype"]),
        **structure,
        "gone": random.random(data_shape(row)) < random.choice([0.0, 0.5, 1.0]),
        "pre": values.indices(random, (NEW,), rows, row["ids"]),
        "post": values.indices(random, (NEW,), columns, row["ids"]),
    }
    return Trial(arrays, lambda: _grown(row, arrays, entries), good, may_refuse=True)


def _grow_call(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    make = build(row)

    def call(arrays: dict[str, Any], check: bool) -> Any:
        pruned = make(arrays, check).prune(jnp.asarray(arrays["gone"]))
        conn, places = pruned.grow(arrays["pre"], arrays["post"], 2.0)
        return [conn.todense(), places]

    return call


OPERATIONS = [
    Operation(
        "delays",
        {
            "kind": _SPARSE,
            "index": _INDICES,
            "delay": ["all", "row", "entry"],
            "steps": ["uint8", "int32", "uint16", "int8"],
            "spikes": ["bool", "float32"],
            "size": ["small", "words", "no-rows", "no-entries"],
            "dtype": ["float32", "float64"],
        },
        _draw_delays,
        _delay_call,
        needs=("DelayRing",),
    ),
    Operation(
        "learning rules",
        {
            "kind": KINDS,
            "pre": [True, False],
            "spikes": ["bool", "float32"],
            "size": ["small", "words", "no-rows"],
            "dtype": ["float32", "float64"],
        },
        _draw_rule,
        _rule_call,
        needs=("CSR.apply_on_pre",),
    ),
    Operation(
        "growth",
        {
            "kind": [kind for kind in _SPARSE if kind != "COO"],
            "index": _INDICES,
            "ids": values.INTEGERS,
            "size": ["small", "words", "no-rows", "no-columns", "no-entries"],
            "dtype": ["float32"],
            "mode": ["x32", "x64"],
        },
        _draw_grown,
        _grow_call,
        needs=("CSR.grow",),
        backends=("reference",),
    ),
]
