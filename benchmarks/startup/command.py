"""``hatch run bench startup``.

Each round starts a new process per contender, first with an empty cache folder and then with the same folder, which is
now filled. Importing JAX, brainunit and Numba is timed separately, because no package that uses them can change this
time. Modules are compiled to bytecode before, as they are when a package is installed.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import published
from benchmarks.harness import reports
from benchmarks.harness.claims import Claim, judge
from benchmarks.harness.cores import cores, thread_limits
from benchmarks.harness.reports import Report
from benchmarks.harness.series import Peer, known, titles
from benchmarks.options import Options
from brainevent_core.bench import ratios
from brainevent_core.bench.figures import Outcome, Sample, spread
from brainevent_core.bench.measured import Measured
from brainevent_core.bench.progress import following
from brainevent_core.bench.rounds import Effort
from brainevent_core.bench.tables import Table

__all__ = ["PEERS", "run"]

SCRIPT = Path(__file__).with_name("first_use.py")
EFFORT = Effort(rounds=5, seconds=0.0, patience=0.0)
APART = "jax, brainunit and numba"
"""The stage that doesn't count."""


@dataclass(frozen=True)
class Case:
    """Whether compiled kernels are on disk ("warm") or not ("cold")."""

    cache: str

    @property
    def name(self) -> str:
        return f"first-use/{self.cache}"


CASES = [Case("cold"), Case("warm")]

PEERS = {
    "ours": Peer("brainevent", ""),
    "reference": Peer("reference", "", {"BRAINEVENT_BACKEND": "reference"}),
    "published": published.peer(""),
}

CLAIMS: list[Claim[Measured[Case]]] = [
    Claim(
        "first use with a warm cache, without importing JAX, brainunit and Numba",
        lambda one: one.case.cache == "warm",
        lambda one: None if (seconds := one.seconds("ours")) is None else seconds.median,
        at_most=1.0,
        unit="s",
    ),
]


def run(options: Options) -> Report | None:
    """Measure the selected cases, or list them."""
    peers = known(options.peers, PEERS)
    if options.list_only:
        print(*(case.name for case in CASES), sep="\n")
        return None
    rounds = options.effort(EFFORT).rounds
    stages: dict[tuple[str, str], list[Any]] = defaultdict(list)
    with (
        TemporaryDirectory(prefix="brainevent-startup-") as bytecode,
        following("startup", rounds + 1, options.progress) as progress,
    ):
        for number in range(rounds + 1):
            for name, peer in peers.items():
                with TemporaryDirectory(prefix="brainevent-startup-") as cache:
                    for case in CASES:
                        progress(f"round {number}" if number else "bytecode", f"{name}, {case.cache}")
                        answer = _first_use(peer, Path(cache), Path(bytecode))
                        if number:
                            stages[case.name, name].append(answer)
    clock = options.clock or "wall"  # the time that a user waits
    measured = [Measured(case, 1, clock, {name: _outcome(stages[case.name, name]) for name in peers}) for case in CASES]
    return Report(
        "startup",
        [_table(measured, peers, stages)],
        judge(CLAIMS, measured, lambda one: one.case.name),
        versions=reports.versions(one.outcomes for one in measured),
        figures=[one.as_json() for one in measured],
    )


def _first_use(peer: Peer, cache: Path, bytecode: Path) -> dict[str, Any]:
    """The output of the script, or the reason why there is none."""
    try:
        contender = peer.contender("")
    except (OSError, subprocess.CalledProcessError) as error:
        return {"failed": f"its environment could not be made: {error}"}
    command = [contender.python, str(SCRIPT), *(str(core) for core in cores(1) or [])]
    folders = {"NUMBA_CACHE_DIR": str(cache), "XDG_CACHE_HOME": str(cache), "PYTHONPYCACHEPREFIX": str(bytecode)}
    variables = {**os.environ, **thread_limits(1), **folders, **peer.arguments}
    for name in ("PYTHONDONTWRITEBYTECODE", "BRAINEVENT_CACHE_DIR"):
        variables.pop(name, None)
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    if done.returncode:
        return {"failed": done.stderr.strip() or f"status {done.returncode}"}
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer if answer["right"] else {"failed": "The result is wrong."}


def _outcome(answers: Sequence[Mapping[str, Any]]) -> Outcome:
    failed = next((answer["failed"] for answer in answers if "failed" in answer), None)
    if failed is not None:
        return Outcome("failed", failed)
    samples = [Sample(_sum(answer, "wall"), _sum(answer, "cpu")) for answer in answers]
    return Outcome("measured", versions=answers[0]["versions"], calls=1, samples=samples)


def _sum(answer: Mapping[str, Any], clock: str) -> float:
    return sum(times[clock] for stage, times in answer["stages"].items() if stage != APART)


def _table(
    measured: Sequence[Measured[Case]], peers: Mapping[str, Peer], stages: Mapping[tuple[str, str], Any]
) -> Table:
    names = [APART, "import brainevent", "matrix and spikes", "first product"]
    lines = []
    for one in measured:
        for name, peer in peers.items():
            seconds, title = one.seconds(name), f"{peer.title}, {one.case.cache} cache"
            if seconds is None:
                lines.append([title, *[""] * len(names), ratios.missing(one, name), ""])
                continue
            answers = stages[one.case.name, name]
            parts = [spread([answer["stages"][stage][one.clock] for answer in answers]).median for stage in names]
            cells = [f"{part:.2f}" for part in (*parts, seconds.median)]
            lines.append([title, *cells, ratios.cell(one, name)])
    clock = "CPU time" if measured[0].clock == "cpu" else "wall time"
    head = ["seconds", *names, "all but the first", "× brainevent"]
    return Table(f"First use in a new process, {clock}", head, lines, ratios.remarks(measured, titles(peers)))
