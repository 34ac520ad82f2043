"""``python -m fuzz``, which ``hatch run fuzz`` calls."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time

from tqdm import tqdm

from fuzz import driver
from fuzz.cells import Table, table
from fuzz.table import OPERATIONS

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run the fuzzer as requested on the command line, and return the exit status."""
    given = _parse(arguments)
    chosen = table(OPERATIONS, [re.compile(pattern) for pattern in given.select])
    if not chosen.cells:
        print("No cell has a name in which all patterns are found.", file=sys.stderr)
        return 2
    if given.list_only:
        print("\n".join(f"{number:5} {cell}" for number, cell in enumerate(chosen.cells)))
        return 0
    rounds = chosen.rounds_for(given.calls)
    total = 1 if given.case is not None else sum(len(chosen.cases(cell, rounds)) for cell in range(len(chosen.cells)))
    begin = time.perf_counter()
    with tqdm(total=total, unit="call", disable=None if given.progress else True) as bar:
        outcome = driver.run(
            chosen,
            seed=given.seed,
            select=given.select,
            rounds=rounds,
            jobs=given.jobs,
            only=given.case,
            progress=lambda calls: bar.update(calls) and None,
            found=lambda finding: bar.write(_described(finding, given)),
        )
    _report(chosen, outcome, time.perf_counter() - begin)
    return 1 if outcome.findings or outcome.interrupted else 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="hatch run fuzz",
        description="Make random calls with malformed input; each must be an error that says why, or the one defined "
        "result. The status is 1 if any is not, or ends its process.",
    )
    parser.add_argument("--calls", type=int, default=100_000, help="minimal number of calls (default: 100000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default: 0)")
    parser.add_argument("--case", type=int, metavar="N", help="make only the call with this number")
    parser.add_argument(
        "--select",
        action="append",
        default=[],
        metavar="REGEX",
        help="only cells whose name contains a match",
    )
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 8), help="number of parallel processes")
    parser.add_argument("--list", action="store_true", dest="list_only", help="list the cells and stop")
    parser.add_argument("--no-progress", action="store_false", dest="progress", help="no progress bar")
    return parser.parse_args(arguments)


def _described(finding: driver.Finding, given: argparse.Namespace) -> str:
    select = "".join(f" --select '{pattern}'" for pattern in given.select)
    again = f"hatch run fuzz --seed {given.seed} --case {finding.case}{select}"
    return f"\n{finding.cell}\n  {finding.message}\n  again: {again}"


def _report(chosen: Table, outcome: driver.Outcome, seconds: float) -> None:
    for name, absent in chosen.left_out.items():
        print(f"left out: {name} (there is no brainevent.{absent})")
    calls = outcome.calls
    if outcome.interrupted:
        print("interrupted:")
    print(
        f"{calls.total()} calls in {len(chosen.cells)} cells, {seconds:.0f} s: {calls['result']} as defined, "
        f"{calls['error']} errors that say why, {calls['wrong']} wrong, {calls['crashed']} crashes; "
        f"{len(chosen.left_out)} operations left out."
    )


if __name__ == "__main__":
    sys.exit(main())
