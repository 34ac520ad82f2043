"""The precision of each dtype, and JAX with and without 64-bit numbers."""

import importlib
from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["TOLERANCES", "tolerance", "x64"]

#: Relative error allowed in a sum of a few dozen terms of that dtype.
TOLERANCES = {"float64": 1e-12, "float32": 1e-5, "float16": 5e-3, "bfloat16": 4e-2}


def tolerance(dtype: Any) -> float:
    """The relative error that rounding explains, for numbers of ``dtype`` accumulated in at least float32."""
    return TOLERANCES[jnp.dtype(dtype).name]


def x64(on: bool) -> Any:
    """JAX with or without 64-bit numbers; public since jax 0.9, experimental before."""
    public = getattr(jax, "enable_x64", None)
    if public is None:
        public = importlib.import_module("jax.experimental").enable_x64
    return public(on)
