"""The command that runs the clients' tests: the files that it finds, its comparison of results, and crashes."""

import sys
from pathlib import Path

import pytest
from clients.comparison import compare, table
from clients.installations import Installation
from clients.runs import Result, run
from clients.search import find_tests

from brainevent_core.bench.tables import plain

PACKAGE = {
    "direct.py": "import brainevent as be\ndef product(x): return be.CSR(x)\n",
    "taken.py": "from brainevent import coo2csr as convert\nclass Layer:\n    def make(self): return convert(1, 2)\n",
    "second.py": "from .direct import product\ndef network(): return product(1)\n",
    "third.py": "import client\ndef model(): return client.network()\n",
    "other.py": "def unrelated(): return 'brainevent'\n",
    "direct_test.py": "from client import product\ndef test(): product(1)\n",
    "test_taken.py": "import client\ndef test(): client.Layer()\n",
    "sub/second_test.py": "import client\ndef test(): client.network()\n",
    "sub/third_test.py": "import client\ndef test(): client.model()\n",
    "sub/itself_test.py": "import brainevent\n",
    "other_test.py": "from client import unrelated\ndef test(): unrelated()\n",
}


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_tests_are_found_by_steps_from_the_package(tmp_path: Path, depth: int) -> None:
    for name, text in PACKAGE.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    found = sorted(file.name for file in find_tests(tmp_path, depth))
    further = ["second_test.py", "third_test.py"][: depth - 1]
    assert found == sorted(["direct_test.py", "test_taken.py", "itself_test.py", *further])


def results(**outcomes: str) -> list[Result]:
    """Results of tests that are named by the keywords; those that begin with ``jit`` use generated connectivity."""
    return [
        Result("a_test.py", name, outcome, "why" if outcome == "failed" else "", frozenset({_uses(name)}))
        for name, outcome in outcomes.items()
    ]


def _uses(name: str) -> str:
    return "JITCScalarR" if name.startswith("jit") else "CSR"


def test_what_passes_on_one_side_alone() -> None:
    published = results(same="passed", worse="passed", better="failed", both="failed", gone="passed", jit="passed")
    ours = results(same="passed", worse="failed", better="passed", both="failed", jit="passed")
    stored, generated = compare("client", published, ours)
    assert [result.test for result in stored.broken] == ["worse", "gone"]
    assert stored.repaired == ["better"]
    assert (generated.group, generated.broken) == ("just-in-time", [])
    text = "\n".join(plain(table([stored, generated], "title", [])))
    assert "BROKEN 2" in text
    assert "client a_test.py::worse [stored]: why" in text


def test_our_own_tests_must_pass() -> None:
    (own,) = compare("own", results(new="failed"), results(new="failed"), required=True)
    assert [result.test for result in own.broken] == ["new"]


def test_a_file_that_cannot_be_imported_or_ends_its_process_is_broken() -> None:
    published = results(one="passed", two="passed")
    for outcome in ("failed", "crashed"):
        (one,) = compare("client", published, [Result("a_test.py", "", outcome, "no", frozenset())])
        assert [result.message for result in one.broken] == ["no"]


def test_files_that_use_nothing_are_left_out() -> None:
    unused = [Result("a_test.py", "one", "passed", "", frozenset())]
    assert compare("client", unused, unused) == []


def test_outcomes_and_uses_are_recorded_up_to_a_crash(tmp_path: Path) -> None:
    (tmp_path / "some_test.py").write_text(
        "import os, brainevent, pytest\n"
        "def test_uses(): brainevent.Dense([[1.0]])\n"
        "def test_fails(): assert 1 == 2, 'one is not two'\n"
        "def test_skips(): pytest.skip('not today')\n"
        "def test_crashes(): os.abort()\n"
        "def test_never(): pass\n"
    )
    (tmp_path / "next_test.py").write_text("def test_next(): pass\n")
    here = Installation("ours", sys.executable, tmp_path, {})
    files = [tmp_path / "some_test.py", tmp_path / "next_test.py"]
    found = run(here, files, patience=600.0, jobs=2)
    assert [(result.test, result.outcome) for result in found] == [
        ("test_uses", "passed"),
        ("test_fails", "failed"),
        ("test_skips", "skipped"),
        ("test_crashes", "crashed"),
        ("test_next", "passed"),
    ]
    assert "Dense" in found[0].uses
    assert "one is not two" in found[1].message
    assert "status -6" in found[3].message
