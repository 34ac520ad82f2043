"""A small product with generated connectivity is compared with NumPy before any result depends on one."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import jitc
from brainevent_core.encodings import Encoding
from brainevent_core.formats import Shape
from brainevent_core.jitc import NORMAL, ConnectionRule

__all__ = ["connections", "is_right"]

_ROWS, _LENGTHS, _CONNECTIONS = 33, (41, 1 << 16), 300
_COLUMNS = 3

#: Weights are positive and exact in all dtypes: a parameter, or an offset and a spread.
_PARAMETERS = (2.0, 0.25)

#: Rounding of sums and, of normal variates, what the specification allows.
_ROUNDINGS, _VARIATE = 16, 2.0**-20


def is_right(
    run: Callable[..., Any],
    data: Any,
    x: Any,
    *,
    rule: ConnectionRule,
    transpose: bool,
    encoding: Encoding,
    platform: str,
) -> bool:
    """Whether a product is, of a matrix of a few hundred connections and operands like those of a call.

    Args:
      run: the kernel, `run(data, seed, offset, x, rule=..., shape=..., transpose=..., encoding=...)`.
      data: abstract value of the parameters of weights.
      x: abstract value of the array beside the matrix.
      rule: of the connections.
      transpose: whether it is a product with the transpose.
      encoding: of x.
      platform: whose first device computes it.
    """
    rng = np.random.default_rng(0)
    seed, offset = np.array([1, 2], np.uint32), np.array([7], np.uint32)
    fewest, most = _LENGTHS
    shape = _ROWS, min(most, max(fewest, math.ceil(_CONNECTIONS / max(_ROWS * rule.prob, 1e-9))))
    parameters = np.array(_PARAMETERS[: data.shape[0]])
    row, column, drawn = connections(seed, offset, rule.prob, shape)
    weights = parameters[0] + (parameters[1] * _variates(rule, drawn) if len(parameters) > 1 else np.zeros(drawn.size))

    outer, inner = shape[::-1] if transpose else shape
    mask = rng.random((inner,) if x.ndim == 1 else (inner, min(_COLUMNS, x.shape[1]))) < 0.5
    if encoding.event and encoding.draw is not None:
        entries, given = mask, encoding.draw(rng, mask, True, x.dtype.name)
    else:
        entries = given = np.where(mask, rng.choice([1, 2, 3], mask.shape), 0)
    target, source = (column, row) if transpose else (row, column)
    expected = np.zeros((outer, *mask.shape[1:]))
    np.add.at(expected, target, (weights * entries[source].T).T)

    operands = [parameters.astype(data.dtype), seed, offset, np.asarray(given).astype(x.dtype)]
    static = {"rule": rule, "shape": shape, "transpose": transpose, "encoding": encoding}
    device = jax.local_devices(backend=platform)[0]
    with jax.default_device(device):
        product = jax.jit(lambda *arrays: run(*arrays, **static)[0])
        out = np.asarray(product(*(jax.device_put(one, device) for one in operands))).astype(np.float64)
    tolerance = _ROUNDINGS * max(float(jnp.finfo(data.dtype).eps), _VARIATE if rule.law is NORMAL else 0)
    return np.allclose(out, expected, rtol=tolerance, atol=tolerance)


def connections(seed: np.ndarray, offset: np.ndarray, prob: float, shape: Shape) -> tuple[np.ndarray, ...]:
    """Row, column and draw of each connection of a matrix: the walk of `docs/jitc-stream.md` in NumPy, through all
    blocks of all rows in step."""
    rows, length = shape
    tables, size, base = jitc.gap_tables(prob), jitc.block_size(prob), jitc.cells(prob)
    row, block = (one.reshape(-1) for one in np.indices((rows, -(-length // size))))
    key0, key1 = jitc.block_keys(seed, offset + row.astype(np.uint32), block.astype(np.uint32))
    end, at = np.minimum(size, length - block * size), np.zeros(row.size, np.int64)
    found: list[tuple[np.ndarray, ...]] = []
    step = np.zeros(1, np.uint32)
    while np.any(at < end):
        gap, connected = np.zeros(row.size, np.int64), np.ones(row.size, bool)
        for place, table in enumerate(tables):
            drawn = jitc.draw(key0, key1, step * np.uint32(len(tables)) + np.uint32(place))
            digit = np.asarray(jitc.outcome(drawn, table[jitc.own_cell(drawn, base)], base))
            if place == 0:
                connected = digit != base - 1
            gap = gap * base + (digit if place == 0 else np.where(connected, digit, 0))
        at = at + gap
        here = connected & (at < end)
        drawn = jitc.draw(key0[here], key1[here], step + jitc.WEIGHT_COUNTER)
        found.append((row[here], (block * size + at)[here], drawn))
        at, step = at + connected, step + np.uint32(1)
    return tuple(np.concatenate(some) for some in zip(*found)) if found else (row, row, row.astype(np.uint32))


def _variates(rule: ConnectionRule, drawn: np.ndarray) -> np.ndarray:
    if rule.law is NORMAL:
        tail = ((drawn & 0x7FFFFFFF) + 0.5) * 2.0**-32
        size = np.array([-NormalDist().inv_cdf(p) for p in tail])
        return np.where(drawn >> 31 == 1, size, -size)
    return (drawn >> 8) * 2.0**-24
