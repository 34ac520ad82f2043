"""Options of the whole test suite."""

import sys
from collections.abc import Callable, Iterator

import pytest

_FINISHED = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("brainevent")
    group.addoption(
        "--full",
        action="store_true",
        help="run the whole product of formats, operations, transforms, dtypes and units instead of a pairwise cover",
    )
    group.addoption("--slow", action="store_true", help="also run the slow tests; --full includes them")
    group.addoption("--packaging", action="store_true", help="also build the distributions and install them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that an option has to ask for."""
    asked = {mark: config.getoption(f"--{mark}") for mark in ("full", "slow", "packaging")}
    asked["slow"] |= asked["full"]
    kept, left_out = [], []
    for item in items:
        wanted = all(asked[mark] for mark in asked if item.get_closest_marker(mark))
        (kept if wanted else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Forget compiled programs now and then: JAX keeps each, and the whole table has tens of thousands."""
    item.config.stash[_FINISHED] = finished = item.config.stash.get(_FINISHED, 0) + 1
    if finished % 500 == 0 and "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


def pytest_report_header(config: pytest.Config) -> str:
    whole = config.getoption("--full")
    return f"brainevent: {'whole products of cases' if whole else 'pairwise covers of the cases (all of them: --full)'}"


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the whole products of cases were asked for (``--full``), rather than pairwise covers."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def optimise() -> Iterator[Callable[[bool], None]]:
    """Sets, for one test, whether XLA optimises what it compiles."""
    import jax

    before = jax.config.read("jax_disable_most_optimizations")
    yield lambda on: jax.config.update("jax_disable_most_optimizations", not on)
    jax.config.update("jax_disable_most_optimizations", before)
