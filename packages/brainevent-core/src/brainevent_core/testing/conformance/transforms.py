"""Transformations of a call: one function per kind, which is applied to a kernel and to the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainevent_core.testing.conformance.tables import PrimitiveCall

__all__ = ["DRAWS", "transformed"]

#: Number of calls of one kind for a transform, which maps and scans over them.
DRAWS = 3

_Function = Callable[..., Any]


def transformed(transform: str, fn: _Function, calls: Sequence[PrimitiveCall]) -> list[Any]:
    """The results of ``fn`` under a transform.

    Args:
        transform: a key of ``_KINDS``, and, after "_", the group of operands to which it applies.
        fn: a function of the operands of a call.
        calls: ``DRAWS`` calls of one kind; operands that are not mapped are those of the first.
    """
    kind, _, group = transform.partition("_")
    return jax.tree.leaves(_KINDS[kind](fn, calls, group))


def _eager(fn: _Function, calls: Sequence[PrimitiveCall], group: str) -> Any:
    return fn(*calls[0].operands)


def _jit(fn: _Function, calls: Sequence[PrimitiveCall], group: str) -> Any:
    return jax.jit(lambda *operands: fn(*operands))(*calls[0].operands)


def _scan(fn: _Function, calls: Sequence[PrimitiveCall], group: str) -> Any:
    positions = list(calls[0].groups.values())[-1]

    def run(operands: list[Any], sequence: list[Any]) -> Any:
        def step(carry: Any, given: list[Any]) -> Any:
            return carry, fn(*_with(operands, positions, given))

        return jax.lax.scan(step, 0, sequence)[1]

    return jax.jit(run)(calls[0].operands, [_stacked(calls, i) for i in positions])


def _vmap(fn: _Function, calls: Sequence[PrimitiveCall], group: str) -> Any:
    count = len(calls[0].operands)
    positions = range(count) if group == "all" else calls[0].groups[group]
    axes = [0 if i in positions else None for i in range(count)]
    operands = _with(calls[0].operands, positions, [_stacked(calls, i) for i in positions])
    return jax.jit(jax.vmap(fn, in_axes=axes))(*operands)


def _nested(fn: _Function, calls: Sequence[PrimitiveCall], group: str) -> Any:
    """The first group mapped by the outer vmap, the last by the inner one, with another size and its axis last."""
    groups = list(calls[0].groups.values())
    outer, inner = groups[0], groups[-1]
    count = len(calls[0].operands)
    operands = _with(calls[0].operands, outer, [_stacked(calls[:2], i) for i in outer])
    operands = _with(operands, inner, [_stacked(calls, i) for i in inner])
    within = jax.vmap(fn, in_axes=[0 if i in inner else None for i in range(count)], out_axes=-1)
    return jax.jit(jax.vmap(within, in_axes=[0 if i in outer else None for i in range(count)]))(*operands)


def _jvp(fn: _Function, calls: Sequence[PrimitiveCall], group: str) -> Any:
    positions = calls[0].groups[group]
    operands = calls[0].operands

    def run(primals: list[Any], tangents: list[Any]) -> Any:
        return jax.jvp(lambda *values: fn(*_with(operands, positions, values)), primals, tangents)

    primals = [operands[i] for i in positions]
    return jax.jit(run)(primals, [_direction(np, primal) for primal in primals])


def _vjp(fn: _Function, calls: Sequence[PrimitiveCall], group: str) -> Any:
    positions = calls[0].groups[group]
    operands = calls[0].operands

    def run(primals: list[Any]) -> Any:
        out, pull = jax.vjp(lambda *values: fn(*_with(operands, positions, values)), *primals)
        return out, pull(jax.tree.map(partial(_direction, jnp), out))

    return jax.jit(run)([operands[i] for i in positions])


_KINDS: dict[str, Callable[[_Function, Sequence[PrimitiveCall], str], Any]] = {
    "eager": _eager,
    "jit": _jit,
    "scan": _scan,
    "vmap": _vmap,
    "nested": _nested,
    "jvp": _jvp,
    "vjp": _vjp,
}


def _with(operands: Sequence[Any], positions: Sequence[int], values: Sequence[Any]) -> list[Any]:
    replaced = dict(zip(positions, values, strict=True))
    return [replaced.get(i, operand) for i, operand in enumerate(operands)]


def _stacked(calls: Sequence[PrimitiveCall], position: int) -> np.ndarray:
    return np.stack([call.operands[position] for call in calls])


def _direction(numpy: Any, like: Any) -> Any:
    """A tangent or cotangent, positive so that sums of it don't cancel."""
    numbers = 0.5 + 0.25 * numpy.cos(numpy.arange(like.size, dtype="float32"))
    return numbers.reshape(like.shape).astype(like.dtype)
