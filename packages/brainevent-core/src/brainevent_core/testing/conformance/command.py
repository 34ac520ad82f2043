"""The command line of the kit: ``python -m brainevent.testing --backend NAME``, or ``brainevent test``."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from brainevent_core.errors import KernelNotAvailableError
from brainevent_core.testing.conformance import report
from brainevent_core.testing.conformance.case import ConformanceCase, Outcome
from brainevent_core.testing.conformance.check import device_of, primitives_of, stand_in
from brainevent_core.testing.conformance.run import run_cases
from brainevent_core.testing.conformance.tables import TABLES, conformance_cases, named_case
from brainevent_core.testing.pairwise import MissingExtra

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the kit and print its report.

    Args:
        arguments: those of the command line; None for those of the process.

    Returns:
        The exit status: 0 if the backend conforms, 1 if it does not, 2 if it can't be tested.
    """
    options = _parser().parse_args(arguments)
    try:
        with stand_in(options.backend, options.platform):
            return _run(options)
    except KernelNotAvailableError as error:
        return _untestable(options.backend, str(error))


def _run(options: Any) -> int:
    try:
        primitives = primitives_of(options.backend, device_of(options.backend))
    except Exception as error:
        return _untestable(options.backend, str(error))
    if not set(primitives) & set(TABLES):
        return _untestable(options.backend, f"it registers no kernel for any of {', '.join(TABLES)}.")
    try:
        cases = _cases(options, primitives)
    except MissingExtra as error:
        return _untestable(options.backend, f"{error}.")
    if not cases:
        return _untestable(options.backend, f"no case of {', '.join(primitives)} is selected by {options.select!r}.")

    found = run_cases(cases, options.backend, options.platform)
    outcomes = list(_with_progress(found, len(cases), silent=options.no_progress))
    untested = [primitive for primitive in primitives if primitive not in TABLES]
    print(report.render(options.backend, outcomes, untested))
    if options.json:
        options.json.write_text(json.dumps(report.as_data(options.backend, outcomes, untested), indent=1) + "\n")
    return 0 if report.conforms(outcomes) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m brainevent.testing",
        description="Run every primitive that a backend has kernels for against the reference, and report.",
    )
    parser.add_argument("--backend", required=True, metavar="NAME", help="the backend, by the name of its entry point")
    parser.add_argument("--platform", metavar="NAME", help="run its kernels on this platform instead of its devices")
    parser.add_argument("--select", default="", metavar="REGEX", help="only cases whose name contains a match")
    parser.add_argument("--case", metavar="NAME", help="only this case")
    parser.add_argument("--whole", action="store_true", help="the whole table instead of a pairwise cover; hours")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report as JSON")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")
    return parser


def _cases(options: Any, primitives: Sequence[str]) -> list[ConformanceCase]:
    if options.case:
        return [named_case(options.case)]
    select = re.compile(options.select)
    return [case for case in conformance_cases(primitives, whole=options.whole) if select.search(str(case))]


def _untestable(backend: str, reason: str) -> int:
    print(f"The backend {backend!r} can't be tested: {reason}", file=sys.stderr)
    return 2


def _with_progress(outcomes: Iterable[Outcome], total: int, *, silent: bool) -> Iterator[Outcome]:
    try:
        from tqdm import tqdm
    except ImportError:
        yield from outcomes if silent else _counted(outcomes, total)
        return
    yield from tqdm(outcomes, total=total, disable=silent, unit="case")


def _counted(outcomes: Iterable[Outcome], total: int) -> Iterator[Outcome]:
    for count, outcome in enumerate(outcomes, 1):
        print(f"\r{count} of {total} cases", end="" if count < total else "\n", file=sys.stderr, flush=True)
        yield outcome
