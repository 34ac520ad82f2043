"""The declared primitives, by name and by tag."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

from brainevent_core.errors import RegistrationError
from brainevent_core.plugins import get_registry

if TYPE_CHECKING:
    from brainevent_core.primitive.primitive import XLACustomKernel

__all__ = ["declare", "forget", "get_all_primitive_names", "get_primitive", "get_primitives_by_tags"]

_declared: dict[str, XLACustomKernel] = {}
_lock = threading.Lock()


def get_all_primitive_names() -> list[str]:
    """The names of all declared primitives, sorted."""
    return sorted(_declared)


def get_primitives_by_tags(*tags: str | Iterable[str]) -> list[str]:
    """The names of the primitives that have all of ``tags``, sorted; a tag can also be a set of tags."""
    wanted = {tag for one in tags for tag in ((one,) if isinstance(one, str) else one)}
    return sorted(name for name, kernel in _declared.items() if kernel.tags >= wanted)


def get_primitive(name: str) -> XLACustomKernel:
    """The primitive of that name; KeyError if there is none."""
    return _declared[name]


def declare(kernel: XLACustomKernel, *, stacklevel: int) -> None:
    """Add a primitive. One of the same name is replaced with a warning, and its kernels are removed.

    Raises:
        RegistrationError: if the name belongs to a primitive of brainevent.
    """
    with _lock:
        old = _declared.get(kernel.name)
        if old is not None:
            if old.builtin:
                raise RegistrationError(f"{kernel.name!r} is a primitive of brainevent; choose another name for yours.")
            warnings.warn(
                f"The primitive {kernel.name!r} is declared again; the new one is used.", stacklevel=stacklevel + 1
            )
            get_registry().remove(kernel.name)
        _declared[kernel.name] = kernel


def forget(name: str) -> None:
    """Remove a primitive and its kernels; for primitives that tests declare."""
    with _lock:
        _declared.pop(name, None)
    get_registry().remove(name)
