"""The example of a backend, installed like any other package: it conforms, and its language is found."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent / "plugin_example"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment variables for a process in which the package is installed as editable, as in its pyproject.toml."""
    folder = tmp_path_factory.mktemp("site")
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    info = folder / f"brainevent_example-{project['version']}.dist-info"
    info.mkdir()
    name, version = project["name"], project["version"]
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    path = os.pathsep.join([str(folder), str(EXAMPLE / "src"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


def python(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)


def check(environment: dict[str, str], report: Path, *options: str) -> None:
    command = ["-m", "brainevent.testing", "--backend", "example", "--json", str(report), "--no-progress"]
    done = python(environment, *command, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(report.read_text())
    assert found["conforms"]
    assert found["failed"] == 0
    assert all(case["named"] for case in found["cases"] if case["verdict"] == "declined")
    passed = {case["primitive"] for case in found["cases"] if case["verdict"] == "passed"}
    assert passed == {"matmul", "encode_events"}


def test_example_conforms(environment: dict[str, str], tmp_path: Path) -> None:
    check(environment, tmp_path / "report.json", "--select", "^matmul-coo-binary_|^encode_events-.*-vector-some")


@pytest.mark.slow
def test_example_conforms_in_all_cases(environment: dict[str, str], tmp_path: Path) -> None:
    check(environment, tmp_path / "report.json")


def test_example_is_measured(environment: dict[str, str], tmp_path: Path) -> None:
    select = ["--select", "^encode_events-bitpacked-1%|^matmul-coo-float-forward", "--sizes", "100", "--rounds", "1"]
    command = ["-m", "brainevent.bench", "--backend", "example", "--json", str(tmp_path / "bench.json"), *select]
    done = python(environment, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "bench.json").read_text())["measured"] == 2
    assert "reference takes" in done.stdout


def test_language_of_the_example(environment: dict[str, str]) -> None:
    done = python(environment, "-c", "import brainevent; print(brainevent.entry_kernel.__module__)")
    assert done.stdout.strip() == "brainevent_example.language", done.stderr


def test_example_is_small() -> None:
    sources = [*EXAMPLE.rglob("*.py"), EXAMPLE / "pyproject.toml"]
    lines = [line for source in sources for line in source.read_text().splitlines() if line.strip()]
    assert len(lines) < 130
    code = [line for line in lines if not line.lstrip().startswith(("#", '"""'))]
    assert len(code) < 100
