"""Benchmarks of backends: small cases, through the whole command line. Times are not checked."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from tests.made_plugins import descriptor, install

from brainevent_core import get_registry, reference, refresh_backends
from brainevent_core.__main__ import main as brainevent
from brainevent_core.bench import Effort, bench_cases, main, measure_case
from brainevent_core.bench.cases import draw
from brainevent_core.encodings import BINARY
from brainevent_core.formats import DELAY, registered_formats
from brainevent_core.testing.conformance.tables import TABLES

QUICK = ["--sizes", "100", "--rounds", "3", "--seconds", "0.0001", "--no-progress"]

Plant = Callable[..., None]


@pytest.fixture
def plant() -> Iterator[Plant]:
    """Registers a kernel of an invented backend, "made"."""
    planted = []

    def register(primitive: str, fn: Callable[..., Any], **options: Any) -> None:
        get_registry().register_kernel(primitive, "cpu", fn, backend="made", **options)
        planted.append(primitive)

    yield register
    for primitive in planted:
        get_registry().remove(primitive, backend="made")


def test_numba_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    select = (
        "^matmul-csr-(binary_bool-transposed-10%|float-forward)|^stdp_update-coo-.*forward.*all|^encode_.*compact-1%"
    )
    files = ["--json", str(tmp_path / "bench.json"), "--output", str(tmp_path / "bench.png")]
    assert brainevent(["bench", "--backend", "numba", "--select", select, *files, *QUICK]) == 0
    report = json.loads((tmp_path / "bench.json").read_text())
    names = [
        "encode_events-compact-1%-100x1",
        "matmul-csr-binary_bool-transposed-10%-100x100",
        "matmul-csr-float-forward-100x100",
        "stdp_update-coo-binary_bool-forward-1%-all-100x100",
    ]
    assert [case["name"] for case in report["cases"]] == names
    assert {key: report[key] for key in ("backend", "platform", "measured", "wrong", "failed", "unsupported")} == {
        "backend": "numba",
        "platform": "cpu",
        "measured": 4,
        "wrong": 0,
        "failed": 0,
        "unsupported": 0,
    }
    assert report["summary"]["reference"]["cases"] == 4
    for case in report["cases"]:
        assert {"numba", "reference"} <= set(case["outcomes"]) <= {"numba", "events", "reference"}
        for name in ("numba", "reference"):  # core's own kernels leave small matrices to the reference
            outcome = case["outcomes"][name]
            assert outcome["calls"] >= 1
            assert len(outcome["samples"]) == 3
            assert all(sample["wall"] > 0 and sample["cpu"] >= 0 for sample in outcome["samples"])
    text = capsys.readouterr().out
    assert all(name in text for name in names)
    assert "reference takes" in text
    assert "numba: 4 measured, 0 unsupported, 0 wrong, 0 failed." in text
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_wrong_kernels_are_not_timed(plant: Plant, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def every(*avals: Any, **params: Any) -> bool:
        return True

    def turned(*operands: Any, transpose: bool, **params: Any) -> Any:
        return reference.matmul(*operands, transpose=not transpose, **params)

    plant("matmul", turned, supports=every)
    plant("encode_events", reference.encode_events, supports=every)
    file = tmp_path / "bench.json"
    select = "^matmul-coo-float|^encode_events-bitpacked-10%"
    command = ["--backend", "made", "--select", select, "--against", "reference", "--json", str(file), *QUICK]
    assert main(command) == 1
    right, *wrong = json.loads(file.read_text())["cases"]
    assert right["outcomes"]["made"]["status"] == "measured"
    assert len(wrong) == 2
    for case in wrong:
        assert case["outcomes"]["made"]["status"] == "wrong"
        assert "elements differ" in case["outcomes"]["made"]["reason"]
        assert not case["outcomes"]["made"]["samples"]
        assert case["outcomes"]["reference"]["samples"]
    assert "made: 1 measured, 0 unsupported, 2 wrong, 0 failed." in capsys.readouterr().out


def test_kernels_that_raise_or_decline_leave_the_others_alone(plant: Plant) -> None:
    def breaks(*operands: Any, **params: Any) -> Any:
        raise RuntimeError("it is broken")

    plant("matmul", breaks, supports=lambda *avals, transpose, **params: not transpose)
    forward, transposed = (
        next(case for case in bench_cases(["matmul"], sizes=[100]) if case.name.startswith(f"matmul-coo-float-{name}"))
        for name in ("forward", "transposed")
    )
    effort = Effort(rounds=1, seconds=0.0, patience=1.0)
    outcomes = measure_case(forward, ["made", "reference", "numba"], effort).outcomes
    assert (outcomes["made"].status, outcomes["reference"].status, outcomes["numba"].status) == (
        "failed",
        "measured",
        "measured",
    )
    assert "it is broken" in (outcomes["made"].reason or "")
    assert [*measure_case(transposed, ["made", "reference", "numba"], effort).outcomes] == ["made"]
    outcomes = measure_case(transposed, ["numba", "reference", "made"], effort).outcomes
    assert (outcomes["made"].status, outcomes["made"].reason) == ("unsupported", "it declines these operands")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--backend", "nubma"], "no backend named 'nubma'; found: .*numba"),
        (["--backend", "numba", "--against", "nubma"], "no backend named 'nubma'; found: .*numba"),
        (["--backend", "reference"], r"the others are compared with it.* Installed: .*numba"),
        (["--backend", "numba", "--select", "mattmul"], "is selected by 'mattmul'"),
    ],
)
def test_what_can_not_be_measured(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, *QUICK]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"The backend {arguments[1]!r} can't be measured: ")
    assert re.search(message, error), error


def test_a_backend_that_can_not_be_used_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, "absent", descriptor("absent", reason="this machine has no such device."))
    with monkeypatch.context() as patched:
        patched.syspath_prepend(tmp_path)
        refresh_backends()
        assert main(["--backend", "absent", *QUICK]) == 2
    refresh_backends()
    error = capsys.readouterr().err
    assert "this machine has no such device. Installed: absent (unusable here)" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--select", "("], "not a regular expression"),
        (["--rounds", "0"], "must be positive"),
        (["--sizes", "10k,many"], "'many' is not a number"),
        (["--output", "bench.docx"], "draws .png, .svg, .pdf"),
        (["--json", "nowhere/bench.json"], "there is no folder nowhere"),
    ],
)
def test_arguments_that_can_not_work(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--backend", "numba", *arguments])
    assert message in capsys.readouterr().err


def test_extras_that_are_not_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(SystemExit):
        main(["--backend", "numba", "--output", str(tmp_path / "bench.png")])
    assert "pip install 'brainevent[bench]'" in capsys.readouterr().err
    assert main(["--backend", "numba", "--select", "^encode_events-compact-1%", *QUICK[:-1]]) == 0


def test_cases_are_listed_by_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["--backend", "numba", "--list", "--select", "^matmul-(dense|csr)-float-f", "--sizes", "10k,1.44M"]) == 0
    )
    assert capsys.readouterr().out.split() == [
        "matmul-dense-float-forward-100x100",
        "matmul-csr-float-forward-1000x1000",
        "matmul-dense-float-forward-1200x1200",
        "matmul-csr-float-forward-12000x12000",
    ]


@pytest.mark.parametrize("whole", [False, True])
def test_every_primitive_of_the_kit_has_cases_with_names_of_their_own(whole: bool) -> None:
    cases = [*bench_cases([*TABLES], sizes=[100, 10_000], whole=whole)]
    assert {case.primitive for case in cases} == set(TABLES)
    assert len({case.name for case in cases}) == len(cases)
    for primitive in ("matmul", "sddmm", "stdp_update"):
        formats = {case.of_kit["format"] for case in cases if case.primitive == primitive}
        assert formats == {fmt.full_name for fmt in registered_formats() if not fmt.annotations}
    assert {case.of_kit["format"] for case in cases if case.primitive == "deliver"} == {
        fmt.full_name for fmt in registered_formats() if DELAY in fmt.annotations
    }


@pytest.mark.parametrize(
    "name",
    [
        "matmul-coo-binary_bool-forward-10%-200x200",
        "matmul-dense-binary_bool-transposed-10%-20x20",
        "stdp_update-csr:csc_index-binary_bool-transposed-1%-all-200x200",
        "matmul-fixed_num-float-forward-200x200",
    ],
)
def test_connections_are_those_that_have_an_event(name: str) -> None:
    (case,) = (case for case in bench_cases([*TABLES], sizes=[400]) if case.name == name)
    drawn, kit = draw(case), case.of_kit
    rows, columns = (int(side) for side in kit["shape"].split("x"))
    each = np.ones((rows, columns) if kit["format"] == "dense" else drawn.call.operands[0].shape, np.float32)
    structure = [drawn.call.operands[i] for i in drawn.call.groups.get("structure", ())]
    params = {key: value for key, value in drawn.call.params.items() if key != "clip"}
    params["encoding"] = BINARY
    followed = [reference.matmul(each, *structure, jnp.array(x != 0), **params).sum() for x in drawn.patterns]
    expected = each.size if kit["operand"] == "float" else np.mean(followed)
    assert drawn.connections == pytest.approx(expected)
    assert expected > 0


def test_results_are_compared_to_the_precision_of_their_definition() -> None:
    cases = bench_cases(["jitc_matmul"], sizes=[1000], whole=True)
    case = next(case for case in cases if case.name.startswith("jitc_matmul-normal-") and "-float64" in case.name)
    outcome = measure_case(case, ["numba", "reference"], Effort(rounds=1, seconds=0.0, patience=1.0)).outcomes["numba"]
    assert outcome.measured, outcome.reason
