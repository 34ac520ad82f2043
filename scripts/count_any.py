"""Count the parameters and results annotated ``Any`` in the public interface of brainevent.

Type checkers don't report these. ``hatch run types:any`` prints them by function, method and attribute.
"""

import inspect
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

import brainevent

#: Special methods that users call through syntax.
SYNTAX = frozenset(
    f"__{name}__"
    for name in (
        *("init", "call", "getitem", "iter", "matmul", "rmatmul", "neg", "pos", "abs", "invert"),
        *(f"{side}{name}" for name in ("add", "sub", "mul", "truediv") for side in ("", "r")),
    )
)


def public_callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Name and function of everything public: functions, constructors, methods and properties.

    A function that several classes inherit is listed once, under the name of the first class.
    """
    seen: set[Callable[..., Any]] = set()
    for name in sorted(brainevent.__all__):
        for label, function in _callables(name, getattr(brainevent, name)):
            if function not in seen:
                seen.add(function)
                yield label, function


def _callables(name: str, value: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    if inspect.isfunction(value):
        yield name, value
    elif inspect.isclass(value):
        for key in dir(value):
            member = inspect.getattr_static(value, key)
            function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            ours = inspect.isfunction(function) and function.__module__.startswith("brainevent")
            if ours and (key in SYNTAX or not key.startswith("_")):
                yield f"{name}.{key}", function


def untyped(function: Callable[..., Any]) -> list[str]:
    """The parameters that are annotated ``Any`` or not at all, and "return"."""
    function = inspect.unwrap(function)
    try:
        hints = typing.get_type_hints(function)
    except NameError:  # a name that is imported for type checkers only
        hints = inspect.get_annotations(function)
    parameters = [each for each in inspect.signature(function).parameters if each not in ("self", "cls")]
    result = [] if function.__name__ == "__init__" else ["return"]
    return [each for each in (*parameters, *result) if _means_any(hints.get(each, Any))]


def _means_any(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return "Any" in map(str.strip, annotation.split("|"))
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return any(map(_means_any, typing.get_args(annotation)))
    return annotation is Any


def table() -> list[tuple[str, list[str]]]:
    """The functions with ``Any``, and the parameters or results where it occurs."""
    return [(name, found) for name, function in public_callables() if (found := untyped(function))]


def main() -> None:
    rows = table()
    width = max((len(name) for name, _ in rows), default=0)
    for name, found in rows:
        print(f"{name:{width}}  {', '.join(found)}")
    total = sum(len(found) for _, found in rows)
    print(f"\n{total} parameters and results are Any, of {sum(1 for _ in public_callables())} public functions")


if __name__ == "__main__":
    main()
