"""``hatch run bench products``."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm

from benchmarks.harness import machine, tables
from benchmarks.options import Options
from benchmarks.products import report
from benchmarks.products.cases import CASES
from benchmarks.products.peers import PEERS
from benchmarks.products.run import measure

__all__ = ["run"]


def run(options: Options) -> dict[str, Any]:
    """Measure the selected cases, print a table, and return all figures."""
    cases = [case for case in CASES if options.selects(case.name)]
    if options.list_only:
        print("\n".join(case.name for case in cases))
        return {}
    peers = options.peers or list(PEERS)
    unknown = [peer for peer in peers if peer not in PEERS]
    if unknown:
        raise SystemExit(f"No peer is called {unknown[0]!r}; there are {', '.join(PEERS)}.")
    hidden = None if options.progress else True  # None: on a terminal only
    with tqdm(total=len(cases), disable=hidden, bar_format="{n}/{total} {elapsed} {desc}") as bar:
        seen: list[str] = []

        def progress(case: str, doing: str) -> None:
            if case not in seen:
                seen.append(case)
                bar.update(len(seen) - 1 - bar.n)
            bar.set_description_str(f"{case}: {doing}")

        measured = measure(cases, peers, options.threads, options.effort, progress)
        bar.update(len(cases) - bar.n)
    threads = "one thread" if options.threads == 1 else f"{options.threads} threads"
    print(f"\nMedian of up to {options.effort.rounds} interleaved rounds, {options.clock} time, {threads}.")
    print("Ours in µs per product; the others in times ours: median [quartiles].")
    lines = report.lines(measured, peers, options.clock)
    print("\n".join(tables.plain(report.head(peers), lines)))
    for remark in report.remarks(measured):
        print(remark)
    return {
        "machine": machine.describe(),
        "threads": options.threads,
        "clock": options.clock,
        "cases": [one.as_json() for one in measured],
    }
