"""Commands in README.md and on other pages work as printed, and the links work on the page of a registry."""

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import brainunit as u
import pytest
from scripts.set_repository import LINKS, set_repository

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"


def test_readme_example() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    assert names["conductance"].shape == (1000,)
    assert names["conductance"].unit == u.nS
    assert names["gradient"].shape == ()


def test_extras_are_quoted_in_commands() -> None:
    """zsh interprets unquoted brackets as a pattern, and stops because no file matches."""
    patterns = "*.md", "packages/*/README.md", "docs/**/*.md", "examples/*", "src/**/*.py", "packages/*/src/**/*.py"
    pages = [page for pattern in patterns for page in ROOT.glob(pattern)]
    unquoted = re.compile(r"pip install [^\n`]*(?<![\"'\w-])brainevent(?:-\w+)?\[")
    for page in pages:
        if page.is_file() and "_build" not in page.parts:
            assert not unquoted.search(page.read_text(encoding="utf-8")), page


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The files that ``scripts/set_repository.py`` edits, and the files that they link to."""
    for folder in (ROOT, *(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))):
        for name in ("README.md", "pyproject.toml", "CITATION.cff"):
            if (folder / name).exists():
                copy = tmp_path / folder.relative_to(ROOT) / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(folder / name, copy)
    for target in re.findall(r"\]\((?!https?:)([^)\s#]+)\)", README.read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target
        linked = tmp_path / target
        (linked if (ROOT / target).is_dir() else linked.parent).mkdir(parents=True, exist_ok=True)
        if (ROOT / target).is_file():
            linked.touch()
    return tmp_path


def test_address_of_the_repository(tree: Path) -> None:
    assert len(set_repository("https://example.org/brainevent/", tree)) >= 8
    readme = (tree / "README.md").read_text(encoding="utf-8")
    assert "![" in readme
    links = re.findall(r"\]\(([^)\s#]+)\)", readme)
    assert all(link.startswith("https://") for link in links), links
    assert "](https://example.org/brainevent/raw/main/docs/_static/coba.png)" in readme
    assert "](https://example.org/brainevent/tree/main/docs)" in readme
    assert "](https://example.org/brainevent/blob/main/LICENSE)" in readme
    for pyproject in (tree / "pyproject.toml", *tree.glob("packages/*/pyproject.toml")):
        old = tomllib.loads((ROOT / pyproject.relative_to(tree)).read_text(encoding="utf-8"))
        new = tomllib.loads(pyproject.read_text(encoding="utf-8"))
        assert new["project"].pop("urls").keys() == LINKS.keys()
        old["project"].pop("urls", None)
        assert new == old
    assert not set_repository("https://example.org/brainevent", tree)
    set_repository("https://elsewhere.org/b", tree)
    moved = (tree / "README.md").read_text(encoding="utf-8")
    assert moved == readme.replace("https://example.org/brainevent", "https://elsewhere.org/b")
