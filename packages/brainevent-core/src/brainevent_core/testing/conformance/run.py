"""Runs many cases in separate processes: a kernel that crashes or hangs ends its case, not the run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import IO, Any

from brainevent_core.testing.conformance.case import ConformanceCase, Outcome
from brainevent_core.testing.conformance.check import repeat

__all__ = ["run_cases"]

#: Seconds after which a case counts as hanging. The first one includes compilation.
_PATIENCE = 600


def run_cases(cases: Sequence[ConformanceCase], backend: str, platform: str | None = None) -> Iterator[Outcome]:
    """Run cases and return their outcomes, in order.

    Args:
        cases: the cases.
        backend: the backend, which must be an installed package, because separate processes import it.
        platform: the platform that replaces those of its devices, if any.
    """
    remaining = list(cases)
    while remaining:
        with tempfile.TemporaryFile("w+") as errors:
            process = _start(remaining, backend, platform, errors)
            for outcome in _answers(process):
                remaining.pop(0)
                yield outcome
            if remaining:
                errors.seek(0)
                yield _crashed(remaining.pop(0), backend, process.returncode, errors.read())


def _start(
    cases: Sequence[ConformanceCase], backend: str, platform: str | None, errors: IO[str]
) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "brainevent_core.testing.conformance.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    assert process.stdin is not None
    with process.stdin:
        task = {"backend": backend, "platform": platform, "cases": [str(case) for case in cases]}
        json.dump(task, process.stdin)
    return process


def _answers(process: subprocess.Popen[str]) -> Iterator[Outcome]:
    """The outcomes from the process until it ends, or is killed because a case takes too long."""
    assert process.stdout is not None
    watchdog = threading.Timer(_PATIENCE, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            watchdog.cancel()
            yield Outcome(**json.loads(line))
            watchdog = threading.Timer(_PATIENCE, process.kill)
            watchdog.start()
        process.wait()
    finally:  # also if the caller stops early
        watchdog.cancel()
        process.kill()
        process.stdout.close()
        process.wait()


def _crashed(case: ConformanceCase, backend: str, status: int, errors: str) -> Outcome:
    by = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    said: Any = [line for line in errors.strip().splitlines() if line.strip()]
    last = f" ({said[-1].strip() if status > 0 else said[0].strip()})" if said else ""
    return Outcome.of(case, "failed", f"the process ended with {by}{last}.\n{repeat(case, backend)}")
