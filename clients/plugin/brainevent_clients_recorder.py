"""A pytest plugin that records the outcome of each test, and the operators of brainevent that it used.

Pytest's option ``-p`` loads it in the environments of the clients. It requires only pytest and brainevent. When a test
begins and when it ends, it appends a line of JSON to the file named by ``BRAINEVENT_CLIENTS_RECORD``.
"""

import functools
import inspect
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import brainevent

_used: set[str] = set()


def _watch() -> None:
    """Wrap every public matrix, event class and function so that its use is recorded."""
    families = (brainevent.DataRepresentation, brainevent.EventRepresentation)
    for name, value in inspect.getmembers(brainevent):
        if name.startswith("_"):
            continue
        if inspect.isclass(value):
            if issubclass(value, families):
                # A class that inherits its __init__ gets its own, so that it is recorded under its own name.
                value.__init__ = _telling(value.__name__, value.__init__)  # type: ignore[method-assign]
        elif inspect.isfunction(value):
            setattr(brainevent, name, _telling(name, value))


def _telling(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def tell(*args: Any, **kwargs: Any) -> Any:
        _used.add(name)
        return function(*args, **kwargs)

    return tell


_watch()  # before a client is imported, as its modules import names from brainevent


class _Recorder:
    def __init__(self, file: Path) -> None:
        self._file = file

    def write(self, test: str, outcome: str, message: str, seconds: float) -> None:
        line = {"test": test, "outcome": outcome, "message": message, "uses": sorted(_used), "seconds": seconds}
        with self._file.open("a") as file:
            print(json.dumps(line), file=file)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        _used.clear()
        self.write(item.nodeid, "begun", "", 0.0)
        self._reports: list[pytest.TestReport] = []
        begin = time.perf_counter()
        result = yield
        failed = next((report for report in self._reports if report.failed), None)
        skipped = any(report.skipped for report in self._reports)  # includes expected failures
        outcome = "failed" if failed else "skipped" if skipped else "passed"
        self.write(item.nodeid, outcome, _last_line(failed), round(time.perf_counter() - begin, 3))
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._reports.append(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.write(report.nodeid, "failed", _last_line(report), 0.0)


def _last_line(report: pytest.TestReport | pytest.CollectReport | None) -> str:
    """The exception of a failure, in one line."""
    if report is None:
        return ""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = report.longreprtext if crash is None else crash.message
    lines = [line.removeprefix("E").strip() for line in text.strip().splitlines()]
    return (lines[0] if crash is not None else lines[-1])[:300] if lines else ""


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Recorder(Path(os.environ["BRAINEVENT_CLIENTS_RECORD"])))
