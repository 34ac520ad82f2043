"""Support for ``jax.export`` to write functions of matrices, events and quantities to a file."""

import json
from contextlib import suppress
from typing import Any

import brainunit as u
import jax.export

from brainevent_core.formats import Format, get_format

__all__ = ["serializable", "static_as_text", "static_of_text", "unit_as_text", "unit_of_text"]


def serializable(cls: type) -> None:
    """Let a class that JAX knows as a pytree be part of a serialized function's signature.

    Its static part must consist of tuples, strings, numbers, booleans and formats. Files contain the public names of
    brainevent's own classes, so that they stay readable if a module is moved.
    """
    module = "brainevent" if cls.__module__.split(".")[0] == "brainevent_core" else cls.__module__
    # JAX raises a ValueError if the name is taken, as by a class that a notebook declares again. It keeps the first
    # class, and reports this when the second is serialized.
    with suppress(ValueError):
        jax.export.register_pytree_node_serialization(
            cls,
            serialized_name=f"{module}.{cls.__qualname__}",
            serialize_auxdata=static_as_text,
            deserialize_auxdata=static_of_text,
        )


def static_as_text(static: Any) -> bytes:
    """The static part of a matrix, as JSON."""
    return json.dumps(static, default=_format_as_json).encode()


def static_of_text(text: bytes | str) -> Any:
    """The inverse of :func:`static_as_text`."""
    return _tuples(json.loads(text, object_hook=_format_of_json))


def _format_as_json(static: Any) -> dict[str, str]:
    """A format by its name, under which it must be registered where the file is read."""
    if isinstance(static, Format):
        return {"format": static.full_name}
    raise TypeError(f"{type(static).__name__} can't be part of a file.")


def _format_of_json(value: dict[str, str]) -> Format:
    return get_format(value["format"])


def _tuples(value: Any) -> Any:
    """Lists as tuples, because JSON has lists only, and static data is hashed."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


_DIMENSIONS = ("length", "mass", "time", "current", "temperature", "substance", "luminosity")
_ATTRIBUTES = ("scale", "base", "factor", "name", "dispname", "is_fullname")


def unit_as_text(unit: Any) -> bytes:
    """A unit as JSON."""
    exponents = {name: float(unit.dim.get_dimension(name)) for name in _DIMENSIONS}
    return json.dumps([exponents, {name: getattr(unit, name) for name in _ATTRIBUTES}]).encode()


def unit_of_text(text: bytes | str) -> Any:
    """The inverse of :func:`unit_as_text`."""
    exponents, attributes = json.loads(text)
    return u.Unit(u.get_or_create_dimension(**exponents), **attributes)


with suppress(ValueError):  # brainunit or another package may have registered it
    jax.export.register_pytree_node_serialization(
        u.Quantity,
        serialized_name="brainunit.Quantity",
        serialize_auxdata=unit_as_text,
        deserialize_auxdata=unit_of_text,
    )
