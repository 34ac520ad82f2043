"""An operation to test the fuzzer with: right, wrong, an uninformative error, or a crash of the process."""

import os
from typing import Any

import jax.numpy as jnp
import numpy as np
from fuzz.model import Expected
from fuzz.operations import Operation, Row, Trial


def _draw(row: Row, random: np.random.Generator) -> Trial:
    x = random.normal(size=3).astype(np.float32)
    return Trial({"x": x}, lambda: [Expected(2.0 * x, 2.0 * np.abs(x))])


def _call(row: Row) -> Any:
    def call(arrays: dict[str, Any], check: bool) -> Any:
        if row["does"] == "crash":
            os.abort()
        if row["does"] == "raise":
            raise KeyError("x")
        return [jnp.asarray(arrays["x"]) * (3 if row["does"] == "wrong" else 2)]

    return call


OPERATIONS = [
    Operation("scale", {"does": ["right", "crash", "wrong", "raise"]}, _draw, _call, backends=("reference",)),
    Operation("absent", {"does": ["right"]}, _draw, _call, needs=("no_such_function",)),
]
