"""What the command line says, the same for all benchmarks."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.contest import Effort
from benchmarks.harness.figures import Clock

__all__ = ["Options", "parse"]


@dataclass(frozen=True)
class Options:
    """The options of ``hatch run bench``; ``--help`` explains them."""

    names: list[str]
    select: list[re.Pattern[str]]
    peers: list[str] | None
    threads: int
    clock: Clock
    effort: Effort
    list_only: bool
    json: Path | None
    progress: bool

    def selects(self, name: str) -> bool:
        """Whether every pattern is found in a name."""
        return all(pattern.search(name) for pattern in self.select)


def parse(arguments: list[str] | None, benchmarks: dict[str, str]) -> Options:
    """Read the command line.

    Args:
        arguments: of the command; None takes those of this process.
        benchmarks: the names of all, with a line about each.
    """
    about = "\n".join(f"  {name:<12} {line}" for name, line in benchmarks.items())
    parser = argparse.ArgumentParser(
        prog="hatch run bench",
        description="Measure brainevent against what one would use instead.\n\nbenchmarks:\n" + about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = Effort()
    parser.add_argument("names", nargs="*", metavar="BENCHMARK", help="which to run; all by default")
    parser.add_argument("--list", action="store_true", dest="list_only", help="list the cases and stop")
    parser.add_argument(
        "--select",
        type=_pattern,
        action="append",
        default=[],
        metavar="REGEX",
        help="only cases in whose name this is found; given several times, all must be",
    )
    parser.add_argument("--peers", type=lambda text: text.split(","), help="only these contenders, separated by commas")
    parser.add_argument("--threads", type=int, default=1, choices=(1, 2), help="per contender (default: 1)")
    parser.add_argument("--clock", choices=("cpu", "wall"), help="what ratios compare (default: cpu for one thread)")
    parser.add_argument("--rounds", type=int, default=default.rounds, help="interleaved rounds (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=default.seconds, help="of one measurement, at least (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to this file")
    parser.add_argument("--no-progress", action="store_false", dest="progress", help="no progress bar")
    given = parser.parse_args(arguments)
    if given.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {given.rounds}")
    unknown = [name for name in given.names if name not in benchmarks]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]!r}; there are {', '.join(benchmarks)}")
    return Options(
        names=given.names or list(benchmarks),
        select=given.select,
        peers=given.peers,
        threads=given.threads,
        clock=given.clock or ("cpu" if given.threads == 1 else "wall"),
        effort=Effort(given.rounds, given.seconds),
        list_only=given.list_only,
        json=given.json,
        progress=given.progress,
    )


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a regular expression: {error}") from None
