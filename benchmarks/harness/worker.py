"""A process that prepares and times one contender's programs, on command.

    python worker.py SETTINGS

SETTINGS is JSON: ``{"path": [folders to import from], "cpus": [cores to run on], "core": folder of brainevent_core}``.
Each line of standard input is a command, which is answered by one line of JSON:

- ``{"build": {"module": M, "function": F, "arguments": {...}}, "seconds": S}`` calls ``M.F(**arguments)``, which
  returns a ``Program`` that replaces the previous one, warms it up, and finds how many calls take ``S`` seconds.
- ``{"result": FILE}`` writes the result of one call to a ``.npy`` file.
- ``{"measure": CALLS}`` times this number of calls.
- ``{"drop": true}`` releases the program and its arrays.

The interpreter may be that of another environment, so this file needs only the standard library.
"""

import contextlib
import gc
import importlib
import importlib.metadata
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Worker:
    """Answers commands; holds one program at a time."""

    def __init__(self) -> None:
        self._program: Any = None

    def build(self, task: dict[str, Any], seconds: float) -> dict[str, Any]:
        self.drop()
        _forget_peak_memory()
        function = getattr(importlib.import_module(task["module"]), task["function"])
        try:
            self._program = function(**task["arguments"])
            if self._program.calls is None:
                self._program.run(1)
        except NotImplementedError as reason:
            return {"unsupported": str(reason)}
        calls, took = self._program.calibrated(seconds)
        versions = {name: importlib.metadata.version(name) for name in self._program.distributions}
        return {
            "calls": calls,
            "seconds": took,
            "versions": versions,
            "notes": dict(self._program.notes),
            "checkable": self._program.result is not None,
        }

    def result(self, file: str) -> dict[str, Any]:
        import numpy

        numpy.save(file, numpy.asarray(self._program.result()))
        return {}

    def measure(self, calls: int) -> dict[str, Any]:
        measured: dict[str, Any] = self._program.measure(calls)
        return {"peak_bytes": _peak_memory(), **measured}

    def drop(self) -> dict[str, Any]:
        self._program = None
        if "jax" in sys.modules:
            sys.modules["jax"].clear_caches()
        gc.collect()
        return {}


def _lend(folder: Path) -> None:
    """Make the modules that programs need importable without the rest of core, which isn't in all environments, and is
    slow to import."""
    for name in ("program", "loop"):
        spec = importlib.util.spec_from_file_location(f"brainevent_core.bench.{name}", folder / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


def _forget_peak_memory() -> None:
    """Reset the peak of resident memory, if Linux allows it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_memory() -> int | None:
    """The peak of resident memory in bytes since the last build, if ``/proc`` has it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)


def main() -> None:
    settings = json.loads(sys.argv[1])
    # The folder of this file would come first otherwise, and hide modules of the standard library.
    sys.path[:1] = settings["path"]
    _lend(Path(settings["core"]) / "bench")
    if settings["cpus"] is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, settings["cpus"])  # before anything counts the cores to size its thread pool
    answers, sys.stdout = sys.stdout, sys.stderr  # output of a contender must not be taken for an answer
    worker = Worker()
    commands: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "build": lambda command: worker.build(command["build"], command["seconds"]),
        "result": lambda command: worker.result(command["result"]),
        "measure": lambda command: worker.measure(command["measure"]),
        "drop": lambda command: worker.drop(),
    }
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = commands[next(iter(command))](command)
        except Exception:
            answer = {"failed": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
