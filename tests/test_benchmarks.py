"""The benchmark tool: a tiny case runs through all of it, and figures, claims and pages are right."""

import json
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from benchmarks import __main__, docs, options, summary
from benchmarks.harness import reports
from benchmarks.harness.claims import Claim, judge
from benchmarks.harness.contest import Contender, Contest, Task
from benchmarks.harness.reports import Report
from benchmarks.harness.series import measure
from benchmarks.jitc import cases as jitc_cases
from benchmarks.jitc import claims as jitc_claims
from benchmarks.jitc import command as jitc_command
from benchmarks.jitc import model as jitc_model
from benchmarks.jitc import prepare as jitc_prepare
from benchmarks.jitc import report as jitc_report
from benchmarks.products import arrays, command, model, pictures, report
from benchmarks.products.cases import CASES, Case
from benchmarks.products.claims import CLAIMS
from benchmarks.products.prepare import Stage

from brainevent_core.bench.figures import Outcome, Sample, Spread, ratio
from brainevent_core.bench.loop import looped
from brainevent_core.bench.program import Program
from brainevent_core.bench.rounds import Effort

ROOT = Path(__file__).parents[1]
EFFORT = Effort(rounds=3, seconds=0.001, patience=1.0)
TINY = [
    Case(event=True, side="left", format="csr", n=150, density=0.1, activity=0.1),
    Case(event=True, side="right", format="fan-out", n=150, density=0.1, activity=0.1, batch=4),
]


def test_a_case_from_arrays_to_page(tmp_path: Path) -> None:
    peers = {name: command.PEERS[name] for name in ("ours", "reference", "scipy")}
    seen: list[str] = []
    measured = measure(
        TINY,
        peers,
        Stage(tmp_path, peers, threads=1),
        path=ROOT,
        threads=1,
        clock="cpu",
        effort=EFFORT,
        progress=lambda case, doing: seen.append(doing),
    )
    for one in measured:
        for name, outcome in one.outcomes.items():
            assert outcome.measured, f"{name}: {outcome.reason}"
            assert len(outcome.samples) == 3
            assert all(sample.wall > 0 and sample.cpu > 0 for sample in outcome.samples)
            assert outcome.calls >= 1
        assert one.outcomes["reference"].notes["kernels"] == ["reference"]
        assert one.outcomes["ours"].notes["kernels"] != ["reference"]
    assert {"prepare scipy", "round 3"} <= set(seen)

    whole = Report(
        "products",
        [report.table(measured, peers, threads=1)],
        judge(CLAIMS, measured, lambda one: one.case.name),
        pictures.pictures(measured, peers),
        reports.versions(one.outcomes for one in measured),
        [one.as_json() for one in measured],
    )
    assert json.loads(json.dumps(whole.as_json()))["figures"][0]["name"] == TINY[0].name
    assert TINY[0].name in "\n".join(reports.plain(whole))

    page = tmp_path / "page.md"
    (tmp_path / "_static").mkdir()
    page.write_text("before\n<!-- begin products -->\nold\n<!-- end products -->\nafter\n")
    machine = dict.fromkeys(("date", "processor", "cores", "system", "python"), "?")
    docs.update(whole, machine=machine, command="hatch run bench products", page=page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "`hatch run bench products`" in text
    links = re.findall(r"\]\((.*?\.png)\)", text)
    assert links
    assert all((tmp_path / link).stat().st_size > 1000 for link in links)
    with pytest.raises(ValueError, match="begin overhead"):
        docs.update(Report("overhead", []), machine=machine, command="", page=page)


def test_as_many_calls_as_fill_a_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, asked = 0.0, []

    def run(calls: int) -> None:
        nonlocal clock
        clock += calls * 1e-5 + (0.0 if asked else 1e-4)  # the first call is slow
        asked.append(calls)

    monkeypatch.setattr("time.perf_counter", lambda: clock)
    calls, took = Program(run).calibrated(0.02)
    assert took == pytest.approx(calls * 1e-5)
    assert 0.02 <= took < 0.04
    assert len(asked) < 6
    assert Program(run, calls=7).calibrated(0.02) == (7, pytest.approx(7e-5))


# Imported by workers, which must not import the requirements of this file.
CONTENDERS = """
import os
import numpy as np
from brainevent_core.bench.program import Program

def sleeper():
    return Program(lambda calls: None, lambda: np.zeros(2), calls=5)

def unable():
    raise NotImplementedError("it can't")

def broken():
    raise ValueError("it is broken")

def deadly():
    os._exit(3)
"""


@pytest.mark.parametrize("carried", [None, np.zeros(3, np.float32)], ids=["product", "update"])
def test_the_structure_of_a_contender_s_matrix_may_hold_arrays(carried: np.ndarray | None) -> None:
    """As for the published package, whose matrices no compiled function accepts twice in a process."""

    @partial(jax.tree_util.register_dataclass, data_fields=["weights"], meta_fields=["indices"])
    @dataclass
    class Matrix:
        weights: np.ndarray
        indices: jax.Array

    def step(matrix: Matrix, pattern: jax.Array, *carried: jax.Array) -> jax.Array:
        return sum(carried, pattern * matrix.weights[matrix.indices].sum())

    for entries in (4, 5):  # arrays of different lengths can't be compared
        matrix = Matrix(np.full(entries, 2, np.float32), jnp.arange(entries))
        program = looped(step, matrix, np.ones((2, 3), np.float32), carried=carried)
        program.run(2)
        assert program.result is not None
        np.testing.assert_array_equal(program.result(), [2 * entries] * 3)


def test_contenders_that_do_not_finish_leave_the_others_alone(tmp_path: Path) -> None:
    (tmp_path / "contenders.py").write_text(CONTENDERS)
    tasks = {Contender(name): Task("contenders", name) for name in ("unable", "broken", "deadly", "sleeper")}
    with Contest(path=[ROOT, tmp_path]) as contest:
        first = contest.compete(tasks, EFFORT)
        second = contest.compete(tasks, EFFORT, check=lambda result: "It is zero." if not result.any() else None)
    for outcomes in (first, second):
        assert (outcomes["unable"].status, outcomes["unable"].reason) == ("unsupported", "it can't")
        assert outcomes["broken"].status == "failed"
        assert "it is broken" in (outcomes["broken"].reason or "")
        assert "status 3" in (outcomes["deadly"].reason or "")
    assert first["sleeper"].measured
    assert first["sleeper"].calls == 5
    assert (second["sleeper"].status, second["sleeper"].reason) == ("wrong", "It is zero.")
    assert not second["sleeper"].samples


def test_ratios_are_taken_within_rounds() -> None:
    drifting = [1.0, 10.0, 100.0]
    ours = Outcome("measured", samples=[Sample(t, t) for t in drifting])
    theirs = Outcome("measured", samples=[Sample(2 * t, 3 * t) for t in drifting[:2]])  # too slow for a third round
    assert ratio(theirs, ours, "wall") == Spread(2.0, 2.0, 2.0)
    assert ratio(theirs, ours, "cpu").median == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("figures", "limits", "verdict", "worst"),
    [
        ([2.0, 5.0], {"at_least": 2}, "met", "2 ×"),
        ([2.0, 5.0], {"at_least": 3}, "NOT MET", "2 ×"),
        ([2.0, 5.0], {"at_most": 3}, "NOT MET", "5 ×"),
        ([None], {"at_least": 1}, "not measured", None),
        ([1.0, 3.0, 9.0], {"at_least": 3, "median": True}, "met", "3 ×"),
    ],
)
def test_verdicts(figures: list[float | None], limits: dict[str, float], verdict: str, worst: str | None) -> None:
    claim: Claim[float | None] = Claim("fast", lambda one: True, lambda one: one, **limits)
    (found,) = judge([claim], figures, str)
    assert found.word == verdict
    assert (found.worst and found.worst[0]) == worst


