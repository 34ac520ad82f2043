"""Options and fixtures of the whole test suite."""

import hashlib
import itertools
import math
import os
import random
import secrets
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import numpy as np

_FINISHED = pytest.StashKey[int]()
_OPTIONS = ("full", "slow", "packaging")
_LARGEST_CACHE = 2**30


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("brainevent")
    group.addoption(
        "--full",
        action="store_true",
        help="run the whole product of formats, operations, transforms, dtypes and units instead of a pairwise cover",
    )
    group.addoption("--slow", action="store_true", help="also run the slow tests; --full includes them")
    group.addoption("--packaging", action="store_true", help="also build the distributions and install them")
    group.addoption("--seed", type=int, help="of all random inputs and covers, as a run prints it; another each run")


@pytest.hookimpl(tryfirst=True)  # before hypothesis reads its seed
def pytest_configure(config: pytest.Config) -> None:
    if config.option.seed is None:
        given = getattr(config, "workerinput", {}).get("seed")
        config.option.seed = secrets.randbelow(10**6) if given is None else given
    if config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(config.option.seed)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass the seed to a worker of pytest-xdist: workers get the command line, but not options set later."""
    node.workerinput["seed"] = node.config.option.seed


def pytest_sessionstart(session: pytest.Session) -> None:
    """Empty JAX's cache of compiled programs if it has grown large: every seed draws other cases."""
    folder = Path(os.environ.get("JAX_COMPILATION_CACHE_DIR", ""))
    ours = folder.parts[-3:] == (".pytest_cache", "d", "programs")  # not a folder that the user chose
    if (
        ours
        and not hasattr(session.config, "workerinput")
        and folder.is_dir()
        and sum(file.stat().st_size for file in os.scandir(folder)) > _LARGEST_CACHE
    ):
        shutil.rmtree(folder)


@pytest.hookimpl(tryfirst=True)  # before pytest evaluates `-m slow`, which looks for the mark
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests that run only if an option requests them."""
    for test, option in _left_out_by_covers(items, config.option.seed):
        test.add_marker(option)
    asked = {mark: config.getoption(f"--{mark}") for mark in _OPTIONS}
    asked["slow"] |= asked["full"]
    kept, left_out = [], []
    for item in items:
        wanted = all(asked[mark] for mark in asked if item.get_closest_marker(mark))
        (kept if wanted else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def _left_out_by_covers(items: list[pytest.Item], seed: int) -> Iterator[tuple[pytest.Item, str]]:
    """For tests marked ``cover``, the cases that run only with an option: "slow" for the part of the cover that exceeds
    the test's ``share``, and "full" for cases outside the cover. The seed determines the cover."""
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("cover") and hasattr(item, "callspec") and not item.get_closest_marker("full"):
            tests.setdefault(item.nodeid.split("[")[0], []).append(item)
    for name, cases in tests.items():
        options = {"strength": 2, "share": 1, **cases[0].get_closest_marker("cover").kwargs}
        met = {}
        for case in cases:
            values = [(key, id(value)) for key, value in sorted(case.callspec.params.items(), key=lambda item: item[0])]
            met[case.nodeid] = set(itertools.combinations(values, min(options["strength"], len(values))))
        left = random.Random(f"{seed} {name}").sample(cases, len(cases))
        order, covered, missing = [], 0, set().union(*met.values())
        while left:
            case = max(left, key=lambda case: len(met[case.nodeid] & missing))
            covered += bool(met[case.nodeid] & missing)
            missing -= met[case.nodeid]
            left.remove(case)
            order.append(case)
        yield from ((case, "slow") for case in order[math.ceil(options["share"] * covered) : covered])
        yield from ((case, "full") for case in order[covered:])


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Clear compiled programs every 500 tests: JAX keeps all of them, and the whole table has tens of thousands."""
    item.config.stash[_FINISHED] = finished = item.config.stash.get(_FINISHED, 0) + 1
    if finished % 500 == 0 and "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


# -- seeds -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of this test's random inputs, different for each test and each run."""
    return int.from_bytes(hashlib.sha256(f"{request.config.option.seed} {request.node.nodeid}".encode()).digest()[:4])


@pytest.fixture
def rng(seed: int) -> "np.random.Generator":
    """A random number generator for this test."""
    import numpy as np

    return np.random.default_rng(seed)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.failed:
        report.sections.append(("repeat with", _repeat(item.config, shlex.quote(item.nodeid))))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        terminalreporter.write_line(f"repeat with: {_repeat(config, '[TEST]')}")


def _repeat(config: pytest.Config, test: str) -> str:
    options = [f"--{option}" for option in _OPTIONS if config.getoption(f"--{option}")]
    return " ".join(["hatch test --seed", str(config.option.seed), *options, test])


def pytest_report_header(config: pytest.Config) -> str:
    cases = "pairwise covers" if config.getoption("--slow") else "parts of pairwise covers (the covers: --slow; "
    cases = "whole tables of cases" if config.getoption("--full") else cases + "all: --full)"
    return f"brainevent: --seed {config.option.seed}, {cases}"


# -- other fixtures ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether all combinations of cases run (``--full``), rather than pairwise covers."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def little_optimisation(request: pytest.FixtureRequest) -> Iterator[None]:
    """For tests with many programs that run once each: XLA fully optimises them only with ``--slow`` or ``--full``."""
    import jax

    before = jax.config.read("jax_disable_most_optimizations")
    asked = request.config.getoption("--slow") or request.config.getoption("--full")
    jax.config.update("jax_disable_most_optimizations", before or not asked)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
