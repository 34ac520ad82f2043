"""Notebooks of the tutorials, generated from their pages: text becomes Markdown cells, examples become code cells.

``conf.py`` writes them each time that the site is built. Their pictures are also on the pages. This command runs all
notebooks or some of them, and writes the pictures::

    python docs/notebooks.py [TUTORIAL ...]

The tests run the notebooks as well, and fail if a page has another picture than its notebook.
"""

import doctest
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gallery

DOCS = Path(__file__).parent
TUTORIALS = tuple(path.stem for path in sorted((DOCS / "tutorials").glob("*.md")) if path.stem != "index")

FENCE = re.compile(
    r"^```(\{(?P<directive>[\w-]+)\}|(?P<language>\w+)).*?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)

#: Sphinx roles, and their replacements in notebooks.
ROLES = (
    (re.compile(r"\{\w+\}`([^`<]+?) <[^`>]+>`"), r"\1"),  # a text with a target
    (re.compile(r"\{(?:class|func|mod|meth)\}`~?(?:\w+\.)*?((?:brainevent\.)?\w+)`"), r"`\1`"),
    (re.compile(r"\{doc\}`[./]*([^`]+)`"), r"*\1*"),
)


def cells(name: str) -> Iterator[tuple[str, str]]:
    """The cells of a tutorial: kind ("markdown", "code", or "error" for code that raises an error) and text."""
    page = (DOCS / "tutorials" / f"{name}.md").read_text(encoding="utf-8")
    page = re.sub(r"^\*This page as a notebook.*\n", "", page, flags=re.MULTILINE)
    end = 0
    for fence in FENCE.finditer(page):
        yield from _markdown(page[end : fence.start()])
        end = fence.end()
        if fence["directive"] == "doctest":
            yield from _code(fence["body"])
        elif fence["language"] == "python":
            yield "code", fence["body"].rstrip("\n")
    yield from _markdown(page[end:])


def _code(body: str) -> Iterator[tuple[str, str]]:
    """Code cells, each ending with an example that has a result: a notebook shows only the result of the last line."""
    sources: list[str] = []
    for example in doctest.DocTestParser().get_examples(body):
        if example.exc_msg is not None and sources:
            yield "code", "".join(sources).rstrip("\n")
            sources = []
        defines = example.source.startswith(("def", "class", "@"))
        if defines and sources and sources[-1] != "\n":
            sources.append("\n")
        sources.append(example.source)
        if example.want:
            yield "code" if example.exc_msg is None else "error", "".join(sources).rstrip("\n")
            sources = []
        elif defines:
            sources.append("\n")
    if sources:
        yield "code", "".join(sources).rstrip("\n")


def _markdown(text: str) -> Iterator[tuple[str, str]]:
    for role, shown in ROLES:
        text = role.sub(shown, text)
    if text.strip():
        yield "markdown", text.strip()


def notebook(name: str) -> dict[str, Any]:
    """A notebook in Jupyter's format, version 4.5."""
    made = []
    for number, (kind, text) in enumerate(cells(name)):
        cell: dict[str, Any] = {"cell_type": kind, "id": f"{name}-{number}", "metadata": {}, "source": text}
        if kind != "markdown":
            cell |= {"cell_type": "code", "execution_count": None, "outputs": []}
        if kind == "error":
            cell["metadata"] = {"tags": ["raises-exception"]}
        made.append(cell)
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": made, "metadata": {"kernelspec": python}, "nbformat": 4, "nbformat_minor": 5}


def write(folder: Path) -> None:
    """Write all notebooks."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TUTORIALS:
        (folder / f"{name}.ipynb").write_text(json.dumps(notebook(name), indent=1, ensure_ascii=False) + "\n")


def run(made: dict[str, Any], drawn: Callable[[Any], None]) -> None:
    """Run the code of a notebook from top to bottom, and pass each figure that it shows to ``drawn``.

    Raises:
        AssertionError: if a cell that shows an error raises none.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    namespace: dict[str, Any] = {"__name__": "__main__"}
    for cell in made["cells"]:
        if cell["cell_type"] != "code":
            continue
        code = compile(cell["source"].replace("plt.show()", ""), cell["id"], "exec")
        if cell["metadata"]:
            try:
                exec(code, namespace)
            except Exception:
                continue
            raise AssertionError(f"{cell['id']} raises no error")
        exec(code, namespace)
        for number in plt.get_fignums():
            drawn(plt.figure(number))
        plt.close("all")


def draw(name: str, folder: Path) -> Path:
    """Run the notebook of a tutorial, and write its picture."""
    path = folder / f"tutorial-{name}.png"
    figures = []

    def save(figure: Any) -> None:
        figures.append(figure)
        figure.savefig(path, dpi=110, bbox_inches="tight")

    run(notebook(name), save)
    assert len(figures) == 1, name
    gallery.compress(path)
    return path


def main(names: list[str]) -> int:
    for name in names or TUTORIALS:
        path = draw(name, DOCS / "_static")
        print(f"{name}: {path.stat().st_size // 1024} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
