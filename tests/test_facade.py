"""What users access through ``brainevent``: names, modules, and the command line."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

import brainevent
import brainevent_core
from brainevent_core.__main__ import main


def test_names_are_those_of_core() -> None:
    assert brainevent.__all__ == brainevent_core.__all__
    assert all(getattr(brainevent, name) is getattr(brainevent_core, name) for name in brainevent.__all__)
    assert importlib.import_module("brainevent.config") is brainevent_core.config
    assert importlib.import_module("brainevent.testing").check_conformance is not None


def test_info_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^numba +cpu ", text, re.MULTILINE)
    assert "usable" in text
    (line,) = [line for line in text.splitlines() if line.startswith("matmul")]
    assert line.split()[:6] == ["matmul", "numba", ">", "events", ">", "reference"]


def test_info_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["versions"]["brainevent-core"] == brainevent.__version__
    (numba,) = [entry for entry in report["backends"] if entry["name"] == "numba"]
    assert numba["usable"]
    assert {"name", "kernels", "tags"} <= set(report["primitives"][0])


def test_demo_runs_the_example_of_the_repository(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from brainevent import demo

    monkeypatch.setattr(sys, "path", sys.path.copy())
    assert (demo.examples() / "coba.py").samefile(Path(__file__).parents[1] / "examples" / "coba.py")
    with pytest.raises(SystemExit):
        main(["demo", "--duration", "-1"])
    assert "--duration: must be a positive number" in capsys.readouterr().err


def test_demo_of_core_alone_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "brainevent.demo", None)
    with pytest.raises(SystemExit):
        main(["demo"])
    assert "pip install brainevent" in capsys.readouterr().err


def test_unknown_commands_say_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["inform"])
    assert "info" in capsys.readouterr().err
