"""The formats and components that are known by name: what the tests of operations and backends run through."""

from brainevent_core.errors import RegistrationError
from brainevent_core.formats.format import Component, Format

__all__ = ["get_component", "get_format", "register_component", "register_format", "registered_formats", "unregister"]

_formats: dict[str, Format] = {}
_components: dict[str, Component] = {}


def register_format(fmt: Format) -> None:
    """Make a format known: the conformance kit, the benchmarks and files find it by its name.

    Every primitive takes it, on the reference at least; kernels take what they list.

    Raises:
        RegistrationError: if another one has its name.
    """
    _add(_formats, fmt)


def register_component(component: Component) -> None:
    """Make a component known, see :func:`register_format`: it is tried with every format that can carry it."""
    _add(_components, component)


def unregister(*registered: Format | Component) -> None:
    """Forget formats or components, as tests do with what they made."""
    for one in registered:
        (_formats if isinstance(one, Format) else _components).pop(one.name, None)


def registered_formats() -> tuple[Format, ...]:
    """All formats that are registered, each alone and with every registered component that fits."""
    return tuple(
        variant
        for fmt in _formats.values()
        for variant in (fmt, *(fmt.with_component(one) for one in _components.values() if one.fits(fmt)))
    )


def get_format(name: str) -> Format:
    """The format of that :attr:`~Format.full_name`.

    Raises:
        KeyError: if it, or a component of it, is not registered.
    """
    base, *components = name.split(":")
    fmt = _formats[base]
    for component in components:
        fmt = fmt.with_component(_components[component])
    return fmt


def get_component(name: str) -> Component:
    """The component of that name; KeyError if there is none."""
    return _components[name]


def _add(table: dict[str, Format] | dict[str, Component], one: Format | Component) -> None:
    if table.get(one.name, one) is not one:
        raise RegistrationError(f"There is a {type(one).__name__.lower()} named {one.name!r} already.")
    if not one.name.isidentifier():
        raise RegistrationError(f"Names of formats and components are identifiers, got {one.name!r}.")
    table[one.name] = one  # type: ignore[assignment]
