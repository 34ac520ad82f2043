"""Interleaved rounds between contenders, and the environments that foreign ones need."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

__all__ = ["Contender", "Result", "compete", "environment"]

CACHE = Path.home() / ".cache" / "brainevent-benchmarks"


@dataclass(frozen=True)
class Contender:
    """Something to time.

    Attributes:
        name: as tables show it.
        module: the file with its ``CONTENDERS``.
        key: its key there.
        python: the interpreter to run it with.
    """

    name: str
    module: Path
    key: str
    python: str = sys.executable


@dataclass
class Result:
    """What a contender took, round by round, in seconds."""

    versions: Mapping[str, str]
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def ratio_to(self, other: Result) -> float:
        """How many times longer than ``other``: the median over the rounds of the ratio within a round."""
        return statistics.median(mine / theirs for mine, theirs in zip(self.seconds, other.seconds, strict=True))


def compete(contenders: Sequence[Contender], rounds: int, *, progress: bool = True) -> dict[str, Result]:
    """Time every contender once per round, in turns.

    Raises:
        RuntimeError: if a contender dies; the message holds what it wrote.
    """
    with ExitStack() as stack:
        processes = {c.name: stack.enter_context(_Worker(c)) for c in contenders}
        results = {name: Result(process.answer()["ready"]) for name, process in processes.items()}
        for _ in tqdm(range(rounds), desc="rounds", disable=not progress):
            for name, process in processes.items():
                process.ask()
                results[name].seconds.append(process.answer()["seconds"])
    return results


class _Worker:
    def __init__(self, contender: Contender) -> None:
        self._name = contender.name
        command = [contender.python, str(Path(__file__).with_name("worker.py")), str(contender.module), contender.key]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self) -> None:
        assert self._process.stdin is not None
        print("go", file=self._process.stdin, flush=True)

    def answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"The contender {self._name!r} died; what it wrote is above.")
        return json.loads(line)


def environment(name: str, requirements: Sequence[str]) -> str:
    """The interpreter of a virtual environment with ``requirements``, made at the first request and kept."""
    folder = CACHE / f"{name}-py{sys.version_info.major}.{sys.version_info.minor}"
    python, done = folder / "bin" / "python", folder / "requirements.txt"
    wanted = "\n".join(requirements)
    if not done.exists() or done.read_text() != wanted:
        print(f"Installing {', '.join(requirements)} into {folder} ...", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *requirements], check=True)
        done.write_text(wanted)
    return str(python)


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table with right-aligned figures."""
    widths = [max(len(line[i]) for line in (head, *lines)) for i in range(len(head))]
    for line in (head, *lines):
        first, *rest = (cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths)))
        yield "  ".join([first, *rest])
