"""Finds the test files of a client that can reach operators of brainevent, by names, without importing anything.

A definition that uses a name imported from brainevent is one step away; one that uses the name of such a definition is
two steps away. A test file is found if it uses any of these names. As only names are compared, some files are found
because of an unrelated definition with the same name; what a test really uses is recorded when it runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["find_tests"]

_PACKAGE = "brainevent"


@dataclass(frozen=True)
class _Definition:
    """A function or class of a module, with all names that it uses."""

    name: str
    names: frozenset[str]
    direct: bool


def find_tests(folder: Path, depth: int) -> list[Path]:
    """The test files in the folder of an installed package, at most ``depth`` steps from brainevent."""
    files = sorted(folder.rglob("*.py"))
    definitions = [one for file in files if not _is_test(file) for one in _definitions(file)]
    reached = {one.name for one in definitions if one.direct}
    for _ in range(depth - 1):
        reached |= {one.name for one in definitions if one.names & reached}
    return [file for file in files if _is_test(file) and _names(ast.parse(file.read_text())) & {*reached, _PACKAGE}]


def _is_test(file: Path) -> bool:
    return file.stem.endswith("_test") or file.stem.startswith("test_")


def _definitions(file: Path) -> Iterator[_Definition]:
    tree = ast.parse(file.read_text())
    bound = set(_bound_to_package(tree))
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names = _names(node)
            yield _Definition(node.name, frozenset(names), bool(names & bound))


def _bound_to_package(tree: ast.Module) -> Iterator[str]:
    """The names of the package in a module, and the names that the module imports from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.asname or _PACKAGE for a in node.names if a.name.split(".")[0] == _PACKAGE)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == _PACKAGE:
            yield from (a.asname or a.name for a in node.names)


def _names(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found.update(a.name.split(".")[0] for a in node.names)
    return found
