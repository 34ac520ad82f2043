"""Lint rule: only formats, their classes and the kernels of backends may distinguish formats.

Code that compares formats ignores formats that are added later. The rule finds comparisons with the names of core's
formats ("csr", ...) or with their objects (``fmt is CSR_FORMAT``), and string operations that search for these names.

    python scripts/check_format_names.py [files]
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
CORE = ROOT / "packages" / "brainevent-core" / "src" / "brainevent_core"

#: Where formats may be distinguished: the formats, the classes of a single format, the operation that a component
#: exists for, and the kernels of backends.
ALLOWED = (
    CORE / "formats",
    *(CORE / "matrices" / f"{name}.py" for name in ("csr", "coo", "fixed_num", "dense", "column_index")),
    *(CORE / layer / "delays.py" for layer in ("matrices", "ops", "primitives")),
    *(folder / "kernels" for folder in (ROOT / "packages").glob("*/src/*")),
)

_SEARCHES = ("startswith", "endswith", "removeprefix", "removesuffix", "carries")


class Names(NamedTuple):
    """The names of core's formats and components: their strings, and the variables that hold them."""

    texts: frozenset[str]
    objects: frozenset[str]


def names_of_formats() -> Names:
    """The names that formats and components are declared with, and the names of their variables."""
    texts: set[str] = set()
    objects: set[str] = set()
    for path in (CORE / "formats").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
                continue
            called = node.value.func
            if isinstance(called, ast.Name) and called.id in ("Format", "Component"):
                objects.update(target.id for target in node.targets if isinstance(target, ast.Name))
                given = (keyword.value for keyword in node.value.keywords if keyword.arg == "name")
                texts.update(str(name.value) for name in given if isinstance(name, ast.Constant))
    return Names(frozenset(texts), frozenset(objects))


def comparisons(source: str, names: Names) -> Iterator[int]:
    """The numbers of lines that distinguish formats."""

    def is_name(node: ast.expr) -> bool:
        if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            return any(map(is_name, node.elts))
        if isinstance(node, ast.Constant):
            return isinstance(node.value, str) and bool(names.texts & set(node.value.split(":")))
        called = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        return called in names.objects

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            asked: list[ast.expr] = [node.left, *node.comparators]
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
            asked = [key for key in node.value.keys if key is not None]
        elif isinstance(node, ast.MatchValue):
            asked = [node.value]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _SEARCHES:
            asked = list(node.args)
        else:
            continue
        if any(map(is_name, asked)):
            yield asked[0].lineno


def main(paths: list[str]) -> int:
    """Print what is found; returns 1 if anything is found, otherwise 0."""
    names, found = names_of_formats(), 0
    sources = [Path(path).resolve() for path in paths] or sorted((ROOT / "packages").glob("*/src/**/*.py"))
    for path in sources:
        if any(path.is_relative_to(allowed) for allowed in ALLOWED):
            continue
        for line in comparisons(path.read_text(), names):
            print(f"{path.relative_to(ROOT)}:{line}: asks which format a matrix has; give Format what the code needs")
            found += 1
    print(f"Formats are told apart in {found} places where they must not be.")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
