"""Contenders in separate processes, measured in turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import brainevent_core
from benchmarks.harness.cores import cores, thread_limits
from brainevent_core.bench.figures import Outcome, Sample
from brainevent_core.bench.rounds import Effort, in_turns

__all__ = ["Contender", "Contest", "Task"]

CORE = Path(brainevent_core.__file__).parent

Check = Callable[[np.ndarray], str | None]

FEW = 8
"""Numbers in a result that is kept in the outcome."""


@dataclass(frozen=True)
class Contender:
    """A contender: its name, and the interpreter of an environment with everything that it needs."""

    name: str
    python: str = sys.executable


@dataclass(frozen=True)
class Task:
    """The function that makes a contender's ``Program``, and its arguments, which are passed as JSON."""

    module: str
    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Contest:
    """Keeps one process per contender alive, so that a series of contests imports packages only once.

    Args:
        threads: the number of threads that each contender may use.
        path: folders from which the modules of tasks are imported.
    """

    def __init__(self, *, threads: int = 1, path: Sequence[Path] = ()) -> None:
        self._settings = {"path": [str(folder) for folder in path], "cpus": cores(threads), "core": str(CORE)}
        self._variables = {**os.environ, **thread_limits(threads)}
        self._processes: dict[Contender, _Process] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Contest:
        self._folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="brainevent-contest-")))
        return self

    def __exit__(self, *_: object) -> None:
        self.restart()
        self._stack.close()

    def restart(self) -> None:
        """End all processes; the next contest starts new ones."""
        for process in self._processes.values():
            process.kill()
        self._processes.clear()

    def compete(
        self,
        tasks: Mapping[Contender, Task],
        effort: Effort,
        *,
        check: Check | None = None,
        progress: Callable[[str], None] = lambda doing: None,
    ) -> dict[str, Outcome]:
        """Prepare all contenders, check their results, then measure them in turns.

        Args:
            check: returns a description of the error in the result of a program, or None. Contenders with a wrong
                result aren't measured.
            progress: called with a description of each step.
        """
        outcomes: dict[str, Outcome] = {}
        rounds: dict[Contender, int] = {}
        for contender, task in tasks.items():
            progress(f"prepare {contender.name}")
            outcome, seconds = self._prepare(contender, task, effort, check)
            outcomes[contender.name] = outcome
            if outcome.measured:
                rounds[contender] = effort.rounds_for(seconds)
        in_turns(rounds, lambda contender: self._measure(contender, outcomes[contender.name]), progress)
        for contender in tasks.keys() & self._processes.keys():
            self._ask(contender, {"drop": True})
        return outcomes

    def _prepare(self, contender: Contender, task: Task, effort: Effort, check: Check | None) -> tuple[Outcome, float]:
        answer = self._ask(contender, {"build": asdict(task), "seconds": effort.seconds})
        for status in ("unsupported", "failed"):
            if status in answer:
                return Outcome(status, answer[status]), 0.0
        outcome = Outcome("measured", None, answer["versions"], answer["notes"], answer["calls"])
        if check is not None and answer["checkable"]:
            file = self._folder / "result.npy"
            written = self._ask(contender, {"result": str(file)})
            if "failed" in written:
                return Outcome("failed", written["failed"]), 0.0
            result = np.load(file)
            wrong = check(result)
            if wrong:
                outcome.status, outcome.reason = "wrong", wrong
            if result.size <= FEW:
                outcome.result = result.ravel().tolist()
        return outcome, answer["seconds"]

    def _measure(self, contender: Contender, outcome: Outcome) -> None:
        if not outcome.measured:
            return
        answer = self._ask(contender, {"measure": outcome.calls})
        if "failed" in answer:
            outcome.status, outcome.reason = "failed", answer["failed"]
            return
        outcome.samples.append(Sample(answer["wall"] / outcome.calls, answer["cpu"] / outcome.calls))
        outcome.peak_bytes = answer["peak_bytes"]

    def _ask(self, contender: Contender, command: Mapping[str, Any]) -> dict[str, Any]:
        process = self._processes.get(contender)
        if process is None:
            process = self._processes[contender] = _Process(contender, self._settings, self._variables)
        answer = process.ask(command)
        if answer is None:  # the next command gets a new process
            del self._processes[contender]
            return {"failed": f"The process of {contender.name!r} ended with status {process.kill()}; see its output."}
        return answer


class _Process:
    def __init__(self, contender: Contender, settings: Mapping[str, Any], variables: Mapping[str, str]) -> None:
        command = [contender.python, str(Path(__file__).with_name("worker.py")), json.dumps(settings)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(variables)
        )

    def ask(self, command: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer of the process, None if it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps(command), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            return None
        return json.loads(line) if line else None

    def kill(self) -> int:
        self._process.kill()
        self._process.communicate()
        return self._process.returncode
