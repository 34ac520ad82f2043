"""Fixtures of the packaging tests: the distributions, built once, and a fresh environment to install them into."""

import shutil
from pathlib import Path

import pytest
from scripts.build_distributions import PROJECTS, build
from tests.packaging.environments import Environment


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdists and wheels of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    for project in PROJECTS:
        for target in ("sdist", "wheel"):
            build(project, target, folder)
    return folder


@pytest.fixture
def environment(tmp_path: Path, distributions: Path) -> Environment:
    assert shutil.which("uv"), "the packaging tests need uv: hatch run packaging:test"
    return Environment(tmp_path / "venv", distributions)