@pytest.mark.parametrize("format", ["csr", "fan-out", "coo", "dense"])
def test_a_missing_entry_is_noticed(format: str, tmp_path: Path) -> None:
    case = Case(event=True, side="left", format=format, n=80, density=0.2, activity=0.2)  # type: ignore[arg-type]
    matrix = arrays.write_matrix(case, tmp_path)
    patterns = arrays.write_patterns(case, tmp_path)
    dense = model.matrix(case, matrix)
    dense = dense if format == "dense" else dense.toarray()
    loaded, vectors = arrays.load(tmp_path)
    np.testing.assert_array_equal(loaded.data, matrix.data)
    assert vectors.shape == (arrays.PATTERNS["vector"], 80)
    assert set(vectors.sum(axis=1)) == {16}
    right = model.expected(case, model.matrix(case, matrix), patterns)
    np.testing.assert_allclose(right, patterns[0] @ dense)
    assert model.what_is_wrong(right.astype(np.float32), right) is None
    row = np.flatnonzero(patterns[0])[0]
    dense[row, np.flatnonzero(dense[row])[0]] = 0.0
    assert model.what_is_wrong((patterns[0] @ dense).astype(np.float32), right) is not None
    assert model.what_is_wrong(right, right) is not None  # float64


def test_generated_connectivity_from_vectors_to_report(tmp_path: Path) -> None:
    case = jitc_cases.Case("spikes@R", "normal", 300, 0.1, 0.2)
    peers = {"ours": jitc_command.PEERS["ours"]}
    (one,) = measure(
        [case],
        peers,
        jitc_prepare.Stage(tmp_path, peers),
        path=ROOT,
        threads=1,
        clock="cpu",
        effort=EFFORT,
        progress=lambda case, doing: None,
    )
    for outcome in one.outcomes.values():
        assert outcome.measured, outcome.reason
    table = jitc_report.table([one], peers)
    assert table.lines[0][0] == case.name
    assert jitc_claims.per_connection(one) == pytest.approx(float(table.lines[0][1]) * 1e-6 / 1800, rel=0.1)
    assert jitc_claims.per_draw(one) > 0


