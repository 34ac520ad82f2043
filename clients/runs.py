"""Runs test files with pytest in the environment of a client, and collects the result of each test."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from clients.installations import Installation

__all__ = ["Result", "run"]

_PLUGIN = Path(__file__).with_name("plugin")


@dataclass(frozen=True)
class Result:
    """The result of one test.

    Attributes:
        file: the test file, relative to the folder of packages; the name alone if it is outside.
        test: its name within the file.
        outcome: "passed", "failed" (including failures in setup and teardown), "skipped", or "crashed".
        message: the failure, in one line.
        uses: the classes and functions of brainevent that it used.
    """

    file: str
    test: str
    outcome: str
    message: str
    uses: frozenset[str]


def run(
    installation: Installation,
    files: Sequence[Path],
    *,
    patience: float,
    jobs: int = 1,
    progress: Callable[[str], None] = lambda file: None,
) -> list[Result]:
    """Run test files, each in its own process, so that a crash doesn't affect other files.

    Args:
        installation: the environment.
        files: files in its folder, or anywhere.
        patience: time limit for one file, in seconds.
        jobs: number of files that run at the same time.
        progress: called with the name of each file when it starts, from any thread.

    Returns:
        The results in the order of the files.
    """

    def run_one(file: Path) -> list[Result]:
        progress(file.name)
        return _run_file(installation, file, patience)

    with ThreadPoolExecutor(jobs) as pool:
        return [result for results in pool.map(run_one, files) for result in results]


def _run_file(installation: Installation, file: Path, patience: float) -> list[Result]:
    inside = file.is_relative_to(installation.folder)
    root = installation.folder if inside else file.parent
    label = str(file.relative_to(root))
    with tempfile.TemporaryDirectory(prefix="brainevent-clients-") as folder:
        record = Path(folder) / "record.jsonl"
        record.touch()
        options = ["-p", _plugin_name(), "-p", "no:cacheprovider", "--import-mode=importlib", "-q", "-c", os.devnull]
        with (Path(folder) / "output.txt").open("w+") as output:
            process = subprocess.Popen(
                [installation.python, "-m", "pytest", *options, "--rootdir", str(root), str(file)],
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={
                    # Let Python write bytecode: each file starts a process, and many of these mostly import.
                    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
                    "BRAINEVENT_CLIENTS_RECORD": str(record),
                    "JAX_PLATFORMS": "cpu",
                    "MPLBACKEND": "Agg",
                    "PYTHONPATH": str(_PLUGIN),
                },
            )
            try:
                status = process.wait(patience)
                ended = f"the process ended with status {status}"
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                status, ended = -1, f"it took longer than {patience:.0f} s"
            output.seek(0)
            said = output.read().strip().splitlines()
        lines = [json.loads(line) for line in record.read_text().splitlines()]
    results = [
        Result(label, _test_name(line["test"]), line["outcome"], line["message"], frozenset(line["uses"]))
        for line in lines
        if line["outcome"] != "begun"
    ]
    complete = status in (0, 1, 5) or (status == 2 and results)  # 5: no tests, 2: the file can't be imported
    if not complete:
        begun = next((_test_name(line["test"]) for line in reversed(lines) if line["outcome"] == "begun"), "")
        finished = {result.test for result in results}
        last = said[-1][:200] if said else ""
        test = begun if begun not in finished else ""
        results.append(Result(label, test, "crashed", f"{ended}; {last}", frozenset()))
    return results


def _plugin_name() -> str:
    (plugin,) = _PLUGIN.glob("*.py")
    return plugin.stem


def _test_name(node: str) -> str:
    """The part of pytest's node ID after the file name, or an empty string for the file itself."""
    return node.partition("::")[2]
