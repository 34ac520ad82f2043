"""The diagnosis of common mistakes: the reference with the same mistake gives the same wrong result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax.numpy as jnp

from brainevent_core.encodings import BINARY, FLOAT, SPARSE_FLOAT
from brainevent_core.testing.conformance.case import ConformanceCase
from brainevent_core.testing.conformance.comparison import difference
from brainevent_core.testing.conformance.tables import PrimitiveCall
from brainevent_core.testing.conformance.transforms import transformed

__all__ = ["diagnosis"]

_Function = Callable[..., Any]
#: ``(reference, static parameters) → the reference with a mistake``, None if the mistake doesn't apply.
_Mistake = Callable[[_Function, dict[str, Any]], _Function | None]


def diagnosis(
    case: ConformanceCase, reference: _Function, calls: Sequence[PrimitiveCall], found: Sequence[Any]
) -> str | None:
    """The mistake that explains a wrong result, in words; None if no known mistake does.

    Args:
        case: the case.
        reference: the primitive, of operands and static parameters, on the reference.
        calls: its calls.
        found: the wrong result.
    """
    params = calls[0].params
    for text, mistake in _MISTAKES.items():
        mistaken = mistake(reference, params)
        if mistaken is None:
            continue
        try:
            explained = transformed(case["transform"], mistaken, calls)
        except Exception:  # the call is invalid with this mistake, e.g. because of its lengths
            continue
        if difference(found, explained, calls[0].precision) is None:
            return text
    ignored = _ignored_component(case, reference, calls, found)
    if ignored is not None:
        return ignored
    if case["transform"].startswith(("vmap", "nested")):
        return _of_batch(reference, calls, found, case["transform"])
    return None


def _other_transpose(reference: _Function, params: dict[str, Any]) -> _Function | None:
    if "transpose" not in params:
        return None
    return lambda *operands: reference(*operands, **{**params, "transpose": not params["transpose"]})


def _weighed(reference: _Function, params: dict[str, Any]) -> _Function | None:
    if params.get("encoding") is not BINARY or "clip" in params:
        return None
    position = 3 if "rule" in params else _own_operands(params)
    return lambda *operands: reference(
        *operands[:position], operands[position].astype(operands[0].dtype), **{**params, "encoding": FLOAT}
    )


def _zeros_skipped(reference: _Function, params: dict[str, Any]) -> _Function | None:
    if params.get("encoding") is not FLOAT:
        return None
    return lambda *operands: reference(*operands, **{**params, "encoding": SPARSE_FLOAT})


def _zeros_multiplied(reference: _Function, params: dict[str, Any]) -> _Function | None:
    if "transpose" not in params or params["encoding"] is FLOAT or "clip" in params:
        return None
    encoding = params["encoding"]
    position = 3 if "rule" in params else _own_operands(params)

    def mistaken(*operands: Any) -> Any:
        rows, columns = params["shape"]
        x = encoding.decode(jnp.asarray(operands[position]), rows if params["transpose"] else columns)
        return reference(*operands[:position], x.astype(operands[0].dtype), **{**params, "encoding": FLOAT})

    return mistaken


def _moved(rule: Callable[[Any, int], Any]) -> _Mistake:
    """The mistake of replacing indices by ``rule(indices, length)``."""

    def mistake(reference: _Function, params: dict[str, Any]) -> _Function | None:
        if "format" not in params or params["format"].stores_all:
            return None
        names = params["format"].names
        lengths = {"row": params["shape"][0], "col": params["shape"][1], "indices": params["shape"][1]}

        def mistaken(*operands: Any) -> Any:
            structure = [
                rule(jnp.asarray(array), lengths[name]) if name in lengths else array
                for name, array in zip(names, operands[1:])
            ]
            return reference(operands[0], *structure, *operands[1 + len(names) :], **params)

        return mistaken

    return mistake


def _one_behind(reference: _Function, params: dict[str, Any]) -> _Function | None:
    if "format" not in params or params["format"].stores_all:
        return None
    rows, columns = params["shape"]
    longer = (rows, columns + 1) if params["transpose"] else (rows + 1, columns)

    def mistaken(*operands: Any) -> Any:
        result = reference(*operands, **{**params, "shape": longer})
        return result[:-1].at[0, 1:].add(result[-1, :-1])

    return mistaken


def _own_operands(params: dict[str, Any]) -> int:
    """The position of x in a call with a stored matrix."""
    return 1 + len(params["format"].names)


_MISTAKES: dict[str, _Mistake] = {
    "the product with the opposite `transpose`": _other_transpose,
    "events that are weighed by their value instead of counting as 1": _weighed,
    "a float product that skips zeros, where 0 times Inf or NaN is NaN": _zeros_skipped,
    "silent rows or columns that are multiplied by 0 instead of being left out": _zeros_multiplied,
    "negative indices that wrap around instead of being left out": _moved(
        lambda indices, length: jnp.where(indices < 0, indices + length, indices)
    ),
    "an index equal to the length that is taken for the last row or column": _moved(
        lambda indices, length: jnp.where(indices == length, length - 1, indices)
    ),
    "a write out of bounds by one: the first entry of a vector gets what would stand behind the last of another": (
        _one_behind
    ),
    "indices outside that are clipped instead of being left out": _moved(
        lambda indices, length: jnp.clip(indices, 0, length - 1)
    ),
}


def _ignored_component(
    case: ConformanceCase, reference: _Function, calls: Sequence[PrimitiveCall], found: Sequence[Any]
) -> str | None:
    """The component of the format whose absence explains a wrong result, in words; None if there is none."""
    fmt: Any = calls[0].params.get("format")
    for component in getattr(fmt, "components", ()):
        without, kept = fmt.base, list(range(1, 1 + len(fmt.base.names)))
        position = 1 + len(fmt.base.names)
        for other in fmt.components:
            if other is not component:
                without = without.with_component(other)
                kept += range(position, position + len(other.structure))
            position += len(other.structure)

        def mistaken(*operands: Any, without: Any = without, kept: Any = tuple(kept), after: int = position) -> Any:
            structure = [operands[i] for i in kept]
            return reference(operands[0], *structure, *operands[after:], **{**calls[0].params, "format": without})

        try:
            explained = transformed(case["transform"], mistaken, calls)
        except Exception:
            continue
        if difference(found, explained, calls[0].precision) is None:
            return f"the component {component.name!r} is ignored, as a kernel does that takes formats it doesn't know"
    return None


def _of_batch(reference: _Function, calls: Sequence[PrimitiveCall], found: Sequence[Any], transform: str) -> str | None:
    def copied(positions: Sequence[int]) -> list[PrimitiveCall]:
        """Calls in which these operands are those of the first."""
        first = calls[0].operands
        return [
            replace(call, operands=[first[i] if i in positions else own for i, own in enumerate(call.operands)])
            for call in calls
        ]

    everything = tuple(range(len(calls[0].operands)))
    for name, positions in {**calls[0].groups, "all operands": everything}.items():
        explained = transformed(transform, lambda *operands: reference(*operands, **calls[0].params), copied(positions))
        if difference(found, explained, calls[0].precision) is None:
            return f"a mapped axis that is dropped: every member of the batch gets the first one's {name}"
    return None
