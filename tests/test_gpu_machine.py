"""The command for a machine with a GPU, run without one: its stages with Numba's kernels, and how it handles stages
that fail."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from benchmarks.gpu import command, launcher, machine, stages
from benchmarks.gpu.machine import Machine
from benchmarks.gpu.stages import STAGES, Row, Stage

import brainevent
from brainevent_core.testing.conformance import Outcome

pytest.importorskip("numba")


@dataclass(frozen=True)
class OnNumba(Machine):
    """A dry run with small sizes and Numba's kernels, so that nothing is compiled for GPUs."""

    platform: str = "cpu"
    tiny: bool = True

    @property
    def backend(self) -> str:
        return "numba"

    @contextlib.contextmanager
    def offered(self) -> Iterator[None]:
        with brainevent.use_backend("numba"):
            yield


@pytest.mark.parametrize("name", ["self-test", "launches", "products", "conformance"])
def test_a_stage(name: str) -> None:
    rows = list(stages.rows_of(name, OnNumba(cases=9)))
    assert rows
    assert not [row for row in rows if row["passed"] is False]
    numbers = [row["value"] for row in rows if row["unit"] in ("µs", "GB/s", "%")]
    assert numbers or name in ("self-test", "conformance")
    json.dumps(rows)


def test_the_launcher_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its measurements run; only the command judges the times."""
    pytest.importorskip("brainevent_cuda13")
    monkeypatch.setattr(launcher, "_TURNS", 20)
    monkeypatch.setattr(launcher, "_ROUNDS", 2)
    rows = list(stages.rows_of("launcher", OnNumba()))
    assert [row["wanted"] for row in rows] == ["≤ 1", "≤ 3", "", "", ""]


def test_cases_that_fail_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(case: Any, backend: str) -> Outcome:
        return Outcome.of(case, "failed", "gave something else")

    monkeypatch.setattr(stages, "check_conformance", failing)
    summary, *failed = list(stages.rows_of("conformance", OnNumba(cases=1)))[:2]
    assert (summary["passed"], summary["value"]) == (False, 0)
    assert (failed[0]["passed"], failed[0]["value"]) == (False, "gave something else")


@pytest.mark.slow
def test_a_network() -> None:
    rows = list(stages.rows_of("network", OnNumba()))
    assert [row["unit"] for row in rows] == ["× real time", "Hz", "s"] * 2


def test_a_wrong_result_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that is slightly off, and a call that is left to another backend."""
    from brainevent_core.precompile import calls

    call = next(calls("float32"))
    rng = stages.np.random.default_rng(0)
    with brainevent.use_backend("numba"):
        assert stages._same_as_reference(OnNumba(), call, rng).passed
        left = stages._same_as_reference(Machine("cpu"), call, rng)
        assert (left.value, left.passed) == ("left to numba", None)
        monkeypatch.setattr(stages.np, "allclose", lambda *_, **__: False)
        assert stages._same_as_reference(OnNumba(), call, rng).passed is False


def test_limits_add_up_to_less_than_nine_minutes() -> None:
    assert sum(stage.seconds for stage in STAGES.values()) <= 540
    assert command.SECONDS < 540


def run(name: str, stage: Stage, seconds: float = 60) -> dict[str, Any]:
    return command.run_stage(name, stage, Machine("cpu", tiny=True), os.environ, seconds)


def test_what_becomes_of_stages_that_fail() -> None:
    """Each reports the reason, and doesn't end the others."""

    def nothing(machine: Machine) -> Iterator[Row]:
        yield from ()

    failed = run("no such stage", Stage("", nothing, 1))
    assert "KeyError: 'no such stage'" in failed["fault"]
    assert failed["rows"] == []
    assert "it took more than" in run("self-test", Stage("", nothing, 1), seconds=0.05)["fault"]
    assert run("self-test", Stage("", nothing, 1), seconds=-1)["fault"] == "no time was left"
    assert run("self-test", Stage("", nothing, 1, under=("no-such-program",)))["left_out"]


@pytest.mark.parametrize("bad", ["fault", "wrong", "nothing"])
def test_the_report(
    bad: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"what": "W @ v", "value": 61.237, "unit": "%", "passed": bad != "wrong", "wanted": "≥ 60"}
    fault = "status 9: misaligned address" if bad == "fault" else None
    result = {"rows": [row], "fault": fault, "left_out": None, "seconds": 1.0}
    asked = []

    def fake(name: str, stage: Stage, machine: Machine, environment: Any, seconds: float, **_: Any) -> dict[str, Any]:
        asked.append((name, machine.platform, environment.get("BRAINEVENT_CACHE_DIR"), seconds))
        return result

    monkeypatch.setattr(command, "run_stage", fake)
    file, images = tmp_path / "found.json", tmp_path / "images"
    status = command.main(["--line", "13", "--images", str(images), "--json", str(file)])
    assert status == (bad != "nothing")
    assert [one[:3] for one in asked] == [(name, "cuda", str(images)) for name in STAGES]
    assert all(one[3] <= STAGES[one[0]].seconds for one in asked)
    said = capsys.readouterr().out
    assert "61.24 %" in said
    assert ("NO" in said) == (bad == "wrong")
    assert ("misaligned address" in said) == (bad == "fault")
    found = json.loads(file.read_text())
    assert list(found["stages"]) == list(STAGES)
    assert found["machine"]["line"] == 13


def test_images_stand_in_for_warp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Warp, kernels are looked up under the version of Warp that compiled them."""
    compiled = Machine().module("compiled")
    monkeypatch.setattr(compiled, "warp_version", compiled.warp_version)  # so that it is restored at the end
    spec = Machine().module("native.spec").KernelSpec("gather", "fixed_num")
    monkeypatch.setattr(machine.importlib.metadata, "version", lambda name: "1.18.7")
    expected = compiled.CompiledKernel(spec).digest
    machine.remember_warp(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(compiled, "warp_version", compiled.warp_version)
    find_spec = machine.importlib.util.find_spec
    monkeypatch.setattr(machine.importlib.util, "find_spec", lambda name: None if name == "warp" else find_spec(name))
    with pytest.raises(SystemExit, match="There is no Warp here"):
        machine.warp_of(Machine(), tmp_path / "elsewhere")
    machine.warp_of(Machine(), tmp_path)
    assert compiled.CompiledKernel(spec).digest == expected