@pytest.mark.parametrize("law", [*jitc_cases.PARAMETERS])
def test_a_wrong_product_of_generated_connectivity_is_noticed(law: jitc_cases.Law) -> None:
    rng = np.random.default_rng(0)
    case = jitc_cases.Case("spikes@R", law, 1000, 0.1, 0.2)
    (pattern, *_), parameters = jitc_prepare.draw_patterns(case), jitc_cases.PARAMETERS[law]
    assert pattern.sum() == case.rows == 200
    draw = {"scalar": lambda w, size: np.full(size, w), "normal": rng.normal, "uniform": rng.uniform}[law]
    dense = draw(*parameters, size=(1000, 1000)) * (rng.random((1000, 1000)) < 0.1)
    right = pattern @ dense
    mean, variance = jitc_model.moments(case, pattern)
    assert right.mean() == pytest.approx(mean, rel=0.01)
    assert right.var() == pytest.approx(variance, rel=0.2)
    off = right + (np.arange(1000) == 7)
    assert jitc_model.what_is_wrong(case, pattern, np.stack([right, right])) is None
    assert "dense matrix" in (jitc_model.what_is_wrong(case, pattern, np.stack([off, right])) or "")
    assert jitc_model.what_is_wrong(case, pattern, right[None]) is None
    assert "standard deviations" in (jitc_model.what_is_wrong(case, pattern, 1.1 * right[None]) or "")


@pytest.mark.parametrize("cases", [CASES, jitc_cases.CASES])
def test_names_of_cases_are_unique(cases: list[Case]) -> None:
    assert len({case.name for case in cases}) == len(cases)


def test_bytes_are_those_of_the_rows_that_spike() -> None:
    event = Case(event=True, side="left", format="csr", n=1000, density=0.1, activity=0.01)
    assert event.bytes_moved(stored=100_000, active=10) == 1000 * 8 + 1000 + 4000
    everything = Case(event=False, side="right", format="csr", n=1000, density=0.1, activity=1.0, weights="same")
    assert everything.bytes_moved(stored=100_000, active=1000) == 400_000 + 4000 + 4000


def test_summary_is_that_of_the_results() -> None:
    results, page = ((ROOT / "docs" / name).read_text() for name in ("benchmarks.md", "performance.md"))
    lines = [*summary.summary(results)]
    assert "\n".join([summary.BEGIN, "", *lines, "", summary.END]) in page, "python -m benchmarks.summary"
    shown = [line for line in lines if line.startswith("| ")]
    assert len(shown) == 2 + len(summary.ROWS)
    for row, line in zip(summary.ROWS, shown[2:], strict=True):
        assert all(name in line for name in row.others), line


def test_summary_takes_figures_from_tables() -> None:
    table = "| case | µs | × SciPy |\n| --- | ---: | ---: |\n| a | 1234.5 | 2.04 [2.00, 3.00] |\n| b | - | - |\n"
    results = f"<!-- begin products -->\n{table}\n*`command` on 2026-01-02: a machine.*\n<!-- end products -->"
    figure = partial(summary.Figure, "products")
    rows = [summary.Row(name, figure(name, "µs"), 1e-6, {"SciPy": figure(name, "× SciPy")}) for name in "abc"]
    *_, row, nothing, source = summary.summary(results, rows)
    assert (row, nothing, source) == (
        "| a | 1.2\N{NO-BREAK SPACE}ms | SciPy 2× |",
        "",
        "- a machine: products on 2026-01-02",
    )
    with pytest.raises(ValueError, match="no place for the summary"):
        summary.update(ROOT / "docs" / "benchmarks.md", ROOT / "README.md")


@pytest.mark.parametrize("name", [*__main__.BENCHMARKS])
def test_every_benchmark_lists_its_cases_and_has_a_place_on_the_page(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    __main__.main([name, "--list"])
    assert capsys.readouterr().out.strip()
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    assert f"<!-- begin {name} -->" in page
    assert f"<!-- end {name} -->" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--select", "("], "not a regular expression"),
        (["--rounds", "0"], "must be positive"),
        (["productz"], "no benchmark is called 'productz'"),
    ],
)
def test_arguments_that_can_not_work(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.parse(arguments, {"products": "..."})
    assert message in capsys.readouterr().err
