"""The registered formats and components, which the tests of operations and backends iterate over."""

from collections.abc import Iterator
from typing import TypeVar

from brainevent_core.errors import RegistrationError
from brainevent_core.formats.format import Component, Format

__all__ = ["get_component", "get_format", "register_component", "register_format", "registered_formats", "unregister"]

_T = TypeVar("_T")

_formats: dict[str, Format] = {}
_components: dict[str, Component] = {}


def register_format(fmt: Format) -> None:
    """Register a format, so that the conformance kit, the benchmarks and files find it by its name.

    Every primitive supports it, at least on the reference; kernels support the formats that they list.

    Raises:
        RegistrationError: if another format has its name; :func:`unregister` removes formats.
    """
    _add(_formats, fmt)


def register_component(component: Component) -> None:
    """Register a component, see :func:`register_format`: it is tried with every format that can have it."""
    _add(_components, component)


def unregister(*registered: Format | Component) -> None:
    """Remove formats or components from the registry, for tests."""
    for one in registered:
        (_formats if isinstance(one, Format) else _components).pop(one.name, None)


def registered_formats() -> tuple[Format, ...]:
    """All registered formats: each alone, with each registered component that fits, and with a derived component in
    addition to one that isn't derived."""
    return tuple(variant for fmt in _formats.values() for variant in _variants(fmt))


def _variants(fmt: Format) -> Iterator[Format]:
    yield fmt
    for component in _components.values():
        if component.fits(fmt):
            carrying = fmt.with_component(component)
            yield carrying
            if component.build is None:
                derived = (one for one in _components.values() if one.build is not None and one.fits(carrying))
                yield from map(carrying.with_component, derived)


def get_format(name: str) -> Format:
    """The format of that :attr:`~Format.full_name`.

    Raises:
        RegistrationError: if it, or a component of it, is not registered.
    """
    base, *components = name.split(":")
    fmt = _find(_formats, base)
    for component in components:
        fmt = fmt.with_component(get_component(component))
    return fmt


def get_component(name: str) -> Component:
    """The component of that name; a RegistrationError if there is none."""
    return _find(_components, name)


def _find(table: dict[str, _T], name: str) -> _T:
    if name not in table:
        known = ", ".join(table)
        raise RegistrationError(f"Nothing is registered as {name!r} here, only {known}: import what registers it.")
    return table[name]


def _add(table: dict[str, Format] | dict[str, Component], one: Format | Component) -> None:
    if table.get(one.name, one) is not one:
        kind = type(one).__name__.lower()
        raise RegistrationError(f"There is a {kind} named {one.name!r} already; `unregister` it, or take another name.")
    if not one.name.isidentifier():
        raise RegistrationError(f"Names of formats and components are identifiers, got {one.name!r}.")
    table[one.name] = one  # type: ignore[assignment]


Format.find, Component.find = staticmethod(get_format), staticmethod(get_component)
