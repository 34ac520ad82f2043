"""Self-tests of generated connectivity: small calls are compared with NumPy before any result depends on a kernel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core import jitc
from brainevent_core.encodings import Encoding
from brainevent_core.formats import Shape
from brainevent_core.jitc import NORMAL, ConnectionRule

__all__ = ["coo_is_right", "dense_is_right", "product_is_right"]

_ROWS, _LENGTHS, _CONNECTIONS = 33, (41, 1 << 16), 300
_COLUMNS = 3
_SEED, _ROW = np.array([1, 2], np.uint32), np.array([7], np.uint32)

#: Parameters of the weights, exact in all dtypes: a constant, or an offset and a spread. All weights are positive.
_PARAMETERS = (2.0, 0.25)

#: Tolerances: for the rounding of sums, and for normal variates, what the specification allows.
_ROUNDINGS, _VARIATE = 16, 2.0**-20


def product_is_right(
    run: Callable[..., Any],
    data: Any,
    x: Any,
    *,
    rule: ConnectionRule,
    transpose: bool,
    encoding: Encoding,
    platform: str,
) -> bool:
    """Whether a product with a few hundred connections, and with operands like those of a call, is right.

    Args:
      run: the kernel, `run(data, seed, offset, x, rule=..., shape=..., transpose=..., encoding=...)`.
      data: abstract value of the parameters of the weights.
      x: abstract value of the array that the matrix is multiplied by.
      rule: the connection rule.
      transpose: whether it is a product with the transpose.
      encoding: of x.
      platform: the first device of this platform computes the product.
    """
    rng = np.random.default_rng(0)
    shape = _small_shape(rule)
    parameters = np.array(_PARAMETERS[: data.shape[0]])
    row, column, drawn = _connections(rule.prob, shape)
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

    operands = [parameters.astype(data.dtype), _SEED, _ROW, np.asarray(given).astype(x.dtype)]
    static = {"rule": rule, "shape": shape, "transpose": transpose, "encoding": encoding}
    out = _computed(lambda *arrays: run(*arrays, **static), operands, platform)[0].astype(np.float64)
    tolerance = _ROUNDINGS * max(float(jnp.finfo(data.dtype).eps), _VARIATE if rule.law is NORMAL else 0)
    return np.allclose(out, expected, rtol=tolerance, atol=tolerance)


def dense_is_right(run: Callable[..., Any], rule: ConnectionRule, *, platform: str) -> bool:
    """Whether a small window is right; `run(seed, offset, shape=...)` is the kernel."""
    shape, skipped = _small_shape(rule), 5
    row, column, drawn = (one for one in _connections(rule.prob, (shape[0], shape[1] + skipped)))
    expected = np.zeros(shape, bool), np.zeros(shape, np.uint32)
    inside = column >= skipped
    for dense, value in zip(expected, (True, drawn[inside])):
        dense[row[inside], column[inside] - skipped] = value
    offset = np.array([_ROW[0], skipped], np.uint32)
    found = _computed(lambda *arrays: run(*arrays, shape=shape), [_SEED, offset], platform)
    return all(map(np.array_equal, found, expected))


def coo_is_right(run: Callable[..., Any], rule: ConnectionRule, *, platform: str) -> bool:
    """Whether a small list is right; `run(seed, offset, shape=..., nse=...)` is the kernel."""
    shape, surplus = _small_shape(rule), 9
    row, column, drawn = _connections(rule.prob, shape)
    order = np.lexsort((column, row))
    expected = (
        np.bincount(row, minlength=shape[0]),
        np.append(column[order], [shape[1]] * surplus),
        np.append(drawn[order], np.zeros(surplus, np.uint32)),
    )
    static = {"shape": shape, "nse": row.size + surplus}
    found = _computed(lambda *arrays: run(*arrays, **static), [_SEED, _ROW], platform)
    return all(map(np.array_equal, found, expected))


def _small_shape(rule: ConnectionRule) -> Shape:
    fewest, most = _LENGTHS
    return _ROWS, min(most, max(fewest, math.ceil(_CONNECTIONS / max(_ROWS * rule.prob, 1e-9))))


def _computed(call: Callable[..., Any], arrays: Sequence[np.ndarray], platform: str) -> list[np.ndarray]:
    """The results of a compiled call on the first device of a platform."""
    device = jax.local_devices(backend=platform)[0]
    with jax.default_device(device):
        return [np.asarray(one) for one in jax.jit(call)(*(jax.device_put(array, device) for array in arrays))]


def _connections(prob: float, shape: Shape) -> tuple[np.ndarray, ...]:
    """Row, column and draw of each connection of a matrix that begins at row `_ROW` of the network with seed `_SEED`.

    The walk of `docs/jitc-stream.md` in NumPy, through all blocks of all rows in lockstep.
    """
    rows, length = shape
    tables, size, base = jitc.gap_tables(prob), jitc.block_size(prob), jitc.cells(prob)
    row, block = (one.reshape(-1) for one in np.indices((rows, -(-length // size))))
    key0, key1 = jitc.block_keys(_SEED, _ROW + row.astype(np.uint32), block.astype(np.uint32))
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
