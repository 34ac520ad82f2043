"""Processes that make calls, and what they report; a process that dies is a finding, and the rest goes on."""

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
    """A call that is not as it must be."""

    case: int
    cell: str
    message: str


@dataclass
class Outcome:
    """Of a run: calls by how they went, and what was found."""

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
    """Make the calls of all cells, or one.

    Args:
        table: the cells.
        operations: the module whose ``OPERATIONS`` the table was made of.
        seed: of all random numbers.
        select: the patterns that the table was made with.
        rounds: calls per cell.
        jobs: processes at a time.
        only: the number of a case, to make that call alone.
        progress: is told how many further calls were made.
        found: is told each finding at once.

    An interrupt from the keyboard ends the run; its outcome is what was seen until then.
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
    """Whether kernels are guarded, and the cases, of each process."""
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
    """Run a task in a process; what is left of it if the process dies."""

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
        # A callback waits for a thread of JAX's to hand it its arrays, and occupies one meanwhile. On a single core
        # there is one for each device.
        variables["XLA_FLAGS"] = f"{variables.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2".strip()
    # A session of its own: an interrupt from the keyboard is for the parent, which ends the processes.
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=_ROOT, env=variables, start_new_session=True
    )


def _state(file: Path) -> list[int]:
    """What the worker keeps in its file: the case being called, and the number of calls by how they went."""
    return [int(number) for number in np.fromfile(file, np.int64)]


def _watch(
    process: subprocess.Popen[str], file: Path, outcome: Outcome, progress: Callable[[int], None]
) -> Callable[[], bool]:
    """Follow a process, and kill it if the run is to end or it stays at one call for too long; the function that ends
    this, and says whether it stayed."""
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
