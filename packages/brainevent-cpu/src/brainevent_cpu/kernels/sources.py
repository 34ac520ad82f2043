"""The source files of a kernel's machine code: if one changes, the kernels that depend on it are compiled again."""

from __future__ import annotations

import functools
import re
from pathlib import Path

__all__ = ["sources_of"]

_NATIVE = Path(__file__).with_name("native")
_IMPORT = re.compile(r"^from (\.+)([\w.]+) import", re.MULTILINE)


@functools.cache
def sources_of(family: str) -> tuple[str, ...]:
    """The module of `native` that builds a family, and what it imports from there, directly or indirectly."""
    found: set[Path] = set()
    paths = [_NATIVE.joinpath(*family.split(".")).with_suffix(".py")]
    while paths:
        path = paths.pop()
        if path not in found and path.is_relative_to(_NATIVE):
            found.add(path)
            for dots, name in _IMPORT.findall(path.read_text()):
                paths.append(path.parents[len(dots) - 1].joinpath(*name.split(".")).with_suffix(".py"))
    return tuple(sorted(map(str, found)))
