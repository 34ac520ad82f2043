"""Optimiser steps: weights must move along their gradient, and nothing else may change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import brainevent
from fuzz import model, values
from fuzz.array_layouts import for_jax
from fuzz.matrices import KINDS, SIZES, build, data_shape, draw_matrix, exists, length
from fuzz.operations import Operation, Row, Trial

__all__ = ["OPERATIONS"]

RATE, DECAY = 0.5, 0.125


def _stepped(
    row: Row, entries: model.Entries, weights: np.ndarray, x: np.ndarray, y: np.ndarray
) -> list[model.Expected]:
    how = {"from_left": row["from_left"], "event": row["event"]}
    gradient = model.sddmm(entries, weights.shape, x, y, **how)
    before = weights.astype(np.float64)
    with np.errstate(invalid="ignore"):
        new = before - RATE * (gradient.values + DECAY * before)
        sizes = np.abs(before) * (1 + RATE * DECAY) + RATE * gradient.sizes
        offset = 1.0 - RATE * y.astype(np.float64)
        return [model.Expected(new, sizes), model.Expected(offset, 1 + RATE * np.abs(y.astype(np.float64)))]


def _draw(row: Row, random: np.random.Generator) -> Trial:
    structure, entries, good = draw_matrix(row, random)
    weights = values.numbers(random, data_shape(row), row["dtype"])
    rows, columns, _ = SIZES[row["size"]]
    # The gradient of a homogeneous weight is a sum over all results, also those without entries, where NaN * 0 is NaN.
    finite = row["homogeneous"]
    if row["event"]:
        x = values.spikes(random, (length(row),), row["dtype"])
    else:
        x = values.numbers(random, (length(row),), row["dtype"], finite)
    y = values.numbers(random, (columns if row["from_left"] else rows,), row["dtype"], finite)
    return Trial(
        {"weights": weights, **structure, "x": x, "y": y},
        lambda: _stepped(row, entries, weights, x, y),
        good,
        may_refuse=True,
    )


def _step(row: Row) -> Callable[[dict[str, Any], bool], Any]:
    make = build(row)
    optimiser = optax.chain(optax.add_decayed_weights(DECAY, {"matrix": True, "offset": False}), optax.sgd(RATE))

    def loss(parameters: dict[str, Any], x: Any, y: Any) -> Any:
        x = brainevent.BinaryArray(x) if row["event"] else x
        product = x @ parameters["matrix"] if row["from_left"] else parameters["matrix"] @ x
        return jnp.sum((product + parameters["offset"]) * y)

    def call(arrays: dict[str, Any], check: bool) -> Any:
        x, y = (for_jax(arrays[name]) for name in ("x", "y"))
        before = {"matrix": make(arrays, check), "offset": jnp.ones_like(y)}
        weights = brainevent.weights(before)
        updates, _ = optimiser.update(brainevent.grad(loss)(before, x, y), optimiser.init(weights), weights)
        after = brainevent.with_weights(before, optax.apply_updates(weights, updates))
        matrices = before["matrix"], after["matrix"]
        _, *own = jax.tree.leaves(matrices[0])
        _, *same = jax.tree.leaves(matrices[1])
        if len(own) != len(same) or any(one is not other for one, other in zip(own, same)):
            raise AssertionError("the step has changed the structure")
        return [matrices[1].data, after["offset"]]

    return call


OPERATIONS = [
    Operation(
        "optimiser steps",
        {
            "kind": KINDS,
            "homogeneous": [False, True],
            "event": [True, False],
            "from_left": [True, False],
            "size": ["small", "no-rows", "no-entries", "large"],
            "dtype": ["float32", "float16"],
        },
        _draw,
        _step,
        needs=("weights", "with_weights", "grad"),
        allowed=exists,
    )
]
