"""Random tests are reproducible: inputs and covers are determined by the seed that a run prints."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from brainevent_core.testing.pairwise import round_robin, rows

ROOT = Path(__file__).parents[1]

RANDOM_TESTS = """
from hypothesis import Phase, given, settings, strategies as st
from tests.covers import parametrize_with_cases

def pytest_generate_tests(metafunc):
    parametrize_with_cases(metafunc, lambda whole, seed: [seed % 1009, seed % 1013])

def test_numbers(rng, case):
    assert False, f"drawn {case} {rng.integers(2**31)}"

@settings(phases=[Phase.generate])
@given(st.integers(0, 2**40))
def test_examples(example):
    assert example < 2**20, f"drawn {example}"
"""


def drawn(folder: Path, *options: str) -> tuple[list[str], str]:
    """What random tests drew, and the output of the run."""
    file = folder / "test_random.py"
    file.write_text(RANDOM_TESTS)
    arguments = ["-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), *options]
    command = [sys.executable, "-m", "pytest", "-p", "conftest", *arguments, str(file)]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    return sorted(set(re.findall(r"AssertionError: (drawn.*)", out))), out


def test_a_run_is_repeated_by_its_seed(tmp_path: Path) -> None:
    """Also with several processes, each of which collects the tests."""
    first, out = drawn(tmp_path)
    seed = re.search(r"brainevent: --seed (\d+)", out)
    assert seed, out
    assert len(first) == 3
    assert re.search(rf"repeat with -+\nhatch test --seed {seed[1]} 'test_random.py::test_numbers", out)
    again, _ = drawn(tmp_path, "--seed", seed[1], "-n", "2")
    assert again == first
    other, _ = drawn(tmp_path, "--seed", str(int(seed[1]) + 1))
    numbers = [row for row in other if row.count(" ") == 2]  # of test_numbers; hypothesis may draw an example twice
    assert len(numbers) == 2
    assert {*numbers}.isdisjoint(first)


def test_all_random_numbers_have_a_seed() -> None:
    tests = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("packages/*/tests/**/*.py")]
    unseeded = re.compile(r"default_rng\(\)|np\.random\.(?!default_rng|Generator|SeedSequence)\w+\(")
    assert not [str(test) for test in tests if test != Path(__file__) and unseeded.search(test.read_text())]


COLUMNS = {"a": range(7), "b": "uvwx", "c": range(5), "d": (False, True), "e": (False, True)}


def allowed(row: dict[str, Any]) -> bool:
    return not (row.get("a") == 3 and row.get("b") == "v")


@pytest.mark.parametrize("table", ["cover", "turns"])
def test_another_seed_covers_other_combinations(table: str, seed: int) -> None:
    def draw(seed: int | None) -> list[tuple[Any, ...]]:
        if table == "turns":
            first = {name: COLUMNS[name] for name in "abc"}
            others = {name: COLUMNS[name] for name in "de"}
            return [tuple(row.values()) for row in round_robin(first, others, allowed=allowed, seed=seed)]
        return [tuple(row.values()) for row in rows(COLUMNS, whole=False, allowed=allowed, seed=seed)]

    assert draw(seed) == draw(seed)
    assert draw(None) == draw(None)
    combinations = Counter(row for number in range(12) for row in draw(seed + number))
    assert len(combinations) > (1.5 if table == "cover" else 3) * len(draw(seed))
    if table == "cover":
        pairs = {(i, row[i], j, row[j]) for row in draw(seed) for i in range(5) for j in range(i)}
        sizes = [len(values) for values in COLUMNS.values()]
        assert len(pairs) == sum(sizes[i] * sizes[j] for i in range(5) for j in range(i)) - 1
