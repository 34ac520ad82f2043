"""Test files run by pytest in the environment of a client, and what became of each test."""

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
    """Of one test.

    Attributes:
        file: that it is in, relative to the folder of packages, or its name alone.
        test: its name in the file.
        outcome: "passed", "failed" (in setup and teardown as well), "skipped", or "crashed".
        message: of a failure, one line.
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
    """Run test files, each in a process of its own: one that crashes takes no other with it.

    Args:
        installation: where.
        files: in its folder, or anywhere.
        patience: seconds for one file.
        jobs: how many files at a time.
        progress: is told a file that begins, from any thread.

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
                    # Bytecode is kept: every file starts a process, and importing takes most of the time of many.
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
    complete = status in (0, 1, 5) or (status == 2 and results)  # 5: there are no tests, 2: the file can't be imported
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
    """What follows the file in pytest's name of a test; nothing for the file itself."""
    return node.partition("::")[2]
