"""Consistency of the metadata of the six distributions. Fast, unlike the tests that build them."""

import importlib
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["core", "cpu", "cuda12", "cuda13", "tpu"]
FOLDERS = {"brainevent": ROOT} | {f"brainevent-{name}": ROOT / "packages" / f"brainevent-{name}" for name in NAMES}

#: The modules that define ``__version__``; the package ``brainevent`` re-exports core's.
VERSIONED = [FOLDERS[f"brainevent-{name}"] / "src" / f"brainevent_{name}" / "__init__.py" for name in NAMES]


def pyproject(distribution: str) -> dict[str, Any]:
    return tomllib.loads((FOLDERS[distribution] / "pyproject.toml").read_text(encoding="utf-8"))


def requirements(distribution: str) -> list[str]:
    project = pyproject(distribution)["project"]
    extras = project.get("optional-dependencies", {}).values()
    return [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]


VERSION: str = pyproject("brainevent")["project"]["version"]


@pytest.mark.parametrize("distribution", FOLDERS)
def test_metadata_agrees(distribution: str) -> None:
    project = pyproject(distribution)["project"]
    root = pyproject("brainevent")["project"]
    assert project["name"] == distribution
    for field in ("version", "license", "requires-python", "authors"):
        assert project[field] == root[field], field


@pytest.mark.parametrize("distribution", FOLDERS)
def test_distributions_pin_each_other_exactly(distribution: str) -> None:
    ours = [requirement for requirement in requirements(distribution) if requirement.startswith("brainevent")]
    assert ours or distribution == "brainevent-core"
    extras = "runtime|warp|testing|bench|sonata"
    for requirement in ours:
        assert re.fullmatch(rf"brainevent-\w+(\[({extras})\])?=={re.escape(VERSION)}", requirement)


@pytest.mark.parametrize("module", VERSIONED, ids=lambda path: path.parent.name)
def test_modules_carry_the_version(module: Path) -> None:
    assert f'__version__ = "{VERSION}"' in module.read_text(encoding="utf-8").splitlines()


def test_facade_carries_the_version() -> None:
    import brainevent

    assert brainevent.__version__ == VERSION


def test_version_wins_over_the_published_releases() -> None:
    """The previously published releases of this name go up to 0.2.1, and their clients accept no pre-releases."""
    assert re.fullmatch(r"[1-9]\d*\.\d+\.\d+(\.post\d+)?", VERSION)


def test_citation_has_the_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {VERSION}" in citation
    assert f"license: {pyproject('brainevent')['project']['license']}" in citation


def test_changelog_has_the_version() -> None:
    assert f"## [{VERSION}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("distribution", FOLDERS)
def test_every_distribution_owns_its_import_package(distribution: str) -> None:
    name = distribution.replace("-", "_")
    folder = FOLDERS[distribution]
    assert [path.name for path in (folder / "src").iterdir() if path.is_dir()] == [name]
    assert pyproject(distribution)["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [f"src/{name}"]
    assert (folder / "src" / name / "py.typed").exists()


@pytest.mark.parametrize("distribution", FOLDERS)
def test_every_distribution_has_the_license(distribution: str) -> None:
    assert (FOLDERS[distribution] / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (FOLDERS[distribution] / "README.md").exists()


def test_console_script_belongs_to_the_root() -> None:
    """Otherwise, an upgrade from the published release would remove the script that our package has just written."""
    assert [name for name in FOLDERS if "scripts" in pyproject(name)["project"]] == ["brainevent"]


@pytest.mark.parametrize("name", ["cpu", "cuda12", "cuda13", "tpu"])
def test_entry_point_names_the_backend(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = pyproject(f"brainevent-{name}")["project"]["entry-points"]["brainevent.backends"]
    assert list(entries.values()) == [f"brainevent_{name}.backend:BACKEND"]
    monkeypatch.syspath_prepend(str(FOLDERS[f"brainevent-{name}"] / "src"))
    assert importlib.import_module(f"brainevent_{name}.backend").BACKEND.name == next(iter(entries))


def test_hosted_ci_runs_every_stage() -> None:
    stages = subprocess.run([ROOT / ".ci" / "run", "--list"], check=True, capture_output=True, text=True).stdout.split()
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    (jobs,) = re.findall(r"stage: \[(.*)\]", workflow)
    assert jobs.split(", ") == stages
    unknown = subprocess.run([ROOT / ".ci" / "run", "test"], capture_output=True, text=True)
    assert unknown.returncode == 2
    assert "only: lint types" in unknown.stderr


def test_kernels_of_cuda13_are_a_link() -> None:
    """Git without core.symlinks would check out a text file with the target instead."""
    kernels = FOLDERS["brainevent-cuda13"] / "src" / "brainevent_cuda13" / "kernels"
    assert kernels.is_symlink()
    assert not os.path.isabs(os.readlink(kernels))
    assert kernels.resolve() == FOLDERS["brainevent-cuda12"] / "src" / "brainevent_cuda12" / "kernels"


def test_development_environments_know_every_package() -> None:
    sources = pyproject("brainevent")["tool"]["uv"]["sources"]
    assert sources == {name: {"path": f"packages/{name}", "editable": True} for name in FOLDERS if name != "brainevent"}


def test_lowest_environment_is_at_the_floors() -> None:
    overrides = pyproject("brainevent")["tool"]["hatch"]["envs"]["hatch-test"]["overrides"]
    lowest = dict(entry["value"].split("==") for entry in overrides["matrix"]["versions"]["extra-dependencies"])
    floors = dict(
        requirement.split(">=")
        for requirement in (
            *pyproject("brainevent-core")["project"]["dependencies"],
            *pyproject("brainevent-cpu")["project"]["dependencies"],
            *pyproject("brainevent-cuda13")["project"]["optional-dependencies"]["warp"],
        )
        if not requirement.startswith("brainevent")
    )
    assert lowest.pop("jaxlib") == lowest["jax"]
    assert lowest.keys() == floors.keys()
    for name, floor in floors.items():
        # "2.0.*" and "8.0.0" equal the floors "2.0" and "8.0".
        assert re.fullmatch(rf"{re.escape(floor)}(\.0|\.\*)*", lowest[name]), name
