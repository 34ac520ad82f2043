"""``python -m clients``, which ``hatch run clients`` calls."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tqdm import tqdm

from brainevent_core.bench.tables import plain
from clients.comparison import Comparison, compare, table
from clients.installations import CLIENTS, Installation, installations
from clients.runs import Result, run
from clients.search import find_tests

__all__ = ["main"]

OWN = sorted((Path(__file__).parent / "calls").glob("test_*.py"))


def main(arguments: list[str] | None = None) -> int:
    """Run the clients' tests as requested on the command line, and return the exit status."""
    given = _parse(arguments)
    published, ours = installations(upgrade=given.upgrade, newest=given.newest)
    work = [(client, _files(published, client, given)) for client in given.names]
    own = [file for file in OWN if all(pattern.search(file.name) for pattern in given.select)]
    if given.list_only:
        for client, files in work:
            for file in files:
                print(f"{client:<15} {file.relative_to(published.folder)}")
        for file in own:
            print(f"{'(our tests)':<15} {file.name}")
        return 0
    comparisons: list[Comparison] = []
    unused = 0
    total = 2 * (sum(len(files) for _, files in work) + len(own))
    with tqdm(total=total, unit="file", disable=None if given.progress else True) as bar:

        def follow(file: str) -> None:
            bar.set_postfix_str(file)
            bar.update()

        test = partial(run, patience=given.patience, jobs=given.jobs, progress=follow)
        for client, files in work:
            before = test(published, files)
            # Files that use no operator of brainevent with the published package are irrelevant.
            reached = {result.file for result in before if result.uses or result.outcome != "passed"}
            moved = [ours.folder / file.relative_to(published.folder) for file in files]
            kept = [file for file in moved if str(file.relative_to(ours.folder)) in reached]
            bar.update(len(moved) - len(kept))
            after = test(ours, kept)
            found = compare(client, [result for result in before if result.file in reached], after)
            unused += len(files) - len({one.file for one in found})
            comparisons += found
            _save(comparisons, given.json)
        both = [test(side, own) for side in (published, ours)]
        comparisons += compare("(our tests)", *both, required=True)
    remarks = _remarks(published, ours, unused)
    print("\n".join(plain(table(comparisons, "Tests of the clients, on both packages", remarks))))
    _save(comparisons, given.json)
    broken = sum(len(one.broken) for one in comparisons)
    print(f"\n{broken} tests are broken." if broken else "\nNothing is broken.")
    return 1 if broken else 0


def _save(comparisons: Sequence[Comparison], file: Path | None) -> None:
    """Save the comparisons so far: a whole run takes an hour, and its results must not be lost."""
    if file:
        file.write_text(json.dumps([_as_json(one) for one in comparisons], indent=1))


def _files(installation: Installation, client: str, given: argparse.Namespace) -> list[Path]:
    found = find_tests(installation.folder / client, given.depth)
    return [file for file in found if all(pattern.search(str(file)) for pattern in given.select)]


def _remarks(published: Installation, ours: Installation, unused: int) -> Sequence[str]:
    versions = ", ".join(f"{name} {version}" for name, version in ours.versions.items() if name != "brainevent")
    remarks = ["", f"brainevent {published.versions['brainevent']} and {ours.versions['brainevent']}; {versions}."]
    if unused:
        remarks.append(f"Left out: {unused} files that were found by a name, but use no operator of brainevent.")
    return remarks


def _as_json(one: Comparison) -> dict[str, object]:
    def told(results: dict[str, Result]) -> dict[str, object]:
        return {name: {**asdict(result), "uses": sorted(result.uses)} for name, result in results.items()}

    return {
        "client": one.client,
        "file": one.file,
        "group": one.group,
        "published": told(one.published),
        "ours": told(one.ours),
        "broken": [result.test for result in one.broken],
    }


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="hatch run clients",
        description="Install the packages that build on brainevent twice, with the published package and with ours in "
        "its place, run those of their own tests that use it, and tests of ours for the ways in which they call it. "
        "The status is 1 if a test that passes on the published package, or one of ours, fails.",
    )
    parser.add_argument("names", nargs="*", metavar="CLIENT", help=f"which ones (default: {', '.join(CLIENTS)})")
    parser.add_argument(
        "--depth", type=int, default=2, help="maximal number of definitions between brainevent and a test (default: 2)"
    )
    parser.add_argument(
        "--select",
        action="append",
        type=re.compile,
        default=[],
        metavar="REGEX",
        help="only test files whose path contains a match",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=min(os.cpu_count() or 1, 8),
        help="parallel test files (default: one per core, up to 8)",
    )
    parser.add_argument(
        "--patience", type=float, default=1800.0, help="time limit for one test file, in seconds (default: 1800)"
    )
    parser.add_argument("--upgrade", action="store_true", help="recreate the environments, with the latest clients")
    parser.add_argument(
        "--newest",
        action="store_true",
        help="compare with the newest published release, with the newest clients, on a newer Python",
    )
    parser.add_argument("--list", action="store_true", dest="list_only", help="list the test files and stop")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all results to this file")
    parser.add_argument("--no-progress", action="store_false", dest="progress", help="no progress bar")
    given = parser.parse_args(arguments)
    for name in given.names:
        if name not in CLIENTS:
            parser.error(f"no client is called {name!r}; there are {', '.join(CLIENTS)}")
    given.names = list(dict.fromkeys(given.names)) or list(CLIENTS)
    return given


if __name__ == "__main__":
    sys.exit(main())
