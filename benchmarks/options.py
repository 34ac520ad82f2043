"""The command line, which is the same for all benchmarks."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from brainevent_core.bench.arguments import positive, regular_expression
from brainevent_core.bench.figures import Clock
from brainevent_core.bench.machine import usable
from brainevent_core.bench.rounds import Effort

__all__ = ["Options", "parse"]


@dataclass(frozen=True)
class Options:
    """The options of ``hatch run bench``; ``--help`` explains them."""

    names: list[str]
    select: list[re.Pattern[str]]
    peers: list[str] | None
    threads: int | None
    clock: Clock | None
    rounds: int | None
    seconds: float | None
    quick: bool
    list_only: bool
    json: Path | None
    plot: Path | None
    docs: bool
    progress: bool

    def selects(self, name: str) -> bool:
        """Whether a name matches every pattern."""
        return all(pattern.search(name) for pattern in self.select)

    def effort(self, default: Effort) -> Effort:
        """How long to measure: as requested, otherwise the benchmark's default, or less if ``--quick``."""
        usual = Effort(3, default.seconds / 3, default.patience / 3) if self.quick else default
        return Effort(self.rounds or usual.rounds, self.seconds or usual.seconds, usual.patience)

    def clock_for(self, threads: int) -> Clock:
        """CPU time measures the work, whatever else runs; but the purpose of threads is to reduce wall-clock time."""
        return self.clock or ("cpu" if threads == 1 else "wall")


def parse(arguments: list[str] | None, benchmarks: Mapping[str, str]) -> Options:
    """Read the command line.

    Args:
        arguments: of the command; None for those of this process.
        benchmarks: the names of all benchmarks, with a one-line description of each.
    """
    about = "\n".join(f"  {name:<10} {line}" for name, line in benchmarks.items())
    parser = argparse.ArgumentParser(
        prog="hatch run bench",
        description=f"Measure brainevent beside the alternatives.\n\nbenchmarks:\n{about}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="BENCHMARK", help="benchmarks to run (default: all)")
    parser.add_argument("--list", action="store_true", dest="list_only", help="list the cases and stop")
    parser.add_argument(
        "--select",
        type=regular_expression,
        action="append",
        default=[],
        metavar="REGEX",
        help="only cases whose name contains a match; if given several times, a match of each",
    )
    parser.add_argument("--quick", action="store_true", help="few cases and rounds, as a smoke test")
    parser.add_argument("--peers", type=lambda text: text.split(","), help="only these contenders, separated by commas")
    parser.add_argument(
        "--threads",
        type=int,
        choices=(1, 2),
        help="threads per contender (default: 1; 1 and 2 for claims about two threads)",
    )
    parser.add_argument("--clock", choices=("cpu", "wall"), help="clock for comparisons (default: cpu for one thread)")
    parser.add_argument("--rounds", type=positive(int), help="interleaved rounds (default: 5 to 15)")
    parser.add_argument("--seconds", type=positive(float), help="minimal duration of one measurement (default: 0.03)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="draw pictures into this folder")
    parser.add_argument("--docs", action="store_true", help="write the results into the pages of docs/")
    parser.add_argument("--no-progress", action="store_false", dest="progress", help="no progress bar")
    given = parser.parse_args(arguments)
    if given.threads and given.threads > usable():
        parser.error(f"--threads {given.threads} needs as many cores, and this process may use {usable()}")
    for name in given.names:
        if name not in benchmarks:
            parser.error(f"no benchmark is called {name!r}; there are {', '.join(benchmarks)}")
    return Options(
        names=given.names or list(benchmarks),
        select=given.select,
        peers=given.peers,
        threads=given.threads,
        clock=given.clock,
        rounds=given.rounds,
        seconds=given.seconds,
        quick=given.quick,
        list_only=given.list_only,
        json=given.json,
        plot=given.plot,
        docs=given.docs,
        progress=given.progress,
    )
