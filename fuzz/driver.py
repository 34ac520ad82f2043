"""Processes that make calls and report the results. A process that crashes is a finding; the other calls are made."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import numpy as np

from fuzz.cells import Table
from fuzz.worker import HOW

__all__ = ["Finding", "Outcome", "run"]

_ROOT = Path(__file__).parents[1]

CELLS_AT_ONCE = 48
"""Of one process: programs and compilers take memory."""

PATIENCE = 900.0
"""Seconds for one call, compilation included, on a machine that may be busy."""

WRONG_ENOUGH = 40
"""Findings after which a run ends."""


@dataclass(frozen=True)
class Finding:
    """A call with a wrong result."""

    case: int
    cell: str
    message: str


@dataclass
class Outcome:
    """The outcome of a run: the number of calls by result, and the findings."""

    calls: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    interrupted: bool = False

    @property
    def enough(self) -> bool:
        return self.interrupted or len(self.findings) >= WRONG_ENOUGH


@dataclass(frozen=True)
class Task:
    """Cases for one process."""

    operations: str
    seed: int
    select: Sequence[str]
    guarded: bool
    cases: Sequence[int]
    after: int = -1

    def as_json(self) -> str:
        return json.dumps(vars(self))


def run(
    table: Table,
    *,
    seed: int,
    select: Sequence[str],
    rounds: int,
    jobs: int,
    only: int | None = None,
    operations: str = "fuzz.table",
    progress: Callable[[int], None] = lambda calls: None,
    found: Callable[[Finding], None] = lambda finding: None,
) -> Outcome:
    """Make the calls of all cells, or a single one.

    Args:
        table: the cells.
        operations: the module whose ``OPERATIONS`` the table was created from.
        seed: of all random numbers.
        select: the patterns that the table was created with.
        rounds: calls per cell.
        jobs: number of concurrent processes.
        only: the number of a case, to make only this call.
        progress: called with the number of calls made since the last time.
        found: called with each finding as soon as it is known.

    A keyboard interrupt ends the run; the outcome then contains the results so far.
    """
    outcome, waiting = Outcome(), queue.SimpleQueue[Task]()
    for guarded, cases in _shares(table, rounds, only):
        waiting.put(Task(operations, seed, select, guarded, cases))
    lock = threading.Lock()

    def lane() -> None:
        while not outcome.enough:
            try:
                task: Task | None = waiting.get_nowait()
            except queue.Empty:
                return
            while task is not None:
                task = _follow(task, table, outcome, lock, progress, found)

    with ThreadPoolExecutor(jobs) as pool:
        lanes = [pool.submit(lane) for _ in range(jobs)]
        try:
            for done in lanes:
                done.result()
        except KeyboardInterrupt:
            outcome.interrupted = True
    outcome.findings.sort(key=lambda finding: finding.case)
    return outcome


def _shares(table: Table, rounds: int, only: int | None) -> Iterator[tuple[bool, list[int]]]:
    """For each process, whether its kernels are guarded, and its cases."""
    if only is not None:
        yield table.case(only).cell.backend == "guarded", [only]
        return
    for guarded in (False, True):
        cells = [i for i, cell in enumerate(table.cells) if (cell.backend == "guarded") == guarded]
        for begin in range(0, len(cells), CELLS_AT_ONCE):
            share = cells[begin : begin + CELLS_AT_ONCE]
            yield guarded, sorted(number for cell in share for number in table.cases(cell, rounds))


def _follow(
    task: Task,
    table: Table,
    outcome: Outcome,
    lock: threading.Lock,
    progress: Callable[[int], None],
    found: Callable[[Finding], None],
) -> Task | None:
    """Run a task in a process. If the process crashes, return the remaining task."""

    def report(finding: Finding) -> None:
        with lock:
            outcome.findings.append(finding)
            found(finding)

    with tempfile.TemporaryDirectory(prefix="brainevent-fuzz-") as folder:
        file, output, given = (Path(folder) / name for name in ("state", "errors.txt", "task.json"))
        given.write_text(task.as_json(), encoding="utf-8")
        np.array([-1, *[0] * len(HOW)]).tofile(file)
        with output.open("w+") as errors, _start(task, given, file, errors) as process:
            ended = _watch(process, file, outcome, progress)
            assert process.stdout is not None
            for line in process.stdout:
                report(Finding(**json.loads(line)))
            status = process.wait()
            hung = ended()
            errors.seek(0)
            told = errors.read().strip().splitlines()
        current, *calls = _state(file)
        with lock:
            outcome.calls.update({how: count for how, count in zip(HOW, calls, strict=True) if count})
    if status == 0 or outcome.enough:
        return None
    what = "took too long" if hung else f"ended the process with status {status}"
    if current < 0:
        raise RuntimeError("a process of the fuzzer could not begin:\n" + "\n".join(told[-20:]))
    with lock:
        outcome.calls["crashed"] += 1
    report(Finding(current, str(table.case(current).cell), f"{what}\n    " + "\n    ".join(told[:12])))
    return replace(task, after=current) if current < task.cases[-1] else None


def _start(task: Task, given: Path, file: Path, errors: IO[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-X", "faulthandler", "-m", "fuzz.worker", str(given), str(file)]
    variables = {**os.environ, "JAX_PLATFORMS": "cpu"}
    if task.guarded:
        # A callback occupies a thread of JAX while it waits for another one to pass it its arrays. On a single core,
        # JAX has one thread per device.
        variables["XLA_FLAGS"] = f"{variables.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2".strip()
    # A new session: a keyboard interrupt should only reach the parent, which ends the processes.
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=_ROOT, env=variables, start_new_session=True
    )


def _state(file: Path) -> list[int]:
    """The state in the worker's file: the current case, and the number of calls by result."""
    return [int(number) for number in np.fromfile(file, np.int64)]


def _watch(
    process: subprocess.Popen[str], file: Path, outcome: Outcome, progress: Callable[[int], None]
) -> Callable[[], bool]:
    """Monitor a process, and kill it if the run ends or a call takes too long. The returned function ends the
    monitoring and returns whether a call took too long."""
    over, hung = threading.Event(), threading.Event()

    def watch() -> None:
        last, since, told = -1, time.monotonic(), 0
        ending = False
        while not ending:
            ending = over.wait(1.0)
            current, *calls = _state(file)
            progress(sum(calls) - told)
            told = sum(calls)
            if outcome.enough:
                process.kill()
                return
            if current != last:
                last, since = current, time.monotonic()
            elif time.monotonic() - since > PATIENCE and not ending:
                hung.set()
                process.kill()
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()

    def end() -> bool:
        over.set()
        thread.join()
        return hung.is_set()

    return end
