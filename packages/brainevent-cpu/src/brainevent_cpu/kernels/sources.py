"""Which files the machine code of a kernel is made of: after a change, what depends on it is compiled again."""

from __future__ import annotations

import functools
import re
from pathlib import Path

__all__ = ["sources_of"]

_NATIVE = Path(__file__).with_name("native")
_IMPORT = re.compile(r"^from \.(\w+) import", re.MULTILINE)


@functools.cache
def sources_of(family: str) -> tuple[str, ...]:
    """The module of `native` that builds a family, and those of its siblings that it imports, directly or not."""
    found: set[str] = set()
    names = [family]
    while names:
        name = names.pop()
        if name not in found:
            found.add(name)
            names += _IMPORT.findall((_NATIVE / f"{name}.py").read_text())
    return tuple(str(_NATIVE / f"{name}.py") for name in sorted(found))
