"""Objects that are compared by identity in programs, and referred to by name in files: formats, encodings, laws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

__all__ = ["ByName"]


class ByName:
    """Base class of frozen objects that are compared by identity: a copy is the object itself.

    A pickle contains the name; where it is read, the object must be registered under it.
    """

    #: The function that finds the object of a name; set by the registry of the class.
    find: ClassVar[Callable[[str], Any]]

    @property
    def known_as(self) -> str:
        """The name by which it is found."""
        return str(self.name)  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return self.known_as

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> Any:
        return type(self).find, (self.known_as,)
